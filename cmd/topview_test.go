package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

	"legwork/client"
)

// still is a source that always answers with the same.
type still struct {
	shown *topPicture
	err   error
}

func (s still) picture(context.Context) (*topPicture, error) { return s.shown, s.err }
func (s still) turn(context.Context, string, bool) error     { return s.err }
func duration(d time.Duration) *client.Duration              { return (*client.Duration)(&d) }
func states(dead int) map[string]int {
	return map[string]int{"archived": dead, "active": 1, "retry": 2}
}
func names(m topModel) (out []string) {
	for _, q := range m.shown.Queues {
		out = append(out, q.Name)
	}
	return out
}

// crowded is a picture with more than any terminal has room for.
func crowded() *topPicture {
	times := &client.Quantiles{P50: client.Duration(1234 * time.Microsecond), P95: client.Duration(time.Second), P99: client.Duration(99 * time.Hour)}
	started := noon().Add(-time.Hour)
	p := &topPicture{At: noon(), Slots: 40, Active: 3, Enqueued: 1234567, Finished: 0.004, Failed: 12}
	for n := range 40 {
		q := topQueue{Queue: client.Queue{
			Name: fmt.Sprintf("queue-%02d", n), Weight: n % 3, Paused: n%7 == 1, States: states((n * 7) % 40), Backlog: (n * 13) % 40,
			OldestPendingAge: client.Duration((n * 3) % 40 * int(time.Second)), Throughput: float64((n * 11) % 40), Arrivals: 99999,
		}, Counts: client.StatsCounts{Wait: times, Run: times}, Trend: []int64{0, 1, 5, 1 << 40}}
		if n%2 == 0 {
			q.DrainTime = duration(time.Duration(n) * time.Hour)
		}
		p.Queues = append(p.Queues, q)
		p.Types = append(p.Types, topType{fmt.Sprintf("type.%02d-%s", n, strings.Repeat("x", n)), client.StatsCounts{Started: int64(n), Failed: int64(n % 2), Wait: times}})
		p.Failing = append(p.Failing, client.FailureGroup{
			Fingerprint: "0123456789abcdef", Type: "a.b", State: "regressed", Count: 12000, LastSeen: noon().Add(-time.Minute),
			Message: "wide 日本語の名前 and \x1b[2J what moves the cursor\n" + strings.Repeat("long ", 40),
		})
	}
	for n := range 5 {
		p.Workers = append(p.Workers, client.Worker{
			ID: fmt.Sprint("w", n), State: "stopping", Host: "box-\x1b[2J", PID: n, Slots: 12000, Busy: 11999, Version: "v1.2.3-with-much-more", LastHeartbeat: &started,
			Running: []client.RunningJob{{Type: strings.Repeat("long.", 20), StartedAt: started}},
		})
	}
	return p
}

func newView(p *topPicture, width, height int) topModel {
	m := topModel{
		ctx: context.Background(), source: still{shown: p}, words: error.Error, now: noon, every: time.Hour, server: "http://127.0.0.1:8080",
		style: newTopStyle(io.Discard, false), shown: p, width: width, height: height,
	}
	m.arrange()
	return m
}

// Promise: on a terminal of any size the view has as many lines as that, none wider,
// and the selected queue is on it.
func TestTopFitsAnyTerminal(t *testing.T) {
	t.Parallel()
	for _, p := range []*topPicture{crowded(), {At: noon(), Queues: []topQueue{}, Types: []topType{}}} {
		for width := 0; width < 180; width += 1 + width/12 {
			for _, height := range []int{1, 7, 8, 9, 10, 13, 25, 90} {
				m := newView(p, width, height)
				keys := [][]tea.Msg{nil, {press("end")}, {press("?")}, {press("p")}, {topShown{nil, errors.New("cannot reach the server: connection refused")}}, {press(" ")}}
				for _, msgs := range keys {
					m := after(m, msgs...)
					lines := strings.Split(m.View(), "\n")
					if len(lines) > height {
						t.Fatalf("%dx%d after %v: %d lines", width, height, msgs, len(lines))
					}
					for _, line := range lines {
						if lipgloss.Width(line) > width {
							t.Fatalf("%dx%d after %v: %d columns in %q", width, height, msgs, lipgloss.Width(line), line)
						}
					}
					if drawn := width >= topWidthMin && height >= topHeightMin && !m.help; drawn && m.selected != "" && !strings.Contains(m.View(), "\n> queue") {
						t.Fatalf("%dx%d after %v: nothing is selected in\n%s", width, height, msgs, m.View())
					}
				}
			}
		}
	}
}

