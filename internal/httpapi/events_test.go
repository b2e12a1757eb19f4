package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/client"
	"legwork/internal/httpapi"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: a stream tells all of a job as it happens, through its attempts, to its end:
// states, lines and progress in their order, as the OpenAPI document says.
func TestEventsTellAJob(t *testing.T) {
	t.Parallel()
	say := make(chan string)
	r := newRig(t, storetest.Redis(t), talking(say))
	schema := compileAt(t, r.document(), "paths", "/v1/jobs/{id}/events", "get", "responses", "200", "content", "text/event-stream", "schema")
	id := r.enqueue(`{"type":"test.talk"}`).ID
	s := r.read(r.url, id, "")
	if got := s.resp.Header.Get("Content-Type"); s.resp.StatusCode != http.StatusOK || got != "text/event-stream" {
		t.Fatalf("%d %s", s.resp.StatusCode, got)
	}
	all := s.until("pending:0")
	r.pool("default")
	all = append(all, s.until("active:1")...)
	say <- "one"
	say <- "two"
	all = append(all, s.until("two")...)
	say <- "progress 1 3"
	all = append(all, s.until("1/3")...)
	say <- "three"
	say <- "fail"
	all = append(all, s.until("active:2")...)
	say <- "four"
	say <- "done"
	all = append(all, s.until("")...)
	got := words(all)
	for _, passing := range []string{"retry:1 ", "pending:1 "} { // states too short to be seen every time
		got = strings.ReplaceAll(got, passing, "")
	}
	if want := "pending:0 active:1 one two 1/3 three active:2 four completed:2 end:completed"; got != want {
		t.Errorf("told %q, want %q", got, want)
	}
	if s.failed != nil {
		t.Errorf("the stream ends with %v", s.failed)
	}
	var list []any
	for _, e := range all {
		var data any
		if err := json.Unmarshal([]byte(e.data), &data); err != nil {
			t.Fatalf("%s: %v", e.data, err)
		}
		list = append(list, map[string]any{"id": e.id, "event": e.event, "data": data})
	}
	if err := schema.Validate(list); err != nil {
		t.Errorf("by the document: %v", err)
	}
}

// Promise: a stream that is taken up after any of its events, by another process, tells
// the rest, no more and no less; after the last one there is nothing to take up.
func TestEventsAreTakenUpAnywhere(t *testing.T) {
	t.Parallel()
	say := make(chan string, 100)
	r := newRig(t, storetest.Redis(t), talking(say))
	for _, word := range []string{"a", "b", "progress 1 2", "c", "fail", "d", "progress 2 2", "done"} {
		say <- word
	}
	r.pool("default")
	id := r.enqueue(`{"type":"test.talk"}`).ID
	r.until(id, jobs.StateCompleted)
	whole := r.read(r.url, id, "").until("")
	if got := words(whole); got != "a b c d 2/2 completed:2 end:completed" {
		t.Fatalf("told %q", got)
	}
	elsewhere := r.another(nil)
	for n, e := range whole[:len(whole)-1] {
		rest := r.read(elsewhere, id, e.id).until("")
		if diff := cmp.Diff(whole[n+1:], rest, cmp.AllowUnexported(event{})); diff != "" {
			t.Errorf("after %s: want (-), got (+)\n%s", e, diff)
		}
	}
	if last := r.read(elsewhere, id, whole[len(whole)-1].id); last.resp.StatusCode != http.StatusNoContent {
		t.Errorf("after the end: %d", last.resp.StatusCode)
	}
}

// Promise: what is wrong is a problem before the first byte, and HEAD does not wait for a
// job's end.
func TestEventsRefusals(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, nil)
	id := r.enqueue(`{"type":"test.ok"}`).ID
	r.get("/v1/jobs/none/events").check(t, refusal{404, client.CodeNotFound, nil, "no such job"})
	r.send("GET", "/v1/jobs/"+id+"/events", "", "Last-Event-ID", "7").check(t, refusal{422, client.CodeInvalidRequest, []string{"/Last-Event-ID"}, "cannot be continued"})
	if a := r.get("/v1/jobs/" + id + "/events?follow=1"); a.status != http.StatusUnprocessableEntity {
		t.Errorf("an unknown parameter: %d %s", a.status, a.body)
	}
	if a := r.send("HEAD", "/v1/jobs/"+id+"/events", ""); a.status != http.StatusOK || a.header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("HEAD: %d %v", a.status, a.header)
	}
	inst.Kill()
	a := r.get("/v1/jobs/" + id + "/events")
	a.check(t, refusal{503, client.CodeUnavailable, nil, "Redis"})
	if a.header.Get("Retry-After") == "" {
		t.Errorf("without Redis: %v", a.header)
	}
}

