package cmd

import (
	"strings"
	"testing"
)

const (
	retryJob = `{"id":"0190-a","type":"email.send","queue":"mail","state":"retry","created_at":"2030-01-31T11:57:00Z",
		"run_at":"2030-01-31T11:57:00Z","attempt":2,"max_retries":15,"timeout":"1m0s","retention":"24h0m0s",
		"payload":{"to":"a<b@example.com"},"last_error":"dial tcp: \u001b[2Jrefused\nand a second line that makes it rather long",
		"next_run_at":"2030-01-31T12:00:40Z","unheard_of":1.10}`
	doneJob = `{"id":"0190-b","type":"image.thumbnail","queue":"default","state":"completed","created_at":"2030-01-29T11:00:00Z",
		"run_at":"2030-01-29T11:00:00Z","attempt":1,"max_retries":0,"timeout":"5m0s","retention":"24h0m0s","payload":{},
		"result":{"width":320},"finished_at":"2030-01-29T11:00:05Z","tags":["a","b"],"headers":{"z":"2","a":"1"}}`
)

// Promise: people get aligned columns with ages, and nothing that moves the cursor.
func TestJobsListTable(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"GET /v1/jobs":                   `{"jobs":[` + retryJob + `,` + doneJob + `],"next_cursor":"c2"}`,
		"GET /v1/jobs?limit=2&queue=q":   `{"jobs":[]}`,
		"GET /v1/jobs?state=weird":       `422 {"code":"invalid_request","detail":"unknown state"}`,
		"GET /v1/jobs?cursor=c2&type=a":  `{"jobs":[` + doneJob + `]}`,
		"GET /v1/jobs?state=retry&tag=x": `{"jobs":[]}`,
	}))
	s.want(output{exitOK, strings.Join([]string{
		"ID      TYPE             QUEUE    STATE      ATTEMPT  CREATED  NEXT    ERROR",
		"0190-a  email.send       mail     retry      2/16     3m ago   in 40s  dial tcp:  [2Jrefused and a second line that ...",
		"0190-b  image.thumbnail  default  completed  1/1      2d ago   -       -",
		"",
	}, "\n"), "there are more: list them with --all, or go on with --cursor c2\n"}, "jobs", "list")
	s.want(output{exitOK, "", "no jobs match\n"}, "jobs", "list", "--queue", "q", "--limit", "2")
	s.want(output{exitOK, "", "no jobs match\n"}, "jobs", "list", "--state", "retry", "--tag", "x")
	s.wantError(exitRefused, "unknown state (422 invalid_request)", "jobs", "list", "--state", "weird")
	if got := s.run("jobs", "list", "--type", "a", "--cursor", "c2"); got.err != "" || strings.Count(got.out, "\n") != 2 {
		t.Errorf("got %+v", got)
	}
}

// Promise: a terminal gets coloured states in columns that stay aligned, unless
// NO_COLOR or a dumb terminal says otherwise.
func TestJobsListColour(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{"GET /v1/jobs": `{"jobs":[` + retryJob + `,` + doneJob + `]}`}))
	plain := s.run("jobs", "list").out
	s.terminal = true
	coloured := s.run("jobs", "list").out
	for _, want := range []string{"\x1b[33mretry\x1b[0m", "\x1b[32mcompleted\x1b[0m"} {
		if !strings.Contains(coloured, want) {
			t.Errorf("%q is missing in %q", want, coloured)
		}
	}
	codes := strings.NewReplacer("\x1b[33m", "", "\x1b[32m", "", "\x1b[39m", "", "\x1b[0m", "")
	if got := codes.Replace(coloured); got != plain {
		t.Errorf("colours move the columns:\n%s\n%s", got, plain)
	}
	for name, value := range map[string]string{"NO_COLOR": "1", "TERM": "dumb"} {
		s.env[name] = value
		if got := s.run("jobs", "list").out; got != plain {
			t.Errorf("%s=%s: got %q", name, value, got)
		}
		delete(s.env, name)
	}
}