// Promise: a narrow terminal loses the columns that matter least, a wide one has all.
func TestTopColumns(t *testing.T) {
	t.Parallel()
	for width, want := range map[int][]string{
		30:  {"BACKLOG"},
		60:  {"BACKLOG", "AGE", "OUT/S", "DEAD"},
		80:  {"BACKLOG", "AGE", "IN/S", "OUT/S", "DRAIN", "ACTIVE", "RETRY", "DEAD", "WAIT p50", "p95", "FAILING"},
		200: {"BACKLOG", "WAIT p50", "p95", "p99", "RUN p50", "TREND", "FINGERPRINT"},
	} {
		view := newView(crowded(), width, 40).View()
		for _, title := range want {
			if !strings.Contains(view, title) {
				t.Errorf("%d columns lack %s:\n%s", width, title, view)
			}
		}
		if strings.Contains(view, "TREND") != (width == 200) {
			t.Errorf("%d columns and TREND:\n%s", width, view)
		}
	}
}

// Promise: without colour there is no escape sequence at all, with it there are, and
// the text is the same; text of others moves no cursor.
func TestTopColour(t *testing.T) {
	t.Parallel()
	m := newView(crowded(), 120, 30)
	plain := m.View()
	if strings.Contains(plain, "\x1b") {
		t.Errorf("without colour: %q", plain)
	}
	m.style = newTopStyle(io.Discard, true)
	coloured := m.View()
	var text strings.Builder
	inside := false
	for _, r := range coloured {
		switch {
		case r == '\x1b':
			inside = true
		case inside:
			inside = r != 'm'
		default:
			text.WriteRune(r)
		}
	}
	if coloured == plain || text.String() != plain {
		t.Errorf("with colour:\n%q\nwant\n%q", text.String(), plain)
	}
}

// Promise: s goes through the orders and comes back; equal queues stay in that of
// their names; what is selected stays selected.
func TestTopSorts(t *testing.T) {
	t.Parallel()
	m := after(newView(crowded(), 100, 30), press("down"), press("j"))
	if m.selected != "queue-02" {
		t.Fatalf("selected %q", m.selected)
	}
	byName := names(m)
	key := func(of func(q topQueue) float64) func(a, b topQueue) int {
		return func(a, b topQueue) int { return int(of(b) - of(a)) }
	}
	for _, order := range []struct {
		name string
		by   func(a, b topQueue) int
	}{
		{"backlog", key(func(q topQueue) float64 { return float64(q.Backlog) })},
		{"age", key(func(q topQueue) float64 { return time.Duration(q.OldestPendingAge).Seconds() })},
		{"out", key(func(q topQueue) float64 { return q.Throughput })},
		{"dead", key(func(q topQueue) float64 { return float64(q.States["archived"]) })},
	} {
		m = after(m, press("s"))
		if !slices.IsSortedFunc(m.shown.Queues, order.by) || !strings.Contains(m.View(), "sort: "+order.name) || slices.Equal(names(m), byName) {
			t.Errorf("by %s: %v", order.name, names(m))
		}
		m = after(m, topShown{crowded(), nil})
		if !slices.IsSortedFunc(m.shown.Queues, order.by) {
			t.Errorf("the next picture is not by %s: %v", order.name, names(m))
		}
	}
	if m = after(m, press("s")); !slices.Equal(names(m), byName) || m.selected != "queue-02" {
		t.Errorf("in the end: %v, selected %q", names(m), m.selected)
	}
}

