package httpapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"legwork/client"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: an accepted job is answered with 202, where it is, and what it is;
// what the caller left out has the type's defaults.
func TestEnqueueWithDefaults(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), func(reg *jobs.Registry) {
		jobs.Handle(reg, "mail.send", func(context.Context, any) (any, error) { return nil, nil },
			jobs.Options{Queue: "mail", MaxRetries: 7, Timeout: 90 * time.Second, Retention: time.Hour})
	})
	before := time.Now()
	a := r.post("/v1/jobs", `{"type":"mail.send"}`)
	j := into[client.Job](a)
	if a.status != http.StatusAccepted || a.header.Get("Content-Type") != "application/json" || a.header.Get("Location") != "/v1/jobs/"+j.ID {
		t.Errorf("answer = %d %v", a.status, a.header)
	}
	if id, err := uuid.Parse(j.ID); err != nil || id.Version() != 7 {
		t.Errorf("id = %q, want a UUIDv7", j.ID)
	}
	if j.CreatedAt.Before(before.Add(-time.Second)) || j.CreatedAt.After(time.Now()) || !j.RunAt.Equal(j.CreatedAt) {
		t.Errorf("created at %s, run at %s", j.CreatedAt, j.RunAt)
	}
	want := client.Job{
		ID: j.ID, Type: "mail.send", Queue: "mail", State: "pending", CreatedAt: j.CreatedAt, RunAt: j.RunAt, MaxRetries: 7,
		Timeout: client.Duration(90 * time.Second), Retention: client.Duration(time.Hour), Payload: json.RawMessage(`{}`),
	}
	if diff := cmp.Diff(want, j); diff != "" {
		t.Errorf("answer (want, got):\n%s", diff)
	}
	stored := r.get(a.header.Get("Location"))
	if diff := cmp.Diff(want, into[client.Job](stored)); stored.status != http.StatusOK || diff != "" {
		t.Errorf("stored (want, got):\n%s", diff)
	}
}

// Promise: every field of a job is kept as it was sent, and comes back the same
// from the answer, from its place and from the list.
func TestEnqueueWithEverything(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	runAt := time.Now().Add(time.Hour).Truncate(time.Microsecond).UTC()
	deadline := runAt.Add(time.Hour).Truncate(time.Millisecond)
	retries, timeout, retention := 0, client.Duration(1500*time.Millisecond), client.Duration(0)
	sent := client.Enqueue{
		Type: "test.any", Payload: json.RawMessage(`{"n":1.50,"big":12345678901234567890,"s":"\u0000 <b> &\u2028 ü 😀","z":[null,true]}`),
		Queue: "slow_lane-2", ID: "Order:7._-x", RunAt: &runAt, MaxRetries: &retries, Timeout: &timeout, Deadline: &deadline, Retention: &retention,
		Headers: map[string]string{"traceparent": "00-ab", "X-Tenant": "é <>", "empty": ""}, Tags: []string{"a", "vip!", "<i>"},
	}
	body, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	a := r.post("/v1/jobs", string(body))
	if a.status != http.StatusAccepted || a.header.Get("Location") != "/v1/jobs/Order:7._-x" {
		t.Fatalf("answer = %d %s %v", a.status, a.body, a.header)
	}
	j := into[client.Job](a)
	want := client.Job{
		ID: sent.ID, Type: "test.any", Queue: "slow_lane-2", State: "scheduled", CreatedAt: j.CreatedAt, RunAt: runAt, NextRunAt: &runAt,
		Timeout: timeout, Deadline: &deadline, Payload: j.Payload, Headers: sent.Headers, Tags: sent.Tags,
	}
	sameJSON(t, j.Payload, sent.Payload)
	list := into[client.JobList](r.get("/v1/jobs?tag=vip!"))
	if len(list.Jobs) != 1 {
		t.Fatalf("list = %+v", list)
	}
	for name, got := range map[string]client.Job{"answer": j, "stored": into[client.Job](r.get("/v1/jobs/Order:7._-x")), "list": list.Jobs[0]} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (want, got):\n%s", name, diff)
		}
	}
}

// sameJSON compares values, numbers by their digits.
func sameJSON(t testing.TB, got, want []byte) {
	t.Helper()
	decoded := make([]any, 2)
	for i, raw := range [][]byte{got, want} {
		d := json.NewDecoder(strings.NewReader(string(raw)))
		d.UseNumber()
		if err := d.Decode(&decoded[i]); err != nil {
			t.Fatalf("decode %q: %v", raw, err)
		}
	}
	if !reflect.DeepEqual(decoded[0], decoded[1]) {
		t.Errorf("JSON = %.1000s, want %.1000s", got, want)
	}
}

