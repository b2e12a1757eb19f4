package cmd

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"legwork/client"
)

const (
	actionRuns = `{"id":"a1","action":"retry","state":"running","filter":{"state":"archived","type":"email.send"},"rate":50,"total":3,"matched":1,"done":1,"created_at":"2030-01-31T11:59:00Z"}`
	actionDone = `{"id":"a1","action":"retry","state":"done","filter":{"state":"archived","type":"email.send"},"rate":50,"total":3,"matched":3,"done":2,"skipped":1,
		"reasons":{"edited":1},"created_at":"2030-01-31T11:59:00Z","finished_at":"2030-01-31T12:00:00Z"}`
	actionFailed = `{"id":"a2","action":"move","queue":"to","state":"failed","error":"queue to is no more","ids":4,"matched":1,"failed":1,
		"errors":[{"id":"j","error":"the other\u001b[2J queue"}],"created_at":"2030-01-31T11:59:00Z","finished_at":"2030-01-31T12:00:00Z"}`
)

// Promise: the command line orders an action by filter as the flags say, follows it to
// its end and says what came of it.
func TestJobsByFilter(t *testing.T) {
	t.Parallel()
	var body atomic.Value
	looks := atomic.Int64{}
	s := newShell(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodPost {
			var q client.ActionRequest
			if err := json.Unmarshal(raw, &q); err != nil {
				t.Error(err)
			}
			body.Store(strings.TrimSpace(string(raw)))
			reply(w, "202 "+map[string]string{"retry": actionRuns, "move": actionFailed, "delete": actionDone}[q.Action])
			return
		}
		if looks.Add(1)%2 == 1 {
			reply(w, actionRuns)
			return
		}
		reply(w, actionDone)
	})
	summary := strings.Join([]string{
		"id         a1", "action     retry", "selects    state=archived type=email.send", "rate       50/s", "state      done", "matched    3", "done       2",
		"skipped    1 (1 edited)", "failed     0", "created    2030-01-31T11:59:00Z (1m ago)", "finished   2030-01-31T12:00:00Z (now)", "",
	}, "\n")
	if got := s.run("jobs", "retry", "--filter", "state=archived type=email.send", "--rate", "50/s", "--front"); got.code != exitOK || got.out != summary || got.err != "" {
		t.Errorf("got %+v, want %s", got, summary)
	}
	if want := `{"action":"retry","filter":{"state":"archived","type":"email.send"},"rate":50,"front":true}`; body.Load() != want {
		t.Errorf("asked for %s, want %s", body.Load(), want)
	}
	if got := s.run("jobs", "retry", "--filter", `error="timed out" payload.user.id=7`); got.code != exitOK {
		t.Errorf("got %+v", got)
	}
	if want := `{"action":"retry","filter":{"error":"timed out","payload":{"user.id":"7"}}}`; body.Load() != want {
		t.Errorf("asked for %s, want %s", body.Load(), want)
	}
	if got := s.run("jobs", "delete", "--filter", "state=archived", "--dry-run", "--json"); got.code != exitOK || !strings.HasPrefix(got.out, `{"id":"a1"`) {
		t.Errorf("got %+v", got)
	}
	if want := `{"action":"delete","filter":{"state":"archived"},"dry_run":true}`; body.Load() != want {
		t.Errorf("asked for %s, want %s", body.Load(), want)
	}
	if got := s.run("jobs", "retry", "--filter", "queue=q", "--detach"); got.code != exitOK || !strings.Contains(got.err, "legwork actions show a1") || !strings.Contains(got.out, "running") {
		t.Errorf("got %+v", got)
	}
	if got := s.run("jobs", "move", "a", "b", "--to", "to"); got.code != exitFailure || !strings.Contains(got.out, "queue to is no more") || !strings.Contains(got.out, "  j: the other [2J queue") {
		t.Errorf("got %+v", got)
	}
	if want := `{"action":"move","ids":["a","b"],"queue":"to"}`; body.Load() != want {
		t.Errorf("asked for %s, want %s", body.Load(), want)
	}
}