// Promise: the selection stays within the list, and goes on to another queue when
// its own is gone.
func TestTopSelects(t *testing.T) {
	t.Parallel()
	m := newView(crowded(), 100, 30)
	for _, step := range []struct{ key, want string }{
		{"up", "queue-00"}, {"k", "queue-00"}, {"G", "queue-39"}, {"down", "queue-39"}, {"up", "queue-38"}, {"home", "queue-00"}, {"end", "queue-39"}, {"g", "queue-00"}, {"j", "queue-01"}, {"x", "queue-01"},
	} {
		if m = after(m, press(step.key)); m.selected != step.want {
			t.Errorf("after %s: %q, want %q", step.key, m.selected, step.want)
		}
	}
	if quick := after(m, press("jjkj")); quick.selected != "queue-03" {
		t.Errorf("four keys at once: %q", quick.selected)
	}
	less := crowded()
	less.Queues = less.Queues[5:7]
	if m = after(m, topShown{less, nil}); m.selected != "queue-05" {
		t.Errorf("its queue gone: %q", m.selected)
	}
	none := &topPicture{At: noon()}
	m = after(m, topShown{none, nil}, press("down"), press("end"), press("p"), press("y"), press("s"))
	if m.selected != "" || m.asking != "" || !strings.Contains(m.View(), "no worker is running") {
		t.Errorf("no queues: %q\n%s", m.selected, m.View())
	}
}

// Promise: space holds the picture, and the next one after it is shown; the view
// looks on meanwhile.
func TestTopHolds(t *testing.T) {
	t.Parallel()
	m := after(newView(crowded(), 100, 30), press(" "))
	later := crowded()
	later.At = noon().Add(time.Minute)
	next, cmd := m.Update(topShown{later, nil})
	if m, _ = next.(topModel); !m.shown.At.Equal(noon()) || cmd == nil || !strings.Contains(m.View(), "held") {
		t.Errorf("held: %s\n%s", m.shown.At, m.View())
	}
	if m = after(m, press(" "), topShown{later, nil}); !m.shown.At.Equal(later.At) || strings.Contains(m.View(), "held") {
		t.Errorf("not held: %s", m.shown.At)
	}
}

// Promise: q and Ctrl-C quit, whatever is asked or shown; every other key does not.
func TestTopQuits(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"q", "ctrl+c", "x", "esc", "?", "s", " "} {
		for _, before := range []string{"x", "?", "p", " "} {
			_, cmd := after(newView(crowded(), 100, 30), press(before)).Update(press(key))
			quits := false
			if cmd != nil {
				_, quits = cmd().(tea.QuitMsg)
			}
			if quits != (key == "q" || key == "ctrl+c") {
				t.Errorf("%q after %q quits: %v", key, before, quits)
			}
		}
	}
	m := after(newView(crowded(), 100, 30), press("?"))
	if !strings.Contains(m.View(), "jobs that could start now") {
		t.Errorf("help:\n%s", m.View())
	}
	if m = after(m, press("esc")); m.help {
		t.Error("esc does not leave the help")
	}
}

