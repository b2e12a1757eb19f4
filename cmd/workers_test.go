package cmd

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/charmbracelet/lipgloss"

	"legwork/client"
	"legwork/internal/store/storetest"
)

const (
	busyWorker = `{"id":"0190aaaa-7a5b-7c3d-9e1f-5a2b3c4d5e6f","state":"running","host":"box-1","pid":42,"version":"v1.2.0","roles":["api","worker"],
		"started_at":"2030-01-31T11:00:00Z","last_heartbeat":"2030-01-31T11:59:58Z","slots":20,"busy":3,"zombies":1,"types":["email.send","pdf.render"],
		"pools":[{"name":"shared","queues":{"default":1,"mail":6},"strict_priority":true,"concurrency":20,"busy":3}],
		"running":[{"id":"j1","type":"pdf.render","queue":"default","attempt":2,"started_at":"2030-01-31T11:57:00Z","ends_at":"2030-01-31T12:05:00Z","cancelled":true,"zombie":true},
			{"id":"j2","type":"email.send","queue":"mail","attempt":1,"started_at":"2030-01-31T11:59:48Z","ends_at":"2030-01-31T12:01:00Z","unheard_of":1.10}]}`
	lostWorker = `{"id":"w2\u001b[2J","state":"lost","slots":0,"busy":0,"held":7,"zombies":0,"pools":[],"running":[],"types":[]}`
	quietJSON  = `{"id":"w1","state":"quiet","slots":1,"busy":0,"zombies":0,"pools":[],"running":[],"types":[]}`
	askedJSON  = `202 {"id":"w3","state":"running","asked":"quiet","slots":1,"busy":0,"zombies":0,"pools":[],"running":[],"types":[]}`
)

// Promise: people see each worker, whether it lives, and what it runs since when, with
// nothing that moves the cursor; programs get what the API sent.
func TestWorkersList(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{"GET /v1/workers": `{"workers":[` + busyWorker + `,` + lostWorker + `]}`}))
	s.want(output{exitOK, strings.Join([]string{
		"ID                                    STATE    BUSY    HEARD   HOST   VERSION  RUNS",
		"0190aaaa-7a5b-7c3d-9e1f-5a2b3c4d5e6f  running  3/20    2s ago  box-1  v1.2.0   pdf.render 3m (ignores its end), email.send 12s, 1 more",
		"w2 [2J                                lost     7 held  -       -      -        -",
		"",
	}, "\n"), ""}, "workers", "list")
	if got := s.run("workers", "list", "--json"); got.code != exitOK || !strings.Contains(got.out, `"unheard_of":1.10`) || strings.Count(got.out, "\n") != 1 {
		t.Errorf("got %+v", got)
	}
	s.wantError(exitUsage, "no arguments", "workers", "list", "x")
	s = newShell(t, routes(t, map[string]string{"GET /v1/workers": `{"workers":[]}`}))
	s.want(output{exitOK, "", "no workers; start one with legwork serve --roles worker\n"}, "workers", "list")
	if got := s.run("workers", "list", "--json"); got.out != "{\"workers\":[]}\n" {
		t.Errorf("got %+v", got)
	}
	s = newShell(t, routes(t, map[string]string{"GET /v1/workers": downJSON}))
	s.wantError(exitUnreachable, "Redis cannot be reached", "workers", "list")
}

// Promise: the tables fit an ordinary terminal: what matters least is left out.
func TestWorkersFitTheTerminal(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"GET /v1/workers": `{"workers":[` + busyWorker + `,` + lostWorker + `]}`, "GET /v1/workers/w1": busyWorker,
	}))
	s.terminal, s.env["NO_COLOR"] = true, "1"
	for _, width := range []int{80, 100, 120, 200} {
		s.width = width
		for _, args := range [][]string{{"workers", "list"}, {"workers", "get", "w1"}} {
			got := s.run(args...)
			for _, line := range strings.Split(got.out, "\n") {
				if n := lipgloss.Width(line); n > width && strings.Contains(line, "  ") {
					t.Errorf("%v on %d columns: %d in %q", args, width, n, line)
				}
			}
			if !strings.Contains(got.out, "0190aaaa-7a5b-7c3d-9e1f-5a2b3c4d5e6f") || !strings.Contains(got.out, "pdf.render") {
				t.Errorf("%v on %d columns:\n%s", args, width, got.out)
			}
		}
		if got := s.run("workers", "list").out; strings.Contains(got, "VERSION") != (width > 80) {
			t.Errorf("%d columns:\n%s", width, got)
		}
	}
}

