package chaos_test

import (
	"context"
	"testing"

	"legwork/internal/chaos"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

const (
	// watcherName is the process that is told when jobs end.
	watcherName = "chaos"
	// waiterEvery is how many jobs go by for one that somebody waits for.
	waiterEvery = 4
)

// watch writes down which jobs Redis holds as completed, as soon as it is told,
// until the test ends. It listens on a connection that no fault touches but those
// of Redis itself.
func watch(t testing.TB, r storetest.Instance, ledger *chaos.Ledger, queue string) {
	t.Helper()
	sub := r.Client.Subscribe(t.Context(), store.ChannelFinished+":"+watcherName)
	if _, err := sub.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for m := range sub.Channel() {
			state, err := r.Client.HGet(context.Background(), store.KeysOf(queue).Task(m.Payload), store.FieldState).Result()
			if err != nil || state != string(jobs.StateCompleted) {
				continue
			}
			if err := ledger.Write(chaos.Entry{Kind: chaos.Acknowledged, Job: m.Payload}); err != nil {
				t.Error(err)
			}
		}
	}()
	t.Cleanup(func() {
		_ = sub.Close()
		<-done
	})
}
