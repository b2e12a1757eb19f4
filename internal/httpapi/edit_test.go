package httpapi_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: an edited payload is held against the schema of its type as a new job's is,
// with the same answer; a good one runs, and the lineage shows in lists, too.
func TestRetryEditedOverHTTP(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	r.enqueue(`{"type":"test.person","id":"p","payload":{"name":"Ada"},"delay":"1h"}`)
	r.enqueue(`{"type":"test.ok","id":"plain","delay":"1h"}`)
	for _, id := range []string{"p", "plain"} {
		if a := r.post("/v1/jobs/"+id+"/archive", ""); a.status != http.StatusOK {
			t.Fatalf("archive: %d %s", a.status, a.body)
		}
	}
	for _, payload := range []string{`{"name":"A","age":0,"email":"x"}`, `{}`, `7`, `null`, `{"nickname":"Ada"}`} {
		door := r.post("/v1/jobs", `{"type":"test.person","payload":`+payload+`}`)
		edit := r.post("/v1/jobs/p/retry", `{"payload":`+payload+`}`)
		if edit.status != 422 || door.status != 422 || !bytes.Equal(edit.body, door.body) {
			t.Errorf("%s: %d %s, at the door %d %s", payload, edit.status, edit.body, door.status, door.body)
		}
	}
	a := r.post("/v1/jobs/p/retry", `{"payload":{"name":"Grace"},"front":true}`)
	made := into[client.Job](a)
	if a.status != 202 || a.header.Get("Location") != "/v1/jobs/"+made.ID || made.RetriedFrom != "p" || string(made.Payload) != `{"name":"Grace"}` {
		t.Fatalf("edit: %d %v %s", a.status, a.header, a.body)
	}
	if again := r.post("/v1/jobs/p/retry", `{"front": true, "payload": {"name": "Grace"}}`); again.status != 202 || into[client.Job](again).ID != made.ID {
		t.Errorf("the same edit in other words: %d %s", again.status, again.body)
	}
	r.post("/v1/jobs/p/retry", "").check(t, refusal{409, client.CodeConflict, nil, "as job " + made.ID})
	for _, j := range into[client.JobList](r.get("/v1/jobs?type=test.person")).Jobs {
		if j.ID == "p" && j.RetriedAs != made.ID || j.ID != "p" && j.RetriedFrom != "p" {
			t.Errorf("in the list: %+v", j)
		}
	}
	r.pool("default")
	if j := r.until(made.ID, jobs.StateCompleted); !strings.Contains(string(j.Result), "Grace") {
		t.Errorf("copy = %+v", j)
	}
	for _, body := range []string{"", "{}", `{"front":true}`, "null"} {
		if j := r.until("plain", jobs.StateArchived); j.RetriedAs != "" {
			t.Errorf("%+v", j)
		}
		if a := r.post("/v1/jobs/plain/retry", body); a.status != 200 || into[client.Job](a).ID != "plain" {
			t.Errorf("%q: %d %s", body, a.status, a.body)
		}
		r.until("plain", jobs.StateCompleted)
		r.send(http.MethodDelete, "/v1/jobs/plain", "")
		r.enqueue(`{"type":"test.ok","id":"plain","delay":"1h"}`)
		r.post("/v1/jobs/plain/archive", "")
	}
}

// Promise: a body that cannot be an edit is refused with the field, by both calls.
func TestEditBodiesRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	r.enqueue(`{"type":"test.any","id":"dead","delay":"1h"}`)
	r.post("/v1/jobs/dead/archive", "")
	r.enqueue(`{"type":"test.any","id":"waits","delay":"1h"}`)
	for body, want := range map[string]refusal{
		`{"payload":`:                 {400, client.CodeInvalidJSON, nil, "ends early"},
		`{"payload":1,"payload":2}`:   {400, client.CodeInvalidJSON, []string{"/payload"}, "more than once"},
		`[]`:                          parameter("", ""),
		`{"id":"x"}`:                  parameter("is not a known field", "/id"),
		`{"type":"test.ok"}`:          parameter("is not a known field", "/type"),
		`{"delay":"` + marker + `"}`:  parameter("must be a duration", "/delay"),
		`{"max_retries":"many"}`:      parameter("must be a whole number", "/max_retries"),
		`{"run_at":"` + marker + `"}`: parameter("RFC 3339", "/run_at"),
		`{"delay":"-1h"}`:             parameter("must not be negative", "/delay"),
		`{"deadline":"2001-01-01T00:00:00Z","max_retries":-1,"timeout":"1ms"}`:      parameter("", "/deadline", "/timeout", "/max_retries"),
		`{"payload":` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999) + `}`: {400, client.CodeInvalidJSON, nil, "too deep"},
	} {
		r.post("/v1/jobs/dead/retry", body).check(t, want)
		r.send(http.MethodPatch, "/v1/jobs/waits", body, "Content-Type", "application/json").check(t, want)
	}
	unsupported := refusal{415, client.CodeUnsupported, nil, "Content-Type"}
	r.send(http.MethodPost, "/v1/jobs/dead/retry", "{}", "Content-Type", "text/plain").check(t, unsupported)
	r.send(http.MethodPatch, "/v1/jobs/waits", "{}", "Content-Type", "text/plain").check(t, unsupported)
	r.send(http.MethodPatch, "/v1/jobs/waits", "", "Content-Type", "application/json").check(t, refusal{400, client.CodeInvalidJSON, nil, "the body is empty"})
	r.send(http.MethodPatch, "/v1/jobs/waits", "{}", "Content-Type", "application/json").check(t, parameter("says nothing to change", ""))
	for _, id := range []string{"dead", "waits"} {
		if j := into[client.Job](r.get("/v1/jobs/" + id)); j.RetriedAs != "" || string(j.Payload) != "{}" {
			t.Errorf("%+v", j)
		}
	}
}

