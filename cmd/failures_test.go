package cmd

import (
	"io"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/charmbracelet/lipgloss"

	"legwork/client"
)

const (
	openGroup = `{"fingerprint":"0123456789abcdef","type":"email.send","kind":"error","message":"dial <addr>: \u001b[2Jrefused","last_error":"dial 10.0.0.1:25: refused",
		"state":"open","count":12,"first_seen":"2030-01-31T10:00:00Z","last_seen":"2030-01-31T11:57:00Z","queues":{"mail":10,"bulk":2},"dead":3,"retrying":1,
		"trend":[{"hour":"2030-01-31T09:00:00Z","count":0},{"hour":"2030-01-31T10:00:00Z","count":1},{"hour":"2030-01-31T11:00:00Z","count":8}],
		"sample_job":{"id":"0190-a","queue":"mail"}}`
	ignoredGroup = `{"fingerprint":"ffffffffffffffff","type":"t","kind":"panic","message":"boom","last_error":"boom","frame":"main.f","state":"ignored",
		"ignored_until":"2030-02-03T12:00:00Z","count":1,"first_seen":"2030-01-29T11:00:00Z","last_seen":"2030-01-29T11:00:00Z","queues":{},"dead":0,"retrying":0,"trend":[]}`
	resolvedGroup  = `{"fingerprint":"0123456789abcdef","state":"resolved","resolved_at":"2030-01-31T12:00:00Z"}`
	regressedGroup = `{"fingerprint":"0123456789abcdef","state":"regressed","regressed_at":"2030-01-31T11:00:00Z","count_since":4}`
)

// Promise: groups show in one table with their trends, and nothing moves the cursor.
func TestFailuresList(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"GET /v1/failures": `{"failures":[` + openGroup + `,` + ignoredGroup + `],"next_cursor":"c2"}`,
		"GET /v1/failures?kind=panic&limit=2&q=boom&queue=q&state=open&trend=7d&type=t": `{"failures":[]}`,
		"GET /v1/failures?limit=100":          `{"failures":[{"fingerprint":"1","new":1.10}],"next_cursor":"c"}`,
		"GET /v1/failures?cursor=c&limit=100": `{"failures":[{"fingerprint":"2"}]}`,
		"GET /v1/failures?cursor=c2":          `422 {"code":"invalid_request","detail":"no"}`,
		"GET /v1/failures?q=rare":             `{"failures":[],"next_cursor":"c3"}`,
		"GET /v1/failures?cursor=c3&q=rare":   `{"failures":[` + ignoredGroup + `]}`,
	}))
	s.want(output{exitOK, strings.Join([]string{
		"FINGERPRINT       TYPE        KIND   STATE    COUNT  DEAD  RETRYING  LAST    TREND  MESSAGE",
		"0123456789abcdef  email.send  error  open     12     3     1         3m ago  ·▁█    dial <addr>:  [2Jrefused",
		"ffffffffffffffff  t           panic  ignored  1      0     0         2d ago  -      boom",
		"",
	}, "\n"), "there are more: list them with --all, or go on with --cursor c2\n"}, "failures", "list")
	s.want(output{exitOK, "", "no failure groups match\n"},
		"failures", "list", "--type", "t", "--queue", "q", "--state", "open", "--kind", "panic", "--text", "boom", "--trend", "7d", "--limit", "2")
	s.want(output{exitOK, `{"fingerprint":"1","new":1.10}` + "\n" + `{"fingerprint":"2"}` + "\n", ""}, "failures", "list", "--all", "--json")
	if got := s.run("failures", "list", "--json"); got.code != exitOK || !strings.HasPrefix(got.out, `{"failures":[{"fingerprint":"0123456789abcdef"`) {
		t.Errorf("got %+v", got)
	}
	if got := s.run("failures", "list", "--text", "rare"); got.code != exitOK || got.err != "" || !strings.Contains(got.out, "ffffffffffffffff") {
		t.Errorf("behind an empty page: %+v", got)
	}
	if got := s.run("failures", "list", "--text", "rare", "--json"); got.code != exitOK || !strings.Contains(got.out, "ffffffffffffffff") {
		t.Errorf("behind an empty page: %+v", got)
	}
	s.wantError(exitRefused, "no (422 invalid_request)", "failures", "list", "--cursor", "c2")
	s.wantError(exitUsage, "--limit 0", "failures", "list", "--limit", "0")
	s.wantError(exitUsage, "leave --limit away", "failures", "list", "--limit", "5", "--all")
	s.wantError(exitUsage, "takes no arguments", "failures", "list", "x")
}