// Promise: what is at the edge of the rules is accepted.
func TestEdgesAreAccepted(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	at := func(d time.Duration) string { return time.Now().Add(d).Format(time.RFC3339Nano) }
	for name, c := range map[string]struct{ body, state string }{
		"an hour ago":          {job(`"run_at":"` + at(-time.Hour) + `"`), "pending"},
		"another time zone":    {job(`"run_at":"2030-01-01T00:00:00.5+05:30"`), "scheduled"},
		"nearly 10 years":      {job(`"run_at":"` + at(3649*24*time.Hour) + `"`), "scheduled"},
		"no delay":             {job(`"delay":"0s"`), "pending"},
		"a second's timeout":   {job(`"timeout":"1s"`), "pending"},
		"a day's timeout":      {job(`"timeout":"24h"`), "pending"},
		"1000 retries":         {job(`"max_retries":1000`), "pending"},
		"longest names":        {`{"type":"test.any","queue":"` + strings.Repeat("q", 64) + `","id":"` + strings.Repeat("i", 128) + `"}`, "pending"},
		"null members":         {`{"type":"test.ok","payload":{},"queue":null,"id":null,"run_at":null,"delay":null,"max_retries":null,"timeout":null,"deadline":null,"retention":null,"headers":null,"tags":null}`, "pending"},
		"a null payload":       {job(`"payload":null`), "pending"},
		"white space":          {" \r\n\t" + job(`"payload": [ 1 , 2 ] `) + "\n", "pending"},
		"9,000 levels":         {job(`"payload":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000)), "pending"},
		"9,000 objects":        {job(`"payload":` + strings.Repeat(`{"a":`, 9000) + "1" + strings.Repeat("}", 9000)), "pending"},
		"256 KiB":              {job(`"payload":"` + strings.Repeat("x", 256<<10-2) + `"`), "pending"},
		"repeated in siblings": {job(`"payload":[{"a":1},{"a":1}]`), "pending"},
	} {
		t.Run(name, func(t *testing.T) {
			a := r.post("/v1/jobs", c.body)
			if a.status != http.StatusAccepted {
				t.Fatalf("answer = %d %.300s", a.status, a.body)
			}
			j := into[client.Job](r.get(a.header.Get("Location")))
			if j.State != c.state {
				t.Errorf("state = %s", j.State)
			}
			var sent client.Enqueue
			if err := json.Unmarshal([]byte(c.body), &sent); err != nil {
				t.Fatal(err)
			}
			if len(sent.Payload) > 0 && string(sent.Payload) != "null" {
				sameJSON(t, j.Payload, sent.Payload)
			}
		})
	}
	if list := into[client.JobList](r.get("/v1/jobs")); len(list.Jobs) != 15 {
		t.Errorf("%d jobs in the list", len(list.Jobs))
	}
}

// Promise: a job that was accepted can be read back, alone and in a list, by a
// client with the usual limit of 10,000 levels, and runs.
func TestDeepestPayloadCanBeReadBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	r.pool("default")
	for levels := 10_000; levels > 9_000; levels-- {
		id := "deep"
		a := r.post("/v1/jobs", job(`"id":"deep","payload":`+strings.Repeat("[", levels)+strings.Repeat("]", levels)))
		if a.status != http.StatusAccepted {
			continue
		}
		j := r.until(id, jobs.StateCompleted)
		sameJSON(t, j.Result, j.Payload)
		if list := into[client.JobList](r.get("/v1/jobs")); len(list.Jobs) != 1 {
			t.Errorf("list = %+v", list)
		}
		return
	}
	t.Error("no deep payload was accepted")
}

// Promise: HEAD answers as GET does, without the body.
func TestHead(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	for path, status := range map[string]int{"/healthz": 200, "/readyz": 200, "/v1/jobs": 200, "/v1/jobs/none": 404, "/docs": 200, "/openapi.json": 200, "/nowhere": 404} {
		if a := r.send(http.MethodHead, path, ""); a.status != status || len(a.body) != 0 {
			t.Errorf("HEAD %s = %d %q", path, a.status, a.body)
		}
	}
}

// Promise: an answer is JSON whatever the caller says it would rather have.
func TestAcceptIsNotHeld(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	for _, accept := range []string{"text/html", "application/cbor", "application/xml;q=0.9, */*;q=0.1", marker, ""} {
		a := r.send(http.MethodGet, "/v1/jobs", "", "Accept", accept)
		if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" || a.header.Get("X-Content-Type-Options") != "nosniff" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("Accept %q: %d %v", accept, a.status, a.header)
		}
		r.send(http.MethodGet, "/v1/jobs/none", "", "Accept", accept).check(t, refusal{404, client.CodeNotFound, nil, "no such job"})
	}
}
