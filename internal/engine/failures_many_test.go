package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"legwork/client"
	"legwork/internal/failure"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Of 12,000 failures of one cause and 5,000 of one cause each every one is counted:
// one group of 12,000, and 5,000 of one, each with its dead letters. What Redis keeps
// of a group is bounded, whatever the messages say.
func TestManyFailures(t *testing.T) {
	t.Parallel()
	const alike, unlike = 12_000, 5_000
	inst := storetest.Redis(t)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		none := jobs.Options{MaxRetries: jobs.NoRetries}
		jobs.Handle(reg, "test.alike", func(_ context.Context, o order) (any, error) {
			return nil, fmt.Errorf("account %d of %q: 10.0.%d.%d:443 refused after %dms", o.Number, fmt.Sprint("user", o.Number), o.Number/250, o.Number%250, o.Number)
		}, none)
		jobs.Handle(reg, "test.unlike", func(_ context.Context, o order) (any, error) {
			return nil, errors.New("no such table: " + letters(o.Number) + strings.Repeat(" and so on", 500))
		}, none)
	})
	enqueueOrders(t, r, "test.alike", alike)
	enqueueOrders(t, r, "test.unlike", unlike)
	r.worker(func(o *options) { o.Concurrency = 100 })
	ctx := context.Background()
	fp := failure.Fingerprint("test.alike", store.KindError, "account 1 of \"x\": 10.0.0.1:443 refused after 1ms", "")
	eventually(t, func() bool {
		n, err := inst.Client.ZCard(ctx, store.KeyFailures).Result()
		if err != nil || n != 1+unlike {
			return false
		}
		g, err := r.inspect.Failure(ctx, fp, "")
		return err == nil && g.Count == alike
	}, func() string { return fmt.Sprintf("%d groups", inst.Client.ZCard(ctx, store.KeyFailures).Val()) })
	dead, ones := int64(0), 0
	filter := client.FailureFilter{Limit: 500}
	for {
		list, err := r.inspect.Failures(ctx, filter)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range list.Failures {
			dead += g.Dead
			if g.Type == "test.unlike" && g.Count == 1 && g.Dead == 1 {
				ones++
			}
		}
		if filter.Cursor = list.NextCursor; filter.Cursor == "" {
			break
		}
	}
	if dead != alike+unlike || ones != unlike {
		t.Errorf("%d dead letters in groups of %d, %d of %d groups with one", dead, alike+unlike, ones, unlike)
	}
	for _, key := range []string{store.KeyFailurePrefix + fp, store.KeyFailurePrefix + inst.Client.ZRange(ctx, store.KeyFailures, 0, 0).Val()[0]} {
		if size, err := inst.Client.MemoryUsage(ctx, key).Result(); err != nil || size > 16<<10 {
			t.Errorf("%s takes %d bytes, %v", key, size, err)
		}
	}
}

// letters is a word for the number that has no digit: one that no message loses.
func letters(n int) string {
	word := ""
	for range 6 {
		word += string(rune('g' + n%16))
		n /= 16
	}
	return word
}

func enqueueOrders(t *testing.T, r *rig, name string, total int) {
	t.Helper()
	batch := make([]*client.Enqueue, total)
	for n := range batch {
		batch[n] = &client.Enqueue{Type: name, Payload: fmt.Appendf(nil, `{"number":%d}`, n)}
	}
	for n := 0; n < total; n += 1000 {
		for _, res := range r.EnqueueBatch(t.Context(), batch[n:min(n+1000, total)]) {
			if res.Err != nil {
				t.Fatal(res.Err)
			}
		}
	}
}
