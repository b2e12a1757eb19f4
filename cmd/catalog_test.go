package cmd

import (
	"strings"
	"testing"

	"github.com/charmbracelet/lipgloss"
)

const queuesJSON = `{"queues":[
	{"name":"default","paused":false,"weight":1,"states":{"pending":3,"active":1,"retry":4},"oldest_pending_age":"2m5s",
		"backlog":5,"throughput":0.0001,"arrivals":120.5,"drain_time":null,"drain_reason":"it grows"},
	{"name":"mail","paused":true,"weight":0,"states":{"archived":12},"oldest_pending_age":"0s","backlog":0,"drain_time":"0s"},
	{"name":"pdf","paused":false,"weight":0,"states":{"completed":1000000},"oldest_pending_age":"0s",
		"backlog":250000,"throughput":12,"arrivals":0,"drain_time":"3h2m"}]}`

const typeJSON = `{"name":"email.send","summary":"Sends one mail","version":"abc","queue":"mail","max_retries":15,"timeout":"5m0s",
	"retention":"24h0m0s","backoff":{"initial":"1s","max":"10m0s","factor":2,"jitter":0.2},"workers":2,
	"schema":{"type":"object"},"examples":[{"to": "o'hara@example.com"}]}`

// Promise: queues show in one table, states in the order of lists.
func TestQueuesList(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{"GET /v1/queues": queuesJSON}))
	s.want(output{exitOK, strings.Join([]string{
		"NAME     STATUS    WEIGHT  ACTIVE  PENDING  SCHEDULED  RETRY  ARCHIVED  COMPLETED  OLDEST  BACKLOG  IN/MIN  OUT/MIN  DRAIN",
		"default  running   1       1       3        0          4      0         0          2m      5        7230    <0.01    never",
		"mail     paused    0       0       0        0          0      12        0          -       0        0       0        -",
		"pdf      unserved  0       0       0        0          0      0         1000000    -       250000   0       720      3h",
		"",
	}, "\n"), ""}, "queues", "list")
	if got := s.run("queues", "list", "--json"); !strings.HasPrefix(got.out, `{"queues":[{"name":"default",`) {
		t.Errorf("got %s", got.out)
	}
	empty := newShell(t, routes(t, map[string]string{"GET /v1/queues": `{"queues":[]}`}))
	empty.want(output{exitOK, "", "no queues yet; the first job makes one\n"}, "queues", "list")
	empty.want(output{exitOK, `{"queues":[]}` + "\n", "no queues yet; the first job makes one\n"}, "queues", "list", "--json")
}

// Promise: on a terminal of 80 columns or more no row of the queues is wider, and what
// waits, for how long, and when it will be done is always there.
func TestQueuesFitTheTerminal(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{"GET /v1/queues": queuesJSON}))
	s.terminal, s.env["NO_COLOR"] = true, "1"
	for _, width := range []int{80, 90, 100, 120, 200} {
		s.width = width
		got := s.run("queues", "list")
		for line := range strings.Lines(got.out) {
			if n := lipgloss.Width(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("on %d columns: %d in %q", width, n, line)
			}
		}
		for _, must := range []string{"STATUS", "RETRY", "ARCHIVED", "OLDEST", "BACKLOG", "IN/MIN", "OUT/MIN", "DRAIN", "unserved", "never", "250000"} {
			if !strings.Contains(got.out, must) {
				t.Errorf("on %d columns %s is missing:\n%s", width, must, got.out)
			}
		}
		if strings.Contains(got.out, "COMPLETED") != (width >= 124) {
			t.Errorf("%d columns:\n%s", width, got.out)
		}
	}
}

// Promise: pause and resume report every queue, and refuse to guess.
func TestQueuesTurn(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"POST /v1/queues/mail/pause":  `{"name":"mail","paused":true}`,
		"POST /v1/queues/mail/resume": `{"name":"mail","paused":false}`,
		"POST /v1/queues/none/pause":  `404 {"code":"not_found","detail":"no such queue"}`,
	}))
	s.want(output{exitOK, "mail running\n", ""}, "queues", "resume", "mail")
	s.want(output{exitNotFound, "mail paused\n", "legwork: none: no such queue (404 not_found)\n"}, "queues", "pause", "none", "mail")
	s.want(output{exitOK, `{"name":"mail","paused":true}` + "\n", ""}, "queues", "pause", "mail", "--json")
	s.wantError(exitUsage, "needs one queue or more", "queues", "pause")
	s.wantError(exitUsage, "goes alone", "queues", "resume", "-", "mail")
	s.wantError(exitUsage, "takes no arguments", "queues", "list", "mail")
	if got := s.run("queues", "pause", ""); got.code != exitUsage {
		t.Errorf("got %+v", got)
	}
}

// Promise: the catalog shows as a table.
func TestTypesList(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{"GET /v1/types": `{"types":[` + typeJSON + `]}`}))
	s.want(output{exitOK, "TYPE        VERSION  QUEUE  RETRIES  TIMEOUT  WORKERS  SUMMARY\n" +
		"email.send  abc      mail   15       5m0s     2        Sends one mail\n", ""}, "types", "list")
	s.wantError(exitUsage, "takes no arguments", "types", "list", "x")
	newShell(t, routes(t, map[string]string{"GET /v1/types": `{"types":[]}`})).
		want(output{exitOK, "", "no job types; a worker announces its types when it starts\n"}, "types", "list")
}

// Promise: a type shows its defaults, its schema, and a call that a shell takes
// as it is and that does not hold the key.
func TestTypesShow(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"GET /v1/types/email.send": typeJSON,
		"GET /v1/types/bare":       `{"name":"bare","schema":{}}`,
		"GET /v1/types/none":       `404 {"code":"not_found","detail":"no such type"}`,
	}))
	s.env["LEGWORK_API_KEY"] = "hunter2"
	s.want(output{exitOK, `type         email.send
summary      Sends one mail
version      abc
queue        mail
max retries  15
timeout      5m0s
retention    24h0m0s
backoff      1s to 10m0s, times 2, jitter 0.2
workers      2
payload schema
  {
    "type": "object"
  }
example
  curl 'URL/v1/jobs' -H "Authorization: Bearer $LEGWORK_API_KEY" \
    -H 'Content-Type: application/json' -d '{"type":"email.send","payload":{"to":"o'\''hara@example.com"}}'
`, ""}, "types", "show", "email.send")
	delete(s.env, "LEGWORK_API_KEY")
	if got := s.run("types", "show", "bare"); !strings.Contains(got.out, `-d '{"type":"bare","payload":{}}'`) || strings.Contains(got.out, "Bearer") {
		t.Errorf("got %s", got.out)
	}
	if got := s.run("types", "show", "bare", "--json"); got.out != `{"name":"bare","schema":{}}`+"\n" {
		t.Errorf("got %s", got.out)
	}
	s.wantError(exitNotFound, "no such type", "types", "show", "none")
	s.wantError(exitUsage, "needs one type", "types", "show")
	s.wantError(exitUsage, "the type is empty", "types", "show", "")
}
