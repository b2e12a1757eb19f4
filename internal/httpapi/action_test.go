package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hibiken/asynq"

	"legwork/client"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: each action moves a job from each state to where it says, or is
// refused with 409 and changes nothing; the answer is the job as it then is.
func TestActions(t *testing.T) {
	t.Parallel()
	const keep = "" // a conflict; the state stays
	for action, to := range map[string]map[string]string{
		"retry":   {"pending": keep, "scheduled": "pending", "retry": "pending", "active": keep, "archived": "pending", "completed": "pending"},
		"cancel":  {"pending": "archived", "scheduled": "archived", "retry": "archived", "active": "active", "archived": keep, "completed": keep},
		"archive": {"pending": "archived", "scheduled": "archived", "retry": "archived", "active": keep, "archived": keep, "completed": keep},
	} {
		t.Run(action, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, storetest.Redis(t), holding(nil))
			r.eachState()
			for from, want := range to {
				before := into[client.Job](r.get("/v1/jobs/" + from))
				a := r.send(http.MethodPost, "/v1/jobs/"+from+"/"+action, "")
				if want == keep {
					a.check(t, refusal{409, client.CodeConflict, nil, "the job is " + from})
					after := into[client.Job](r.get("/v1/jobs/" + from))
					if diff := cmp.Diff(before, after); diff != "" {
						t.Errorf("%s %s changed the job:\n%s", action, from, diff)
					}
					continue
				}
				j := into[client.Job](a)
				if from == "active" && j.State == "archived" {
					want = j.State // it has ended by now
				}
				if a.status != http.StatusOK || j.State != want {
					t.Errorf("%s %s: %d %s, want %s", action, from, a.status, a.body, want)
				}
				r.checkMoved(t, before, j)
			}
		})
	}
}

// eachState makes one job in each state; its id is the state.
func (r *rig) eachState() {
	r.t.Helper()
	for state, body := range map[jobs.State]string{
		jobs.StateCompleted: `{"type":"test.ok","id":"completed"}`,
		jobs.StateArchived:  `{"type":"test.die","id":"archived"}`,
		jobs.StateRetry:     `{"type":"test.fail","id":"retry"}`,
		jobs.StateActive:    `{"type":"test.hold","id":"active"}`,
		jobs.StatePending:   `{"type":"test.ok","id":"pending","queue":"idle"}`,
		jobs.StateScheduled: `{"type":"test.ok","id":"scheduled","queue":"idle","delay":"1h"}`,
	} {
		r.enqueue(body)
		if state == jobs.StateActive {
			r.pool("default")
		}
	}
	for _, state := range jobs.States() {
		r.until(string(state), state)
	}
	r.send(http.MethodPost, "/v1/queues/default/pause", "")
}

// checkMoved checks what must be true of a job that an action has moved.
func (r *rig) checkMoved(t *testing.T, before, after client.Job) {
	t.Helper()
	same := cmpopts.IgnoreFields(client.Job{}, "Attempts", "FailedAttempts", "State", "Attempt", "Result", "LastError", "NextRunAt", "FinishedAt", "Cancel")
	if diff := cmp.Diff(before, after, same); diff != "" {
		t.Errorf("moved from %s to %s with other changes:\n%s", before.State, after.State, diff)
	}
	switch after.State {
	case "pending":
		if after.FinishedAt != nil || after.NextRunAt != nil || after.Result != nil {
			t.Errorf("pending job = %+v", after)
		}
		if fresh := before.State == "archived" || before.State == "completed"; fresh && after.Attempt != 0 {
			t.Errorf("attempt = %d, want fresh attempts", after.Attempt)
		}
		if before.State == "retry" && after.Attempt != before.Attempt {
			t.Errorf("attempt = %d, was %d", after.Attempt, before.Attempt)
		}
	case "archived":
		if after.FinishedAt == nil || time.Since(*after.FinishedAt) > time.Minute || after.LastError == "" || after.Attempt != before.Attempt {
			t.Errorf("archived job = %+v", after)
		}
	}
	if stored := into[client.Job](r.get("/v1/jobs/" + after.ID)); before.State != "active" {
		if diff := cmp.Diff(after, stored); diff != "" {
			t.Errorf("answer and job differ:\n%s", diff)
		}
	}
}

