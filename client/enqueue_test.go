package client_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/client"
)

// Promise: the payload goes out as it was written, and the job comes back.
func TestEnqueueSendsPayloadAsWritten(t *testing.T) {
	t.Parallel()
	payload := `{"html":"<b>&amp;</b>","n":12345678901234567890.10}`
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if want := `{"type":"email.send","payload":` + payload + `}`; strings.TrimSpace(string(body)) != want {
			t.Errorf("body: got %s\nwant %s", body, want)
		}
		if got := r.Header.Get("Content-Type"); got != "application/json" {
			t.Errorf("content type %q", got)
		}
		if _, sent := r.Header["Prefer"]; sent {
			t.Error("a Prefer header was sent")
		}
		answer(202, "application/json", jobJSON)(w, r)
	})
	job, err := c.Enqueue(t.Context(), client.Enqueue{Type: "email.send", Payload: json.RawMessage(payload)})
	if err != nil {
		t.Fatal(err)
	}
	want := &client.Job{
		ID: "n-1", Type: "email.send", State: "pending",
		Timeout: client.Duration(time.Minute), Retention: client.Duration(time.Hour),
	}
	if diff := cmp.Diff(want, job); diff != "" {
		t.Error(diff)
	}
}

// Promise: a wait travels as whole seconds, rounded up, never more than a minute.
func TestEnqueueWait(t *testing.T) {
	t.Parallel()
	for wait, want := range map[time.Duration]string{
		0: "", -time.Second: "", time.Millisecond: "wait=1", 30 * time.Second: "wait=30",
		30*time.Second + 1: "wait=31", time.Minute: "wait=60", time.Hour: "wait=60",
	} {
		c := setup(t, func(w http.ResponseWriter, r *http.Request) {
			if got := r.Header.Get("Prefer"); got != want {
				t.Errorf("%s: Prefer %q, want %q", wait, got, want)
			}
			answer(200, "application/json", jobJSON)(w, r)
		})
		if _, err := c.Enqueue(t.Context(), client.Enqueue{Type: "a"}, client.EnqueueOptions{Wait: wait}); err != nil {
			t.Error(err)
		}
	}
}

// Promise: a payload that is not JSON never leaves the program.
func TestEnqueueRefusesBrokenPayload(t *testing.T) {
	t.Parallel()
	c := setup(t, func(http.ResponseWriter, *http.Request) { t.Error("a call was made") })
	broken := client.Enqueue{Type: "a", Payload: json.RawMessage(`{"a":`)}
	if _, err := c.Enqueue(t.Context(), broken); err == nil || !strings.Contains(err.Error(), "encode the job") {
		t.Errorf("got %v", err)
	}
	if _, err := c.EnqueueBatch(t.Context(), []client.Enqueue{broken}); err == nil || !strings.Contains(err.Error(), "encode the batch") {
		t.Errorf("got %v", err)
	}
}

// Promise: both forms of a batch reach the same call and give each job's outcome.
func TestBatch(t *testing.T) {
	t.Parallel()
	media, body := make(chan string, 1), make(chan string, 1)
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		media <- r.Method + " " + r.URL.Path + " " + r.Header.Get("Content-Type")
		body <- strings.TrimSpace(string(raw))
		answer(200, "application/json", `{"enqueued":1,"rejected":1,"results":[{"index":0,"id":"1","status":202},
			{"index":1,"status":422,"error":{"status":422,"code":"unknown_type","detail":"nobody runs it"}}]}`)(w, r)
	})
	want := &client.BatchResult{Enqueued: 1, Rejected: 1, Results: []client.BatchItem{
		{Index: 0, ID: "1", Status: 202},
		{Index: 1, Status: 422, Error: &client.Problem{Status: 422, Code: client.CodeUnknownType, Detail: "nobody runs it"}},
	}}
	lines := "{\"type\":\"a\"}\n{\"type\":\"b\"}"
	for _, test := range []struct {
		media, body string
		call        func() (*client.BatchResult, error)
	}{
		{"application/json", `{"jobs":[{"type":"a"},{"type":"b"}]}`, func() (*client.BatchResult, error) {
			return c.EnqueueBatch(t.Context(), []client.Enqueue{{Type: "a"}, {Type: "b"}})
		}},
		{"application/json", `{"jobs":[]}`, func() (*client.BatchResult, error) { return c.EnqueueBatch(t.Context(), nil) }},
		{"application/x-ndjson", lines, func() (*client.BatchResult, error) {
			return c.EnqueueStream(t.Context(), strings.NewReader(lines))
		}},
	} {
		got, err := test.call()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if got, want := <-media, "POST /v1/jobs/batch "+test.media; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		if got := <-body; got != test.body {
			t.Errorf("body: got %s, want %s", got, test.body)
		}
	}
}
