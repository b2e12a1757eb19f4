package inspect_test

import (
	"strings"
	"testing"

	"legwork/client"
	"legwork/internal/store"
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

// Promise: that holds for many jobs at once, too.
func TestBulkOnFullRedis(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst)
	r.dead("q", 250)
	a, _ := r.crew()
	if err := inst.Client.ConfigSet(t.Context(), "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{client.ActionRetry, client.ActionCancel, client.ActionDelete} {
		q := client.ActionRequest{Action: verb, Filter: &client.JobFilter{Queue: "q", State: "archived"}}
		if verb == client.ActionCancel {
			q.Filter.State = "pending"
		}
		if out := ended(t, a, order(t, a, q).ID); out.State != client.ActionDone || out.Done != 250 {
			t.Errorf("%s = %+v", verb, out)
		}
	}
	if left := r.list(client.JobFilter{Queue: "q"}); len(left) != 0 {
		t.Errorf("%d jobs are left", len(left))
	}
}

// Promise: what is of another type in Redis costs an action that job, or that queue, and
// no other; the action tells of it.
func TestBulkAmongKeysOfAnotherType(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst)
	ids, others := r.dead("q", 20), r.dead("other", 20)
	r.dead("bad", 5)
	a, _ := r.crew()
	for key := range map[string]bool{store.KeysOf("q").Task(ids[3]): true, store.KeysOf("bad").Archived(): true} {
		inst.Client.Del(t.Context(), key)
		inst.Client.Set(t.Context(), key, "something else", 0)
	}
	out := ended(t, a, order(t, a, client.ActionRequest{Action: client.ActionRetry, Filter: &client.JobFilter{State: "archived"}}).ID)
	if bad := store.KeysOf("bad").Archived(); out.State != client.ActionFailed || out.Done != 39 || !strings.Contains(out.Error, "the key "+bad+" in Redis holds something else") {
		t.Errorf("%+v", out)
	}
	for queue, want := range map[string]int{"q": 19, "other": len(others)} {
		if got := r.list(client.JobFilter{Queue: queue, State: "pending"}); len(got) != want {
			t.Errorf("%d of %s wait", len(got), queue)
		}
	}
}