// Promise: a running job is cancelled through its context and becomes a dead
// letter; retried, it starts with fresh attempts.
func TestCancelRunningJob(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := newRig(t, storetest.Redis(t), holding(release))
	r.pool("default")
	r.enqueue(`{"type":"test.hold","id":"a"}`)
	r.until("a", jobs.StateActive)
	a := r.send(http.MethodPost, "/v1/jobs/a/cancel", "")
	if a.status != http.StatusOK {
		t.Fatalf("cancel: %d %s", a.status, a.body)
	}
	if j := r.until("a", jobs.StateArchived); j.LastError != "cancelled by request" || j.Attempt != 1 {
		t.Errorf("job = %+v", j)
	}
	close(release)
	if j := into[client.Job](r.send(http.MethodPost, "/v1/jobs/a/retry", "")); j.State != "pending" || j.Attempt != 0 {
		t.Errorf("retried job = %+v", j)
	}
	if j := r.until("a", jobs.StateCompleted); j.Attempt != 1 || string(j.Result) != `"released"` {
		t.Errorf("job = %+v", j)
	}
}

// Promise: a job that does not run can be deleted, whatever its state, with its
// id free again; one that runs cannot.
func TestDelete(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), holding(nil))
	r.eachState()
	for _, state := range jobs.States() {
		path := "/v1/jobs/" + string(state)
		a := r.send(http.MethodDelete, path, "")
		if state == jobs.StateActive {
			a.check(t, refusal{409, client.CodeConflict, nil, "the job is active: cancel it first"})
			continue
		}
		if a.status != http.StatusNoContent || len(a.body) != 0 {
			t.Errorf("delete %s: %d %s", state, a.status, a.body)
		}
		for _, again := range []answer{r.get(path), r.send(http.MethodDelete, path, ""), r.send(http.MethodPost, path+"/retry", "")} {
			again.check(t, refusal{404, client.CodeNotFound, nil, "no such job"})
		}
		r.enqueue(`{"type":"test.ok","id":"` + string(state) + `","queue":"again"}`)
	}
	if list := into[client.JobList](r.get("/v1/jobs")); len(list.Jobs) != 6 {
		t.Errorf("%d jobs left, want the running one and five new ones", len(list.Jobs))
	}
}

// Promise: a job that does not exist, or cannot, is told with 404 by every call.
func TestNoSuchJob(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	r.enqueue(`{"type":"test.ok"}`)
	for _, id := range []string{marker, marker + "%20x", "%7Bx%7D", "%00", "a%2Fb", "%2A"} {
		for _, c := range []struct{ method, suffix string }{{"GET", ""}, {"DELETE", ""}, {"POST", "/retry"}, {"POST", "/cancel"}, {"POST", "/archive"}} {
			r.send(c.method, "/v1/jobs/"+id+c.suffix, "").check(t, refusal{404, client.CodeNotFound, nil, "no such"})
		}
	}
}

// Promise: an id may be a word that is also part of a path.
func TestIDsThatArePartsOfPaths(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	for _, id := range []string{"retry", "jobs", "v1", "a:b", "a.b", "-", "_", "null", "0"} {
		r.enqueue(`{"type":"test.ok","id":"` + id + `"}`)
		if a := r.get("/v1/jobs/" + id); a.status != http.StatusOK || into[client.Job](a).ID != id {
			t.Errorf("get %s: %d %s", id, a.status, a.body)
		}
		if a := r.send(http.MethodPost, "/v1/jobs/"+id+"/archive", ""); a.status != http.StatusOK {
			t.Errorf("archive %s: %d %s", id, a.status, a.body)
		}
		if a := r.send(http.MethodDelete, "/v1/jobs/"+id, ""); a.status != http.StatusNoContent {
			t.Errorf("delete %s: %d %s", id, a.status, a.body)
		}
	}
}

// Promise: a job whose id only another asynq client would choose is reached
// through its escaped id, as is one whose id looks like a step in a path.
func TestEscapedIDs(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	foreign := asynq.NewClientFromRedisClient(r.inst.Client)
	for _, id := range []string{"user/42 {x} +é%", "a?b#c", "%2F", "..", "."} {
		if _, err := foreign.Enqueue(asynq.NewTask("mail:send", nil, asynq.TaskID(id))); err != nil {
			t.Fatal(err)
		}
		path := "/v1/jobs/" + strings.ReplaceAll(url.PathEscape(id), ".", "%2E")
		if a := r.get(path); a.status != http.StatusOK || into[client.Job](a).ID != id {
			t.Errorf("get %s: %d %s", path, a.status, a.body)
		}
		if a := r.send(http.MethodPost, path+"/archive", ""); a.status != http.StatusOK {
			t.Errorf("archive %s: %d %s", path, a.status, a.body)
		}
		if a := r.send(http.MethodDelete, path, ""); a.status != http.StatusNoContent {
			t.Errorf("delete %s: %d %s", path, a.status, a.body)
		}
	}
}