// Promise: a pending job that is changed while workers take jobs runs with the new
// payload if the change was accepted, and with the old one if it was refused.
func TestAmendAgainstWorkers(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	const many = 200
	for n := range many {
		r.enqueue(fmt.Sprintf(`{"type":"test.any","id":"j%d","payload":"old"}`, n))
	}
	r.pool("default")
	want, changed := make([]string, many), 0
	for n := many - 1; n >= 0; n-- { // towards the workers
		a := r.send(http.MethodPatch, fmt.Sprint("/v1/jobs/j", n), `{"payload":"new"}`, "Content-Type", "application/json")
		switch a.status {
		case 200:
			want[n] = `"new"`
			changed++
		case 409:
			want[n] = `"old"`
		default:
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	for n, result := range want {
		if j := r.until(fmt.Sprint("j", n), jobs.StateCompleted); string(j.Result) != result {
			t.Errorf("j%d ran with %s, want %s", n, j.Result, result)
		}
	}
	t.Logf("%d of %d were changed in time", changed, many)
}

// Promise: the lineage goes with a dead letter through export and import, and a copy
// that stayed behind does not bar its retry.
func TestLineageIsExported(t *testing.T) {
	t.Parallel()
	from, to := newRig(t, storetest.Redis(t), nil), newRig(t, storetest.Redis(t), nil)
	from.enqueue(`{"type":"test.ok","id":"a","delay":"1h"}`)
	from.post("/v1/jobs/a/archive", "")
	made := into[client.Job](from.post("/v1/jobs/a/retry", `{"delay":"1h"}`))
	from.post("/v1/jobs/"+made.ID+"/archive", "")
	var file bytes.Buffer
	if n, err := from.api().Export(t.Context(), client.JobFilter{}, &file); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if got, err := to.api().Import(t.Context(), &file); err != nil || got.Imported != 2 {
		t.Fatalf("%+v %v", got, err)
	}
	if a, copied := into[client.Job](to.get("/v1/jobs/a")), into[client.Job](to.get("/v1/jobs/"+made.ID)); a.RetriedAs != made.ID || copied.RetriedFrom != "a" {
		t.Errorf("%+v, copy %+v", a, copied)
	}
	to.post("/v1/jobs/a/retry", "").check(t, refusal{409, client.CodeConflict, nil, "as job " + made.ID})
	to.send(http.MethodDelete, "/v1/jobs/"+made.ID, "")
	if a := to.post("/v1/jobs/a/retry", ""); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// Promise: the client makes both calls, and repeats an edit that was not answered.
func TestEditsOfTheClient(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	r.enqueue(`{"type":"test.any","id":"a","delay":"1h"}`)
	j, err := r.api().Edit(t.Context(), "a", client.JobEdit{Payload: []byte(`[1]`), RunAt: new(time.Now().Add(2 * time.Hour))})
	if err != nil || string(j.Payload) != "[1]" || time.Until(*j.NextRunAt) < 90*time.Minute {
		t.Errorf("%+v %v", j, err)
	}
	r.post("/v1/jobs/a/archive", "")
	if j, err = r.api().RetryEdited(t.Context(), "a", client.JobEdit{Payload: []byte(`[2]`)}); err != nil || j.RetriedFrom != "a" || j.State != "pending" {
		t.Errorf("%+v %v", j, err)
	}
}