// Promise: one worker is shown whole.
func TestWorkersGet(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{"GET /v1/workers/w1": busyWorker, "GET /v1/workers/no": `404 {"code":"not_found","detail":"no such worker"}`}))
	s.want(output{exitOK, strings.Join([]string{
		"id         0190aaaa-7a5b-7c3d-9e1f-5a2b3c4d5e6f", "state      running", "at         box-1, process 42", "version    v1.2.0", "roles      api, worker",
		"started    2030-01-31T11:00:00Z (1h ago)", "heard      2030-01-31T11:59:58Z (2s ago)", "busy       3/20",
		"zombies    1, whose handlers ignore that their contexts have ended", "types      email.send, pdf.render", "",
		"POOL    BUSY  QUEUES BY WEIGHT", "shared  3/20  strictly: mail 6, default 1", "",
		"RUNS  TYPE        QUEUE    ATTEMPT  SINCE    ENDS   NOTE",
		"j1    pdf.render  default  2        3m ago   in 5m  its handler ignores that its context has ended",
		"j2    email.send  mail     1        12s ago  in 1m  -", "",
	}, "\n"), "it runs 1 more\n"}, "workers", "get", "w1")
	if got := s.run("workers", "get", "w1", "--json"); !strings.HasPrefix(got.out, `{"id":"0190aaaa`) || got.code != exitOK {
		t.Errorf("got %+v", got)
	}
	s.wantError(exitNotFound, "no such worker", "workers", "get", "no")
	s.wantError(exitUsage, "the worker's ID is empty", "workers", "get", "")
	s.wantError(exitUsage, "one ID", "workers", "get")
}

// Promise: each worker that was quieted or resumed is reported; one that has not
// confirmed is told apart, and what fails does not stop the others.
func TestWorkersTurn(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"POST /v1/workers/w1/quiet": quietJSON, "POST /v1/workers/w3/quiet": askedJSON,
		"POST /v1/workers/w1/resume": strings.Replace(quietJSON, "quiet", "running", 1),
		"POST /v1/workers/no/quiet":  `404 {"code":"not_found","detail":"no such worker"}`,
		"POST /v1/workers/w2/quiet":  `409 {"code":"conflict","detail":"the worker is lost"}`,
		"GET /v1/workers":            `{"workers":[` + quietJSON + `,` + lostWorker + `]}`,
	}))
	s.want(output{exitOK, "w1 quiet\n", ""}, "workers", "quiet", "w1")
	s.want(output{exitOK, "w1 running\n", ""}, "workers", "resume", "w1")
	s.want(output{exitOK, "w3 running\n", "worker w3 has not confirmed yet that it was asked for: quiet\n"}, "workers", "quiet", "w3")
	if got := s.run("workers", "quiet", "no", "w2", "w1"); got.code != exitRefused || got.out != "w1 quiet\n" || !strings.Contains(got.err, "no such worker") || !strings.Contains(got.err, "the worker is lost") {
		t.Errorf("got %+v", got)
	}
	s.stdin = strings.NewReader("w1 of box-1\n")
	s.want(output{exitOK, "w1 quiet\n", ""}, "workers", "quiet", "-")
	s.wantError(exitUsage, "one worker ID or more", "workers", "quiet")
	s.wantError(exitUsage, "the worker's ID is empty", "workers", "resume", "")
	if got := s.run("__complete", "workers", "quiet", "w"); got.out != "w1\tquiet\nw2 [2J\tlost\n:4\n" {
		t.Errorf("completion %q", got.out)
	}
	if got := s.run("__complete", "workers", "get", "w1", ""); got.out != ":4\n" {
		t.Errorf("completion of a second one %q", got.out)
	}
}