// Promise: what the flags cannot mean is wrong usage, and the server is not asked.
func TestJobsByFilterBadInput(t *testing.T) {
	t.Parallel()
	s := newShell(t, silent(t))
	for _, c := range []struct{ part, args string }{
		{"one ID or more", "jobs retry"},
		{"give either IDs or --filter", "jobs retry a --filter queue=q"},
		{"--rate goes with --filter", "jobs retry a --rate 5/s"},
		{"--dry-run goes with --filter", "jobs delete a --dry-run"},
		{`--rate "fast"`, "jobs retry --filter queue=q --rate fast"},
		{`--rate "0/s"`, "jobs retry --filter queue=q --rate 0/s"},
		{`"queue" is not name=value`, "jobs retry --filter queue"},
		{"queue has no value", "jobs retry --filter queue="},
		{"there is no field \"colour\"; there are state, queue, type, tag", "jobs retry --filter colour=red"},
		{"is empty", "jobs retry --filter="},
		{"give the queue with --to", "jobs move --filter queue=q"},
		{"give IDs, or --filter", "jobs move --to q"},
		{"give either --at or --delay", "jobs reschedule a"},
		{"give either --at or --delay", "jobs reschedule a --at 2030-01-31T12:00:00Z --delay 5s"},
		{"RFC 3339", "jobs reschedule a --at tomorrow"},
		{"one ID", "actions show"},
		{"takes no arguments", "actions list x"},
	} {
		s.wantError(exitUsage, c.part, strings.Fields(c.args)...)
	}
}

// Promise: actions are listed, shown and aborted.
func TestActions(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"GET /v1/actions":           `{"actions":[` + actionDone + `],"next_cursor":"c"}`,
		"GET /v1/actions?cursor=c":  `{"actions":[` + actionFailed + `]}`,
		"GET /v1/actions/a1":        actionDone,
		"POST /v1/actions/a1/abort": `409 {"code":"conflict","detail":"the action has ended: it is done"}`,
		"POST /v1/actions/a3/abort": `{"id":"a3","action":"retry","state":"running","aborting":true,"ids":2,"created_at":"2030-01-31T11:59:00Z"}`,
		"GET /v1/actions/no":        `404 {"code":"not_found","detail":"no such action"}`,
	}))
	s.want(output{exitOK, strings.Join([]string{
		"ID  ACTION  STATE   MATCHED  DONE  SKIPPED  FAILED  CREATED  SELECTS",
		"a1  retry   done    3        2     1        0       1m ago   state=archived type=email.send",
		"a2  move    failed  1        0     0        1       1m ago   4 ids", "",
	}, "\n"), ""}, "actions", "list")
	if got := s.run("actions", "list", "--json"); got.code != exitOK || strings.Count(got.out, "\n") != 2 {
		t.Errorf("got %+v", got)
	}
	if got := s.run("actions", "abort", "a3"); got.code != exitOK || !strings.Contains(got.out, "running, to be aborted") {
		t.Errorf("got %+v", got)
	}
	s.wantError(exitRefused, "it is done", "actions", "abort", "a1")
	s.wantError(exitNotFound, "no such action", "actions", "show", "no")
}

// Promise: on a terminal an action shows how far it is while it runs, and nothing of
// that is left in what it says at its end.
func TestActionShowsProgress(t *testing.T) {
	t.Parallel()
	looks := atomic.Int64{}
	s := newShell(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPost:
			reply(w, "202 "+actionRuns)
		case looks.Add(1) < 3:
			reply(w, strings.Replace(actionRuns, `"matched":1`, `"matched":2`, 1))
		default:
			reply(w, actionDone)
		}
	})
	s.terminal, s.width = true, 80
	got := s.run("jobs", "retry", "--filter", "state=archived type=email.send", "--rate", "50/s")
	if got.code != exitOK || !strings.Contains(got.err, "retry") || !strings.Contains(got.err, "(1/3") || strings.Contains(got.out, "(1/3") || !strings.Contains(got.out, "done       2") {
		t.Errorf("got %+v", got)
	}
	s.terminal = false
	looks.Store(0)
	if got := s.run("jobs", "retry", "--filter", "state=archived type=email.send"); got.code != exitOK || got.err != "" {
		t.Errorf("without a terminal: %+v", got)
	}
}