// Promise: on a terminal a group takes one line, cut to its width; a very narrow one
// has some of the message all the same.
func TestFailuresListFitsTheTerminal(t *testing.T) {
	t.Parallel()
	long := strings.Replace(openGroup, "refused\",", strings.Repeat("日本語 ", 60)+"\",", 1)
	s := newShell(t, routes(t, map[string]string{"GET /v1/failures": `{"failures":[` + long + `,` + ignoredGroup + `]}`}))
	s.terminal = true
	s.env["NO_COLOR"] = "1"
	for width, want := range map[int]int{0: 200, 100: 108, 120: 120, 200: 200} {
		s.width = width
		got := s.run("failures", "list")
		most := 0
		for line := range strings.Lines(got.out) {
			most = max(most, lipgloss.Width(strings.TrimRight(line, " \n")))
		}
		if got.code != exitOK || strings.Count(got.out, "\n") != 3 || most > want || most < 80 || width > 0 && !strings.Contains(got.out, "…") {
			t.Errorf("on %d columns: %d wide, want at most %d\n%s", width, most, want, got.out)
		}
	}
}

// Promise: one group shows everything that is known of it.
func TestFailuresShow(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"GET /v1/failures/0123456789abcdef":          openGroup,
		"GET /v1/failures/ffffffffffffffff?trend=7d": ignoredGroup,
		"GET /v1/failures/x":                         `400 {"code":"invalid_request","detail":"the fingerprint is none"}`,
		"GET /v1/failures/aaaaaaaaaaaaaaaa":          `404 {"code":"not_found","detail":"no such failure group"}`,
	}))
	s.want(output{exitOK, strings.Join([]string{
		"fingerprint  0123456789abcdef",
		"type         email.send",
		"kind         error",
		"state        open",
		"failures     12",
		"dead         3",
		"retrying     1",
		"first seen   2030-01-31T10:00:00Z (2h ago)",
		"last seen    2030-01-31T11:57:00Z (3m ago)",
		"queues       bulk 2, mail 10",
		"sample job   0190-a in mail",
		"trend        ·▁█",
		"message",
		"  dial <addr>:  [2Jrefused",
		"last error",
		"  dial 10.0.0.1:25: refused",
		"",
	}, "\n"), ""}, "failures", "show", "0123456789abcdef")
	if got := s.run("failures", "show", "ffffffffffffffff", "--trend", "7d"); !strings.Contains(got.out, "ignored until 2030-02-03T12:00:00Z (in 3d)") || !strings.Contains(got.out, "main.f") {
		t.Errorf("got %+v", got)
	}
	s.wantError(exitRefused, "the fingerprint is none", "failures", "show", "x")
	s.wantError(exitNotFound, "no such failure group", "failures", "show", "aaaaaaaaaaaaaaaa")
	s.wantError(exitUsage, "needs one fingerprint", "failures", "show")
	s.wantError(exitUsage, "the fingerprint is empty", "failures", "show", "")
}

