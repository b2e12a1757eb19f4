package inspect_test

import (
	"testing"

	"legwork/client"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: on a Redis that is over its maxmemory jobs can still be cancelled,
// archived, retried and deleted: that is how a person makes room.
func TestActionsOnFullRedis(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst)
	held := r.post(client.Enqueue{Type: "test.hold"})
	r.pool("default")
	r.until(held, jobs.StateActive)
	waiting := r.post(client.Enqueue{Type: "test.ok", Queue: "unserved"})
	if err := inst.Client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if err := inst.Client.Set(t.Context(), "x", 1, 0).Err(); err == nil {
		t.Fatal("Redis is not full")
	}
	if _, err := r.Cancel(t.Context(), held); err != nil {
		t.Errorf("cancel: %v", err)
	}
	r.until(held, jobs.StateArchived)
	if _, err := r.Archive(t.Context(), waiting); err != nil {
		t.Errorf("archive: %v", err)
	}
	if _, err := r.Retry(t.Context(), waiting); err != nil {
		t.Errorf("retry: %v", err)
	}
	for _, id := range []string{held, waiting} {
		if err := r.Delete(t.Context(), id); err != nil {
			t.Errorf("delete: %v", err)
		}
	}
}
