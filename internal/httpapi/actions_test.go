package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"legwork/client"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: an action over many jobs is accepted at once, can be looked at while and
// after it runs, and is listed.
func TestActionOverHTTP(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	stop := r.pool("default")
	var ids []string
	for range 3 {
		ids = append(ids, r.enqueue(`{"type":"test.die"}`).ID)
	}
	for _, id := range ids {
		r.until(id, jobs.StateArchived)
	}
	stop()
	for body, want := range map[string]int{
		`{"action":"retry","filter":{"type":"test.die","state":"archived"},"dry_run":true}`: 0,
		`{"action":"retry","filter":{"type":"test.die"},"rate":1000,"front":true}`:          3,
	} {
		a := r.post("/v1/actions", body)
		if a.status != http.StatusAccepted {
			t.Fatalf("%s: %d %s", body, a.status, a.body)
		}
		out := into[client.Action](a)
		if a.header.Get("Location") != "/v1/actions/"+out.ID {
			t.Errorf("location = %q", a.header.Get("Location"))
		}
		eventually(t, func() bool {
			out = into[client.Action](r.get("/v1/actions/" + out.ID))
			return out.Finished()
		}, func() string { return "action does not end" })
		if out.State != client.ActionDone || out.Done != want || out.DryRun != (want == 0) {
			t.Errorf("%s = %+v", body, out)
		}
		if a := r.post("/v1/actions/"+out.ID+"/abort", ""); a.status != http.StatusConflict || !strings.Contains(string(a.body), "has ended") {
			t.Errorf("abort of an ended action: %d %s", a.status, a.body)
		}
	}
	page := into[client.ActionList](r.get("/v1/actions?limit=1"))
	rest := into[client.ActionList](r.get("/v1/actions?cursor=" + page.NextCursor))
	if len(page.Actions) != 1 || len(rest.Actions) != 1 || rest.NextCursor != "" || page.Actions[0].ID <= rest.Actions[0].ID {
		t.Errorf("lists = %+v, %+v", page, rest)
	}
}

// Promise: what an action cannot mean is refused with the field that is wrong, and
// nothing is done.
func TestActionsRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	for body, want := range map[string]string{
		``:                                 "400 ",
		`[]`:                               "422 ",
		`{"action":1}`:                     "422 /action",
		`{"ids":["a"]}`:                    "422 /action",
		`{"action":"explode","ids":["a"]}`: "422 /action",
		`{"action":"retry"}`:               "422 /filter",
		`{"action":"retry","ids":["a"],"filter":{"queue":"q"}}`:                            "422 /filter",
		`{"action":"retry","ids":[""]}`:                                                    "422 /ids/0",
		`{"action":"retry","filter":{}}`:                                                   "422 /filter",
		`{"action":"retry","filter":{"colour":"red"}}`:                                     "422 /filter/colour",
		`{"action":"retry","filter":{"state":"pending"}}`:                                  "422 /filter/state",
		`{"action":"retry","filter":{"state":"lost"}}`:                                     "422 /filter/state",
		`{"action":"delete","filter":{"queue":"q"}}`:                                       "422 /filter/state",
		`{"action":"delete","filter":{"state":"active"}}`:                                  "422 /filter/state",
		`{"action":"retry","ids":["a"],"rate":-1}`:                                         "422 /rate",
		`{"action":"retry","ids":["a"],"rate":100001}`:                                     "422 /rate",
		`{"action":"delete","ids":["a"],"front":true}`:                                     "422 /front",
		`{"action":"retry","ids":["a"],"queue":"q"}`:                                       "422 /queue",
		`{"action":"move","ids":["a"]}`:                                                    "422 /queue",
		`{"action":"move","ids":["a"],"queue":"nowhere"}`:                                  "422 /queue",
		`{"action":"reschedule","ids":["a"]}`:                                              "422 /run_at",
		`{"action":"reschedule","ids":["a"],"delay":"-1s"}`:                                "422 /delay",
		`{"action":"reschedule","ids":["a"],"delay":"1s","run_at":"2030-01-01T00:00:00Z"}`: "422 /run_at",
		`{"action":"retry","ids":["a"],"delay":"1s"}`:                                      "422 /run_at",
		`{"action":"retry","ids":["` + strings.Repeat("a", 256) + `"]}`:                    "422 /ids/0",
		`{"action":"retry","ids":["a"` + strings.Repeat(`,"a"`, 10_000) + `]}`:             "422 /ids",
	} {
		a := r.post("/v1/actions", body)
		status, pointer, _ := strings.Cut(want, " ")
		if a.status != map[string]int{"400": 400, "422": 422}[status] || !strings.Contains(string(a.body), `"pointer":"`+pointer+`"`) && pointer != "" {
			t.Errorf("%.80s: %d %s, want %s", body, a.status, a.body, want)
		}
	}
	for path, want := range map[string]int{
		"/v1/actions/nobody": 404, "/v1/actions?cursor=x": 422, "/v1/actions?limit=0": 422, "/v1/actions?limit=501": 422, "/v1/actions?colour=red": 422,
	} {
		if a := r.get(path); a.status != want {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := r.post("/v1/actions/nobody/abort", ""); a.status != http.StatusNotFound {
		t.Errorf("abort of no action: %d %s", a.status, a.body)
	}
	r.untouched(t)
}