// Promise: streams are bounded in number; one more is told to come back, and may once
// another has gone.
func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	base := r.another(func(o *httpapi.Options, _ *http.Server) { o.Streams.Most = 2 })
	id := r.enqueue(`{"type":"test.ok"}`).ID
	first, second := r.read(base, id, ""), r.read(base, id, "")
	first.until("pending:0")
	second.until("pending:0")
	third := r.read(base, id, "")
	if third.resp.StatusCode != http.StatusServiceUnavailable || third.resp.Header.Get("Retry-After") == "" {
		t.Errorf("one more: %d %v", third.resp.StatusCode, third.resp.Header)
	}
	first.leave()
	eventually(t, func() bool {
		next := r.read(base, id, "")
		defer next.leave()
		return next.resp.StatusCode == http.StatusOK
	}, func() string { return "no place is given back" })
}

// Promise: however many read in one process, one connection to Redis listens for them all;
// it listens for nobody once they have left.
func TestStreamsShareAConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	var ids []string
	var all []*reader
	for n := range 3 {
		ids = append(ids, r.enqueue(fmt.Sprintf(`{"type":"test.ok","id":"job-%d"}`, n)).ID)
		for range 10 {
			all = append(all, r.read(r.url, ids[n], ""))
		}
	}
	for _, s := range all {
		s.until("pending:0")
	}
	for _, id := range ids {
		r.listeners(id, 1)
	}
	list := r.inst.Client.Do(t.Context(), "client", "list", "type", "pubsub").String()
	if n := strings.Count(list, "id="); n != 2 { // the other one is that of Prefer: wait
		t.Errorf("%d connections listen:\n%s", n, list)
	}
	for _, s := range all {
		s.leave()
	}
	for _, id := range ids {
		r.listeners(id, 0)
	}
	r.grounded()
}

// Promise: a quiet stream has comments, and outlives the time limits of other requests.
func TestQuietStreamsAreKeptAlive(t *testing.T) {
	t.Parallel()
	say := make(chan string)
	r := newRig(t, storetest.Redis(t), talking(say))
	base := r.another(func(o *httpapi.Options, s *http.Server) {
		o.Streams.Ping = 100 * time.Millisecond
		s.ReadTimeout, s.WriteTimeout = 300*time.Millisecond, 300*time.Millisecond
	})
	r.pool("default")
	id := r.enqueue(`{"type":"test.talk"}`).ID
	s := r.read(base, id, "")
	s.until("active:1")
	time.AfterFunc(1500*time.Millisecond, func() { say <- "done" })
	if all := s.until("end:completed"); s.quiet < 2 || len(all) != 2 {
		t.Errorf("%d comments, then %q", s.quiet, words(all))
	}
}

// Promise: a job that is deleted ends its streams, which say so.
func TestEventsOfADeletedJob(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	id := r.enqueue(`{"type":"test.ok"}`).ID
	s := r.read(r.url, id, "")
	before := s.until("pending:0")
	r.send("DELETE", "/v1/jobs/"+id, "")
	if got := words(s.until("")); got != "deleted:0 end:deleted" {
		t.Errorf("told %q", got)
	}
	again := r.read(r.url, id, before[0].id)
	if got := words(again.until("")); got != "deleted:0 end:deleted" {
		t.Errorf("taken up later: %q", got)
	}
}

// Promise: when the server stops, streams end, without the event that says that their
// job has.
func TestStreamsEndWithTheServer(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	id := r.enqueue(`{"type":"test.ok"}`).ID
	s := r.read(r.url, id, "")
	s.until("pending:0")
	r.waiters.Release()
	if rest := s.until(""); len(rest) != 0 || s.failed != nil {
		t.Errorf("told %q, %v", words(rest), s.failed)
	}
}

// Promise: a stream that began before its job had a place in the log hears of its lines
// within a moment, not at the next look: words wake it.
func TestLinesComeAtOnce(t *testing.T) {
	t.Parallel()
	say := make(chan string)
	r := newRig(t, storetest.Redis(t), talking(say))
	r.pool("default")
	id := r.enqueue(`{"type":"test.talk"}`).ID
	s := r.read(r.url, id, "")
	s.until("active:1")
	r.listeners(id, 1)
	var took []time.Duration
	for n := range 10 {
		said := time.Now()
		word := fmt.Sprint("line-", n)
		say <- word
		s.until(word)
		took = append(took, time.Since(said))
	}
	slices.Sort(took)
	if median := took[5]; median > 450*time.Millisecond { // the scribe's 200 ms, and little more
		t.Errorf("half of the lines take longer than %s", median)
	}
	say <- "done"
	s.until("end:completed")
}