// Promise: resolve, ignore and reopen report every group, and refuse to guess.
func TestFailuresTurn(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"POST /v1/failures/0123456789abcdef/resolve": resolvedGroup,
		"POST /v1/failures/0123456789abcdef/reopen":  regressedGroup,
		"POST /v1/failures/ffffffffffffffff/ignore":  ignoredGroup,
		"POST /v1/failures/none/resolve":             `404 {"code":"not_found","detail":"no such failure group"}`,
	}))
	s.want(output{exitNotFound, "0123456789abcdef resolved since 2030-01-31T12:00:00Z (now)\n", "legwork: none: no such failure group (404 not_found)\n"},
		"failures", "resolve", "none", "0123456789abcdef")
	s.want(output{exitOK, "0123456789abcdef regressed since 2030-01-31T11:00:00Z (1h ago), 4 failures\n", ""}, "failures", "reopen", "0123456789abcdef")
	s.want(output{exitOK, "ffffffffffffffff ignored until 2030-02-03T12:00:00Z (in 3d)\n", ""}, "failures", "ignore", "ffffffffffffffff", "--for", "72h")
	s.want(output{exitOK, "ffffffffffffffff ignored until 2030-02-03T12:00:00Z (in 3d)\n", ""}, "failures", "ignore", "ffffffffffffffff", "--until", "2030-02-03T12:00:00Z")
	s.want(output{exitOK, resolvedGroup + "\n", ""}, "failures", "resolve", "0123456789abcdef", "--json")
	s.wantError(exitUsage, "say for how long", "failures", "ignore", "ffffffffffffffff")
	s.wantError(exitUsage, "say for how long", "failures", "ignore", "ffffffffffffffff", "--for", "1h", "--until", "2030-02-03T12:00:00Z")
	s.wantError(exitUsage, "above zero", "failures", "ignore", "ffffffffffffffff", "--for", "-1h")
	s.wantError(exitUsage, "2d is 48h", "failures", "ignore", "ffffffffffffffff", "--for", "2d")
	s.wantError(exitUsage, "RFC 3339", "failures", "ignore", "ffffffffffffffff", "--until", "tomorrow")
	s.wantError(exitUsage, "needs one fingerprint or more", "failures", "resolve")
	s.wantError(exitUsage, "unknown command", "failures", "resolved")
}

// Promise: a sparkline has a bar for every count but zero, whatever the counts are.
func TestSparkline(t *testing.T) {
	t.Parallel()
	for want, counts := range map[string][]int64{
		"":                            nil,
		"·":                           {0},
		"█":                           {1},
		"▁█":                          {1, math.MaxInt64},
		"▁▂▃▄▅▆▇█":                    {1, 2, 3, 4, 5, 6, 7, 8},
		"··█":                         {0, -5, 3},
		strings.Repeat("·", 27) + "█": append(make([]int64, 167), 9),
	} {
		var trend []client.HourCount
		for _, n := range counts {
			trend = append(trend, client.HourCount{Count: n})
		}
		if got := sparkline(trend); got != want {
			t.Errorf("%v: %q, want %q", counts, got, want)
		}
	}
}

// Promise: the dead letters of a group are retried in one action, which is followed to
// its end; wrong flags ask the server nothing.
func TestFailuresRetry(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 1)
	s := newShell(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		switch r.Method + " " + r.URL.Path {
		case "POST /v1/failures/0123456789abcdef/retry":
			asked <- strings.TrimSpace(string(raw))
			reply(w, "202 "+actionRuns)
		case "GET /v1/actions/a1":
			reply(w, actionDone)
		default:
			reply(w, missingJSON)
		}
	})
	got := s.run("failures", "retry", "0123456789abcdef", "--rate", "50/s", "--front")
	if got.code != exitOK || !strings.Contains(got.out, "done       2\n") || got.err != "" {
		t.Errorf("got %+v", got)
	}
	if body := <-asked; body != `{"rate":50,"front":true}` {
		t.Errorf("asked for %s", body)
	}
	got = s.run("failures", "retry", "0123456789abcdef", "--dry-run", "--detach", "--json")
	if got.code != exitOK || !strings.HasPrefix(got.out, `{"id":"a1"`) || !strings.Contains(got.err, "legwork actions show a1") {
		t.Errorf("got %+v", got)
	}
	if body := <-asked; body != `{"dry_run":true}` {
		t.Errorf("asked for %s", body)
	}
	s.wantError(exitNotFound, "no job has this id", "failures", "retry", "ffffffffffffffff")
	s.wantError(exitUsage, `--rate "fast"`, "failures", "retry", "0123456789abcdef", "--rate", "fast")
	s.wantError(exitUsage, "needs one fingerprint", "failures", "retry")
	s.wantError(exitUsage, "takes one fingerprint", "failures", "retry", "a", "b")
	s.wantError(exitUsage, "is empty", "failures", "retry", "")
}
