package cmd

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"legwork/client"
	"legwork/internal/store/storetest"
)

const (
	logFirst = `{"runs":[],"lines":[{"id":"1.1","attempt":1,"at":"2030-01-31T12:00:00.5Z","level":"INFO","message":"sent \u001b[2J","attrs":{"to":"a b","n":7,"big":12345678901234567890,"o":{"x":[1]},"e":""}}],"next_cursor":"1.1"}`
	logLast  = `{"runs":[],"lines":[{"id":"2.1","attempt":2,"at":"2030-01-31T12:00:01Z","level":"ERROR+1","message":"lost"}]}`
)

// Promise: the whole log is printed, page by page, as lines for people, with nothing in
// them that moves the cursor, or as the API's own lines.
func TestJobsLogs(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"GET /v1/jobs/a/logs?limit=1000": logFirst, "GET /v1/jobs/a/logs?cursor=1.1&limit=1000": logLast,
		"GET /v1/jobs/a/logs?attempt=2&limit=1000": logLast, "GET /v1/jobs/quiet/logs?limit=1000": `{"runs":[],"lines":[]}`,
		"GET /v1/jobs/gone/logs?limit=1000": missingJSON,
	}))
	first := `2030-01-31T12:00:00.500Z 1 INFO sent  [2J to="a b" n=7 big=12345678901234567890 o={"x":[1]} e=""` + "\n"
	last := "2030-01-31T12:00:01.000Z 2 ERROR+1 lost\n"
	s.want(output{exitOK, first + last, ""}, "jobs", "logs", "a")
	s.want(output{exitOK, last, ""}, "jobs", "logs", "a", "--attempt", "2")
	s.want(output{exitOK, "", "nothing was logged\n"}, "jobs", "logs", "quiet")
	if got := s.run("jobs", "logs", "a", "--json"); got.code != exitOK || strings.Count(got.out, "\n") != 2 || !strings.Contains(got.out, `"big":12345678901234567890`) {
		t.Errorf("got %+v", got)
	}
	s.terminal = true
	if got := s.run("jobs", "logs", "a"); !strings.Contains(got.out, "\x1b[31mERROR+1\x1b[0m") {
		t.Errorf("on a terminal: %q", got.out)
	}
	s.terminal = false
	s.wantError(exitNotFound, "no job has this id", "jobs", "logs", "gone")
	s.wantError(exitUsage, "the ID is empty", "jobs", "logs", "")
	s.wantError(exitUsage, "one ID", "jobs", "logs")
	s.wantError(exitUsage, "counted from 1", "jobs", "logs", "a", "--attempt", "0")
	s.wantError(exitUsage, "counted from 1", "jobs", "logs", "a", "--attempt", "-1")
	s.wantError(exitUsage, "leave --attempt away", "jobs", "logs", "a", "-f", "--attempt", "2")
}

// streams answers each of the calls for a job's events with the next of the texts, and
// cuts the connection off after it.
func streams(t *testing.T, after []string, texts ...string) http.HandlerFunc {
	var calls atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		n := int(calls.Add(1)) - 1
		if n >= len(texts) || r.URL.Path != "/v1/jobs/a/events" || r.Header.Get("Last-Event-ID") != after[n] {
			t.Errorf("call %d of %s after %q", n, r.URL.Path, r.Header.Get("Last-Event-ID"))
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, texts[n])
	}
}

const (
	eventsBegun = "id: 1\nevent: state\ndata: {\"state\":\"active\",\"attempt\":1,\"max_retries\":3}\n\n" +
		"id: 2\nevent: log\ndata: {\"id\":\"1.1\",\"attempt\":1,\"at\":\"2030-01-31T12:00:00Z\",\"level\":\"INFO\",\"message\":\"begun\"}\n\n" +
		"id: 3\nevent: progress\ndata: {\"done\":5,\"total\":20,\"at\":\"2030-01-31T12:00:00Z\",\"attempt\":1}\n\n"
	eventsDone = "id: 4\nevent: state\ndata: {\"state\":\"completed\",\"attempt\":1,\"max_retries\":3}\n\n" +
		"id: 5\nevent: end\ndata: {\"reason\":\"completed\"}\n\n"
	eventsDead = "id: 4\nevent: state\ndata: {\"state\":\"archived\",\"attempt\":4,\"max_retries\":3,\"last_error\":\"no luck\"}\n\n" +
		"id: 5\nevent: end\ndata: {\"reason\":\"archived\"}\n\n"
)

