package engine_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
)

// Promise: keys of a wrong type under the names of a queue's active list and
// leases cost no job: what is pending stays so until they are gone. A job whose own
// key is of a wrong type does not stop the others.
func TestTakeAmongKeysOfWrongTypes(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) storetest.Instance{"redis": storetest.Redis, "embedded": storetest.Embedded} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := start(t)
			var runs atomic.Int64
			r := newRig(t, inst, counted(&runs))
			k := store.KeysOf("default")
			for _, key := range []string{k.Active(), k.Lease()} {
				if err := inst.Client.Set(t.Context(), key, "planted", 0).Err(); err != nil {
					t.Fatal(err)
				}
			}
			for range 3 {
				r.post(client.Enqueue{Type: "test.count"})
			}
			if err := inst.Client.Set(t.Context(), k.Task("bad"), "planted", 0).Err(); err != nil {
				t.Fatal(err)
			}
			if err := inst.Client.RPush(t.Context(), k.Pending(), "bad").Err(); err != nil {
				t.Fatal(err)
			}
			r.worker(nil)
			for i, key := range []string{k.Active(), k.Lease()} {
				calls := func() int64 { return errorReplies(t, inst) }
				before := calls()
				eventually(t, func() bool { return name == "embedded" || calls() > before+2 }, func() string { return "the queue is not asked" })
				if n, err := inst.Client.LLen(t.Context(), k.Pending()).Result(); err != nil || n != 4 {
					t.Errorf("step %d: %d pending, %v", i, n, err)
				}
				if err := inst.Client.Del(t.Context(), key).Err(); err != nil {
					t.Fatal(err)
				}
			}
			eventually(t, func() bool { return runs.Load() == 3 }, func() string { return fmt.Sprintf("%d of 3 jobs ran", runs.Load()) })
		})
	}
}

// errorReplies counts the calls that Redis has answered with an error so far.
func errorReplies(t *testing.T, inst storetest.Instance) int64 {
	t.Helper()
	info, err := store.ReadInfo(t.Context(), inst.Client, "stats")
	if err != nil {
		t.Fatal(err)
	}
	n, _ := info.Int("total_error_replies")
	return n
}