// Promise: --json prints what the API sent, known to this program or not.
func TestJobsListJSON(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"GET /v1/jobs":                     `{ "jobs": [{"id":"1","new":"<&>","n":1.10}], "next_cursor": "c" }`,
		"GET /v1/jobs?limit=100":           `{"jobs":[{"id":"1"}, {"id":"2","new":true}],"next_cursor":"c"}`,
		"GET /v1/jobs?cursor=c&limit=100":  `{"jobs":[{"id":"3"}]}`,
		"GET /v1/jobs?limit=100&state=bad": `{"jobs":[]}`,
	}))
	s.want(output{exitOK, `{"jobs":[{"id":"1","new":"<&>","n":1.10}],"next_cursor":"c"}` + "\n", ""}, "jobs", "list", "--json")
	s.want(output{exitOK, `{"id":"1"}` + "\n" + `{"id":"2","new":true}` + "\n" + `{"id":"3"}` + "\n", ""}, "jobs", "list", "--all", "--json")
	s.want(output{exitOK, "", "no jobs match\n"}, "jobs", "list", "--all", "--json", "--state", "bad")
	s.terminal = true
	if got := s.run("jobs", "list", "--json"); !strings.HasPrefix(got.out, "{\n  \"jobs\": [\n") {
		t.Errorf("got %s", got.out)
	}
}

// Promise: --all prints the header once, over all pages.
func TestJobsListAll(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"GET /v1/jobs?limit=100":          `{"jobs":[` + retryJob + `],"next_cursor":"c"}`,
		"GET /v1/jobs?cursor=c&limit=100": `{"jobs":[` + doneJob + `],"next_cursor":"d"}`,
		"GET /v1/jobs?cursor=d&limit=100": downJSON,
	}))
	got := s.run("jobs", "list", "--all")
	if got.code != exitUnreachable || strings.Count(got.out, "TYPE") != 1 || strings.Count(got.out, "0190-") != 2 {
		t.Errorf("got %+v", got)
	}
}

// Promise: bad input never reaches the server.
func TestJobsBadInput(t *testing.T) {
	t.Parallel()
	s := newShell(t, silent(t))
	s.wantError(exitUsage, "--limit 0: use 1 to 500", "jobs", "list", "--limit", "0")
	s.wantError(exitUsage, "--limit 501: use 1 to 500", "jobs", "list", "--limit", "501")
	s.wantError(exitUsage, "leave --limit away", "jobs", "list", "--limit", "5", "--all")
	s.wantError(exitUsage, "takes no arguments", "jobs", "list", "x")
	s.wantError(exitUsage, "needs one ID", "jobs", "get")
	s.wantError(exitUsage, `"b" is too much`, "jobs", "get", "a", "b")
	s.wantError(exitUsage, "the ID is empty", "jobs", "get", "")
	for _, verb := range []string{"retry", "cancel", "archive", "delete"} {
		s.wantError(exitUsage, "needs one ID or more", "jobs", verb)
		s.wantError(exitUsage, "goes alone", "jobs", verb, "a", "-")
	}
	if got := s.run("jobs", "retry", ""); got.code != exitUsage || !strings.Contains(got.err, "the ID is empty") {
		t.Errorf("got %+v", got)
	}
}