// Promise: the whole command, on a terminal, ends with q; against a server that is
// not there, or is no Legwork, it ends at once with the reason.
func TestTopCommand(t *testing.T) {
	t.Parallel()
	const now = `"now":{"at":"2030-01-31T12:00:30Z","workers":1,"slots":20,"active":0,"backlog":{}}`
	const counts = `{"enqueued":60,"started":30,"succeeded":30,"failed":0,"dead":0,"retried":0}`
	const point = `"points":[{"at":"2030-01-31T11:59:00Z",` + `"enqueued":60,"started":30,"succeeded":30,"failed":0,"dead":0,"retried":0}]`
	answers := map[string]string{
		"GET /v1/stats": `{"totals":` + counts + `,"series":[],` + now + `}`,
		"GET /v1/stats?by=queue&from=2030-01-31T11%3A45%3A30Z&step=1m": `{"totals":` + counts + `,"series":[{"queue":"mail","totals":` + counts + `,` + point + `}],` + now + `}`,
		"GET /v1/stats?by=type&from=2030-01-31T11%3A45%3A30Z&step=1m":  `{"totals":` + counts + `,"series":[{"type":"email.send","totals":` + counts + `,` + point + `}],` + now + `}`,
		"GET /v1/queues":            `{"queues":[{"name":"mail","weight":1,"states":{"pending":2,"archived":1},"backlog":2,"arrivals":1.5,"throughput":0.5,"drain_time":null}]}`,
		"GET /v1/failures?limit=20": `{"failures":[` + openGroup + `,` + ignoredGroup + `]}`,
		"GET /v1/workers":           `{"workers":[` + busyWorker + `,` + lostWorker + `]}`,
	}
	s := newShell(t, routes(t, answers))
	s.want(output{exitOK, strings.Join([]string{
		"workers 1  slots 20  active 0  in 0.5/s  done 0.25/s  failed 0/s",
		"",
		"QUEUE  BACKLOG  AGE  IN/S  OUT/S  DRAIN  ACTIVE  RETRY  DEAD  WAIT P50  WAIT P95  WAIT P99  RUN P50  RUN P95  RUN P99  TREND",
		"mail   2        -    1.5   0.5    never  0       0      1     -         -         -         -        -        -        ·············█·",
		"",
		"TYPE        STARTED  FAILED  DEAD  WAIT P50  WAIT P95  WAIT P99  RUN P50  RUN P95  RUN P99",
		"email.send  30       0       0     -         -         -         -        -        -",
		"",
		"FAILING                               STATE  COUNT  DEAD  LAST    FINGERPRINT",
		"email.send: dial <addr>:  [2Jrefused  open   12     3     3m ago  0123456789abcdef",
		"",
		"WORKER    STATE    BUSY    HEARD   VERSION  RUNS LONGEST",
		"w2 [2J    lost     7 held  -       -        -",
		"box-1:42  running  3/20    2s ago  v1.2.0   pdf.render 3m (ignores its end)",
		"",
	}, "\n"), ""}, "top", "--once")
	s.terminal = true
	s.env["TERM"] = "dumb"
	if got := s.run("top"); got.code != exitOK || strings.Contains(got.out, "\x1b") || !strings.HasPrefix(got.out, "workers 1") {
		t.Errorf("on a dumb terminal: %+v", got)
	}
	delete(s.env, "TERM")
	s.stdin = strings.NewReader("q")
	if got := s.run("top"); got.code != exitOK || !strings.Contains(got.out, "\x1b[?1049l") || got.err != "" {
		t.Errorf("q: %+v", got)
	}
	s.wantError(exitUsage, "takes no arguments", "top", "x")
	s.wantError(exitUsage, "--one", "top", "--one")
	s = newShell(t, routes(t, map[string]string{"GET /v1/stats": downJSON}))
	s.wantError(exitUnreachable, "Redis cannot be reached", "top", "--once")
	s = newShell(t, routes(t, map[string]string{"GET /v1/stats": missingJSON}))
	s.wantError(exitNotFound, "404", "top", "--json")
	s.api.Close()
	s.terminal = true
	s.wantError(exitUnreachable, "is `legwork dev` or `legwork serve` running", "top")
}

// Promise: numbers and times take no more room than their columns have.
func TestTopWords(t *testing.T) {
	t.Parallel()
	for n, want := range map[float64]string{0: "0", -1: "0", 0.004: "<0.01", 0.5: "0.5", 1: "1", 1.25: "1.25", 9.949: "9.95", 9.96: "10", 12.4: "12", 9999: "9999", 10000: "10.0k", 99949: "99.9k", 123456: "123k", 1e6: "1.0M", 5e9: "5.0G", 1e15: "many"} {
		if got := amount(n); got != want || len(got) > 5 {
			t.Errorf("amount(%g) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", 100 * time.Microsecond: "0.1ms", 1250 * time.Microsecond: "1.2ms", 17 * time.Millisecond: "17ms", 1500 * time.Millisecond: "1.5s", 75 * time.Second: "1m", 99 * time.Hour: "4d"} {
		if got := brief(d); got != want || len(got) > 6 {
			t.Errorf("brief(%s) = %q, want %q", d, got, want)
		}
	}
	if got := shares(10, []int{2, 20, 3}); !slices.Equal(got, []int{2, 5, 3}) {
		t.Errorf("shares = %v", got)
	}
}
