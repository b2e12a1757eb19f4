package storetest_test

import (
	"context"
	"testing"
	"time"

	"go.uber.org/goleak"

	"legwork/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTiming(t *testing.T) {
	for range 2 {
		for _, f := range []func(testing.TB) storetest.Instance{storetest.Redis, storetest.TLS, storetest.Embedded, storetest.Sentinel, storetest.Cluster} {
			start := time.Now()
			i := f(t)
			t.Log(i.URL, time.Since(start))
			if err := i.Client.Set(context.Background(), "a", "b", 0).Err(); err != nil {
				t.Fatal(err)
			}
			t.Log(time.Since(start))
		}
	}
}
