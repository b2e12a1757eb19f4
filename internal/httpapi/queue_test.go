package httpapi_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"legwork/client"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: a queue shows how many jobs it has in each state, how long the next
// one waits, what it has done, and whether somebody serves it.
func TestQueues(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, nil)
	announceFarWork(t, inst)
	r.fill(3, `{"type":"test.ok","queue":"work"}`)
	r.enqueue(`{"type":"test.die","queue":"work"}`)
	r.enqueue(`{"type":"test.fail","queue":"work"}`)
	stop := r.pool("work")
	r.settle("work", "completed", 3)
	r.settle("work", "archived", 1)
	r.settle("work", "retry", 1)
	stop()
	r.enqueue(`{"type":"test.ok","queue":"work"}`)
	r.enqueue(`{"type":"test.ok","queue":"work","delay":"1h"}`)
	want := []client.Queue{
		{Name: "default", Weight: 1, States: map[string]int{"active": 0, "pending": 0, "scheduled": 0, "retry": 0, "archived": 0, "completed": 0}, DrainTime: new(client.Duration)},
		{Name: "work", States: map[string]int{"active": 0, "pending": 1, "scheduled": 1, "retry": 1, "archived": 1, "completed": 3}, Backlog: 1, DrainReason: "no job of the queue has ended in the last minute", ProcessedTotal: 5, FailedTotal: 2},
	}
	var got client.QueueList
	eventually(t, func() bool {
		got = into[client.QueueList](r.get("/v1/queues"))
		return len(got.Queues) == 2
	}, func() string { return "the announced queue is not there" })
	if diff := cmp.Diff(want, got.Queues, cmpopts.IgnoreFields(client.Queue{}, "OldestPendingAge")); diff != "" {
		t.Errorf("queues (want, got):\n%s", diff)
	}
	for _, q := range want {
		var one client.Queue
		eventually(t, func() bool { // an age is told in whole milliseconds
			one = into[client.Queue](r.get("/v1/queues/" + q.Name))
			return q.States["pending"] == 0 || one.OldestPendingAge > 0
		}, func() string { return "the pending job has no age" })
		if diff := cmp.Diff(q, one, cmpopts.IgnoreFields(client.Queue{}, "OldestPendingAge")); diff != "" {
			t.Errorf("queue (want, got):\n%s", diff)
		}
		if age := time.Duration(one.OldestPendingAge); q.States["pending"] == 1 && (age <= 0 || age > time.Minute) || q.States["pending"] == 0 && age != 0 {
			t.Errorf("queue %s: oldest waits %s", q.Name, age)
		}
	}
}

// Promise: a paused queue keeps its jobs until it is resumed, others go on, and
// saying it twice changes nothing.
func TestPause(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	r.fill(1, `{"type":"test.ok","queue":"a"}`)
	for range 2 {
		a := r.send(http.MethodPost, "/v1/queues/a/pause", "")
		if q := into[client.Queue](a); a.status != http.StatusOK || !q.Paused || q.Name != "a" {
			t.Errorf("pause: %d %s", a.status, a.body)
		}
	}
	r.pool("a", "b")
	r.fill(5, `{"type":"test.ok","queue":"a"}`)
	for range 5 { // each takes at least one look at the paused queue
		a := r.post("/v1/jobs", `{"type":"test.ok","queue":"b"}`, "Prefer", "wait=20")
		if a.status != http.StatusOK {
			t.Fatalf("the other queue: %d %s", a.status, a.body)
		}
	}
	if q := into[client.Queue](r.get("/v1/queues/a")); q.States["pending"] != 6 || !q.Paused {
		t.Errorf("paused queue = %+v", q)
	}
	for range 2 {
		a := r.send(http.MethodPost, "/v1/queues/a/resume", "")
		if q := into[client.Queue](a); a.status != http.StatusOK || q.Paused {
			t.Errorf("resume: %d %s", a.status, a.body)
		}
	}
	r.settle("a", "completed", 6)
}

// Promise: a queue that nobody has heard of is told with 404, and is not made by
// asking.
func TestNoSuchQueue(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	if a := r.get("/v1/queues"); a.status != http.StatusOK || string(a.body) != "{\"queues\":[]}\n" {
		t.Errorf("no queues = %d %q", a.status, a.body)
	}
	for _, name := range []string{marker, "A%20B", "%7Bx%7D", "%00"} {
		for _, c := range []struct{ method, suffix string }{{"GET", ""}, {"POST", "/pause"}, {"POST", "/resume"}} {
			r.send(c.method, "/v1/queues/"+name+c.suffix, "").check(t, refusal{404, client.CodeNotFound, nil, "no such queue"})
		}
	}
	r.untouched(t)
}

// Promise: the catalog lists this program's types and those that living workers
// announce, with schema and defaults, and says how many workers run each.
func TestTypes(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, nil)
	announceFarWork(t, inst)
	var list client.TypeList
	eventually(t, func() bool {
		list = into[client.TypeList](r.get("/v1/types"))
		return len(list.Types) == 6
	}, func() string { return "the announced type is not there" })
	var names []string
	for _, typ := range list.Types {
		names = append(names, typ.Name)
		a := r.get("/v1/types/" + typ.Name)
		if diff := cmp.Diff(typ, into[client.Type](a)); a.status != http.StatusOK || diff != "" {
			t.Errorf("type %s: %d\n%s", typ.Name, a.status, diff)
		}
		if _, err := jobs.CompileSchema(typ.Schema); err != nil || typ.Version == "" || typ.Queue != "default" || typ.MaxRetries != jobs.MaxRetriesDefault {
			t.Errorf("type = %+v, %v", typ, err)
		}
		if far := typ.Name == "far.work"; far != (typ.Workers == 1) {
			t.Errorf("type %s has %d workers", typ.Name, typ.Workers)
		}
	}
	if diff := cmp.Diff([]string{"far.work", "test.any", "test.die", "test.fail", "test.ok", "test.person"}, names); diff != "" {
		t.Errorf("names (want, got):\n%s", diff)
	}
	for _, name := range []string{"test.none", marker, "%00", "A%20B"} {
		r.get("/v1/types/"+name).check(t, refusal{404, client.CodeNotFound, nil, "no such job type"})
	}
}