// Promise: one job is shown whole, in a terminal's terms.
func TestJobsGet(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"GET /v1/jobs/0190-a": retryJob, "GET /v1/jobs/0190-b": doneJob, "GET /v1/jobs/a%2Fb": missingJSON,
	}))
	s.want(output{exitOK, `id         0190-a
type       email.send
queue      mail
state      retry
attempt    2/16
created    2030-01-31T11:57:00Z (3m ago)
run at     2030-01-31T11:57:00Z (3m ago)
next run   2030-01-31T12:00:40Z (in 40s)
timeout    1m0s
retention  24h0m0s
payload
  {
    "to": "a<b@example.com"
  }
last error
  dial tcp:  [2Jrefused
  and a second line that makes it rather long
`, ""}, "jobs", "get", "0190-a")
	got := s.run("jobs", "get", "0190-b")
	for _, want := range []string{"\nfinished   2030-01-29T11:00:05Z (2d ago)\n", "\ntags       a, b\n", "\nheaders    a=1, z=2\n", "\nresult\n  {\n    \"width\": 320\n  }\n"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is missing in\n%s", want, got.out)
		}
	}
	if got := s.run("jobs", "get", "0190-a", "--json"); !strings.HasSuffix(got.out, `"unheard_of":1.10}`+"\n") {
		t.Errorf("got %s", got.out)
	}
	s.wantError(exitNotFound, "no job has this id", "jobs", "get", "a/b")
	s.terminal = true
	if got := s.run("jobs", "get", "0190-b"); !strings.Contains(got.out, "state      \x1b[32mcompleted\x1b[0m\n") {
		t.Errorf("got %q", got.out)
	}
}

// Promise: every action reports each job, in order, and the worst code wins.
func TestJobsActions(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"POST /v1/jobs/a/retry":   `{"id":"a","state":"pending"}`,
		"POST /v1/jobs/b/retry":   missingJSON,
		"POST /v1/jobs/c/retry":   refusedJSON,
		"POST /v1/jobs/d/retry":   brokenJSON,
		"POST /v1/jobs/e/retry":   downJSON,
		"POST /v1/jobs/a/cancel":  `{"id":"a","state":"archived"}`,
		"POST /v1/jobs/a/archive": `{"id":"a","state":"archived"}`,
		"DELETE /v1/jobs/a":       `204 `,
		"DELETE /v1/jobs/b":       missingJSON,
	}))
	const notFound, conflict = "legwork: b: no job has this id (404 not_found)\n", "legwork: c: the job is active (409 conflict)\n"
	s.want(output{exitOK, "a pending\n", ""}, "jobs", "retry", "a")
	s.want(output{exitOK, "a archived\n", ""}, "jobs", "cancel", "a")
	s.want(output{exitOK, "a archived\n", ""}, "jobs", "archive", "a")
	s.want(output{exitOK, "a deleted\n", ""}, "jobs", "delete", "a")
	s.want(output{exitNotFound, "a deleted\n", notFound}, "jobs", "delete", "b", "a")
	s.want(output{exitNotFound, "a pending\n", notFound}, "jobs", "retry", "b", "a")
	s.want(output{exitRefused, "a pending\n", notFound + conflict}, "jobs", "retry", "b", "c", "a")
	s.want(output{exitFailure, "", "legwork: d: a defect (500 internal)\n" + conflict}, "jobs", "retry", "d", "c")
	s.want(output{exitUnreachable, "a pending\n", "stopped at e\nlegwork: Redis cannot be reached (503 unavailable)\n"}, "jobs", "retry", "a", "e", "a")
	s.want(output{exitOK, `{"id":"a","state":"pending"}` + "\n", ""}, "jobs", "retry", "a", "--json")
	s.want(output{exitOK, "", ""}, "jobs", "delete", "a", "--json")
}

// Promise: a lone - takes the first word of each line of stdin.
func TestJobsActionsFromStdin(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"POST /v1/jobs/a/retry": `{"id":"a","state":"pending"}`,
		"POST /v1/jobs/b/retry": `{"id":"b","state":"pending"}`,
	}))
	s.stdin = strings.NewReader("a pending\n\n  b\r\n")
	s.want(output{exitOK, "a pending\nb pending\n", ""}, "jobs", "retry", "-")
	s.stdin = strings.NewReader("\n")
	s.want(output{exitOK, "", "no IDs on stdin, nothing to do\n"}, "jobs", "retry", "-")
	s.stdin = strings.NewReader(strings.Repeat("x", 1<<20))
	s.wantError(exitFailure, "read stdin", "jobs", "retry", "-")
}