// Promise: log lines go to stdout, progress and states to stderr; a broken stream is
// gone on with where it broke; the exit code tells whether the job succeeded.
func TestJobsTail(t *testing.T) {
	t.Parallel()
	line := "2030-01-31T12:00:00.000Z 1 INFO begun\n"
	s := newShell(t, streams(t, []string{"", "3"}, eventsBegun, eventsDone))
	got := s.run("jobs", "tail", "a")
	if got.code != exitOK || got.out != line || !strings.HasPrefix(got.err, "active, attempt 1 of 4\nprogress 5 of 20 (25 %)\n") ||
		!strings.Contains(got.err, "trying again in ") || !strings.HasSuffix(got.err, "\ncompleted, attempt 1 of 4\n") {
		t.Errorf("got %+v", got)
	}
	dead := newShell(t, streams(t, []string{""}, eventsBegun+eventsDead))
	if got := dead.run("jobs", "logs", "-f", "a"); got.code != exitFailure || got.out != line || !strings.HasSuffix(got.err, "archived, attempt 4 of 4: no luck\nlegwork: job a is archived\n") {
		t.Errorf("got %+v", got)
	}
	raw := newShell(t, streams(t, []string{""}, eventsBegun+eventsDone))
	if got := raw.run("jobs", "tail", "a", "--json"); got.code != exitOK || got.err != "" || strings.Count(got.out, "\n") != 5 || !strings.Contains(got.out, `{"id":"5","event":"end","end":{"reason":"completed"}}`) {
		t.Errorf("got %+v", got)
	}
	s.wantError(exitUsage, "the ID is empty", "jobs", "tail", "")
	s.wantError(exitUsage, "one ID", "jobs", "tail")
}

// Promise: what is wrong is told before anything is followed, and Ctrl-C ends it.
func TestJobsTailRefused(t *testing.T) {
	t.Parallel()
	newShell(t, routes(t, map[string]string{"GET /v1/jobs/gone/events": missingJSON})).
		wantError(exitNotFound, "no job has this id", "jobs", "tail", "gone")
	held := newShell(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, eventsBegun)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	seen := make(chan output, 1)
	go func() { seen <- held.runContext(ctx, "jobs", "tail", "a") }()
	cancel()
	if got := <-seen; got.code == exitOK || !strings.Contains(got.err, "interrupted") {
		t.Errorf("got %+v", got)
	}
}

// Promise: against a real server a job is followed from anywhere in its life to its end,
// and its log is there afterwards.
func TestTailOfARealServer(t *testing.T) {
	t.Parallel()
	redis := storetest.Redis(t)
	server := launch(t, nil, "dev", "--redis-url", redis.URL, "--http-addr", "127.0.0.1:0")
	server.says(t, "Stop with Ctrl-C.")
	url := addressOf(t, server)
	for id, want := range map[string]int{"good": 0, "bad": 1} {
		job := launch(t, nil, "--server", url, "enqueue", "hello.tell", "--id", id, "-f", "fail:="+fmt.Sprint(want == 1), "--delay", "300ms", "--json")
		if job.exit(t) != 0 {
			t.Fatal(job.stderr.String())
		}
		tail := launch(t, nil, "--server", url, "jobs", "tail", id)
		if code := tail.exit(t); code != want {
			t.Errorf("%s: exit code %d, %s", id, code, tail.stderr.String())
		}
		if got := tail.stdout.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, "INFO first n=1\n") || !strings.Contains(got, "WARN second\n") {
			t.Errorf("%s: log %q", id, got)
		}
		if got := tail.stderr.String(); !strings.HasPrefix(got, "scheduled") || !strings.Contains(got, "progress 1 of 2 (50 %)") {
			t.Errorf("%s: events %q", id, got)
		}
		log := launch(t, nil, "--server", url, "jobs", "logs", id, "--json")
		if log.exit(t) != 0 {
			t.Fatal(log.stderr.String())
		}
		if l := decoded[client.LogLine](t, strings.SplitAfter(log.stdout.String(), "\n")[0]); l.Message != "first" {
			t.Errorf("%s: logs %q", id, log.stdout.String())
		}
	}
}
