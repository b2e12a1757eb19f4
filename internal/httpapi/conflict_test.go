package httpapi_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"

	"legwork/client"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: an id that a job has gets 409, which tells that job's state and where
// it is, whatever its state, queue and type.
func TestUsedID(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	r.enqueue(`{"type":"test.ok","id":"completed","queue":"work"}`)
	r.enqueue(`{"type":"test.die","id":"archived","queue":"work"}`)
	r.enqueue(`{"type":"test.fail","id":"retry","queue":"work"}`)
	stop := r.pool("work")
	r.until("completed", jobs.StateCompleted)
	r.until("archived", jobs.StateArchived)
	r.until("retry", jobs.StateRetry)
	stop()
	r.enqueue(`{"type":"test.ok","id":"pending"}`)
	r.enqueue(`{"type":"test.ok","id":"scheduled","delay":"1h"}`)
	for _, state := range []string{"completed", "archived", "retry", "pending", "scheduled"} {
		for _, queue := range []string{"default", "work", "elsewhere"} {
			a := r.post("/v1/jobs", fmt.Sprintf(`{"type":"test.any","id":%q,"queue":%q,"payload":%q}`, state, queue, marker))
			p := a.check(t, refusal{409, client.CodeConflict, []string{"/id"}, "a job with this id exists and is " + state})
			if p.State != state || p.Instance != "/v1/jobs/"+state {
				t.Errorf("problem = %+v, want the job's state and place", p)
			}
		}
		if j := into[client.Job](r.get("/v1/jobs/" + state)); j.State != state || j.Type == "test.any" {
			t.Errorf("job = %+v, it was changed", j)
		}
	}
	if n := len(into[client.JobList](r.get("/v1/jobs")).Jobs); n != 5 {
		t.Errorf("%d jobs, want 5", n)
	}
}

// Promise: of 50 callers that send one id at the same time exactly one gets it.
func TestOneIDFromManyCallers(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	const callers = 50
	answers := make([]answer, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			answers[i] = r.post("/v1/jobs", fmt.Sprintf(`{"type":"test.any","id":"order-1","queue":"q%d","payload":%d}`, i%3, i))
		})
	}
	wg.Wait()
	won := -1
	for i, a := range answers {
		switch a.status {
		case http.StatusAccepted:
			if won >= 0 {
				t.Errorf("callers %d and %d both got the id", won, i)
			}
			won = i
		default:
			p := a.check(t, refusal{409, client.CodeConflict, []string{"/id"}, "a job with this id"})
			if p.State != "" && p.State != "pending" {
				t.Errorf("state = %q", p.State)
			}
		}
	}
	if won < 0 {
		t.Fatal("nobody got the id")
	}
	list := into[client.JobList](r.get("/v1/jobs"))
	if len(list.Jobs) != 1 || string(list.Jobs[0].Payload) != fmt.Sprint(won) {
		t.Errorf("jobs = %+v, want the one of caller %d", list.Jobs, won)
	}
}