// Promise: a cancelled job that runs says what its worker says, in one line and in the
// whole picture.
func TestCancelIsAcknowledged(t *testing.T) {
	t.Parallel()
	const (
		job   = `{"id":"a","type":"t","queue":"q","state":"active","created_at":"2030-01-31T11:57:00Z","run_at":"2030-01-31T11:57:00Z","attempt":1,"max_retries":0,"timeout":"1m0s","retention":"0s","payload":{},"cancel":{"asked_at":"2030-01-31T11:59:00Z"`
		heard = job + `,"acknowledged_at":"2030-01-31T11:59:01Z","worker":"w1"}}`
		deaf  = job + `}}`
	)
	s := newShell(t, routes(t, map[string]string{
		"POST /v1/jobs/a/cancel": heard, "POST /v1/jobs/b/cancel": "202 " + deaf, "GET /v1/jobs/a": heard, "GET /v1/jobs/b": deaf,
	}))
	s.want(output{exitOK, "a active, its context ended by worker w1\n", ""}, "jobs", "cancel", "a")
	s.want(output{exitOK, "a active, asked to end; its worker has not acknowledged yet\n", ""}, "jobs", "cancel", "b")
	for id, want := range map[string]string{
		"a": "cancel     asked for 2030-01-31T11:59:00Z (1m ago), acknowledged by worker w1 2030-01-31T11:59:01Z (59s ago)\n",
		"b": "cancel     asked for 2030-01-31T11:59:00Z (1m ago), not acknowledged yet\n",
	} {
		if got := s.run("jobs", "get", id); !strings.Contains(got.out, want) {
			t.Errorf("%s: %s", id, got.out)
		}
	}
}

// Promise: against a real server a worker can be found, quieted and resumed from the
// command line, a job that waits for it says why, and top tells of it.
func TestWorkersOfARealServer(t *testing.T) {
	t.Parallel()
	redis := storetest.Redis(t)
	server := launch(t, nil, "dev", "--redis-url", redis.URL, "--http-addr", "127.0.0.1:0")
	server.says(t, "Stop with Ctrl-C.")
	url := addressOf(t, server)
	legwork := func(args ...string) string {
		t.Helper()
		p := launch(t, nil, append([]string{"--server", url}, args...)...)
		if code := p.exit(t); code != 0 {
			t.Fatalf("legwork %v ends with %d: %s%s", args, code, p.stdout.String(), p.stderr.String())
		}
		return p.stdout.String()
	}
	list := decoded[client.WorkerList](t, legwork("workers", "list", "--json"))
	if len(list.Workers) != 1 || list.Workers[0].State != client.WorkerRunning || list.Workers[0].Slots == 0 {
		t.Fatalf("workers %+v", list)
	}
	id := list.Workers[0].ID
	if got := legwork("workers", "list"); !strings.Contains(got, id) {
		t.Errorf("list:\n%s", got)
	}
	if got := legwork("workers", "quiet", id); got != id+" quiet\n" {
		t.Errorf("quiet: %s", got)
	}
	job := decoded[client.Job](t, legwork("enqueue", "hello.greet", "--json"))
	if w := decoded[client.Why](t, legwork("jobs", "why", job.ID, "--json")); w.Code != client.WhyWorkersQuiet {
		t.Errorf("why: %+v", w)
	}
	if got := legwork("jobs", "why", job.ID); !strings.HasPrefix(got, job.ID+" pending\n\nworkers_quiet: ") {
		t.Errorf("why: %s", got)
	}
	if got := decoded[topPicture](t, legwork("top", "--once", "--json")); len(got.Workers) != 1 || got.Workers[0].State != client.WorkerQuiet || got.Workers[0].ID != id {
		t.Errorf("top: %+v", got.Workers)
	}
	if got := legwork("top", "--once"); !strings.Contains(got, "WORKER") || !strings.Contains(got, "quiet") {
		t.Errorf("top:\n%s", got)
	}
	if got := legwork("workers", "resume", id); got != id+" running\n" {
		t.Errorf("resume: %s", got)
	}
	if got := legwork("workers", "get", id); !strings.Contains(got, "state      running\n") || !strings.Contains(got, "hello.greet") {
		t.Errorf("get:\n%s", got)
	}
}

// decoded reads a line of JSON.
func decoded[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
}
