package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"legwork/client"
)

// line is an event with one line of a log.
func line(id string) string {
	return "id: " + id + "\nevent: log\ndata: {\"id\":\"" + id + "\",\"message\":\"says " + id + "\"}\n\n"
}

const theEnd = "id: e\nevent: end\ndata: {\"reason\":\"completed\"}\n\n"

// sends streams the text and then ends as asked: it breaks, stays quiet, or just ends.
func sends(text string, ends ...func(r *http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = fmt.Fprint(w, text)
		_ = http.NewResponseController(w).Flush()
		for _, end := range ends {
			end(r)
		}
	}
}

func breaks(*http.Request)       { panic(http.ErrAbortHandler) }
func staysQuiet(r *http.Request) { <-r.Context().Done() }

// after wants the stream to be taken up after the event with the id.
func after(t *testing.T, id string, then http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Last-Event-ID"); got != id {
			t.Errorf("call after event %q, want %q", got, id)
		}
		then(w, r)
	}
}

// follow returns the ids of what Tail yields, and the error that ended it.
func follow(ctx context.Context, c *client.Client, o client.TailOptions) (ids string, err error) {
	var all []string
	for e, err := range c.Tail(ctx, "n-1", o) {
		if err != nil {
			return strings.Join(all, " "), err
		}
		all = append(all, e.ID)
	}
	return strings.Join(all, " "), nil
}

// Promise: a stream that breaks, wherever in an event that is, or just ends, is taken up
// after the last whole event; each event comes once, and the end is the last.
func TestTailGoesOnWhereItBroke(t *testing.T) {
	t.Parallel()
	whole := line("3")
	for cut := range len(whole) {
		play(t, 0, []http.HandlerFunc{
			after(t, "", sends(line("1")+":\n\n"+line("2")+whole[:cut], breaks)),
			after(t, "2", sends(line("3")+"id: x\nevent: later\ndata: of a kind not known yet\n\n")),
			after(t, "x", busy(503, "")),
			after(t, "x", sends(line("4")+theEnd+line("5"))),
		}, func(t *testing.T, c *client.Client, _ *script) {
			lost := 0
			ids, err := follow(t.Context(), c, client.TailOptions{LostFunc: func(error, time.Duration) { lost++ }})
			if ids != "1 2 3 4 e" || err != nil || lost != 3 {
				t.Errorf("cut at %d: %q, %v, lost %d times", cut, ids, err, lost)
			}
		})
	}
	play(t, 0, []http.HandlerFunc{after(t, "7", answer(204, "", ""))}, func(t *testing.T, c *client.Client, _ *script) {
		if ids, err := follow(t.Context(), c, client.TailOptions{After: "7"}); ids != "" || err != nil {
			t.Errorf("after the end: %q, %v", ids, err)
		}
	})
}

// Promise: events carry what was sent.
func TestTailYieldsTypedEvents(t *testing.T) {
	t.Parallel()
	text := "id: 1\r\nevent: state\r\ndata: {\"state\":\"active\",\"attempt\":2}\r\n\r\n" +
		"id: 2\nevent: progress\ndata: {\"done\":1,\ndata: \"total\":3}\n\n" + "data\n\n" + line("3") + "retry: 5\n\n" + theEnd
	play(t, 0, []http.HandlerFunc{sends(text)}, func(t *testing.T, c *client.Client, _ *script) {
		var all []client.JobEvent
		for e, err := range c.Tail(t.Context(), "n-1", client.TailOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, e)
		}
		if len(all) != 4 || all[0].State.Attempt != 2 || all[1].Progress.Total != 3 || all[2].Log.Message != "says 3" || all[3].End.Reason != "completed" {
			t.Errorf("events %+v", all)
		}
	})
}

// Promise: tries to go on wait ever longer, up to a bound, not all the same, and as long
// as an answer asks for; a sign of life begins anew.
func TestTailWaits(t *testing.T) {
	t.Parallel()
	fails := func(_ http.ResponseWriter, r *http.Request) { breaks(r) }
	answers := []http.HandlerFunc{sends(line("1"), breaks)} // a connection that is used again is tried again by net/http
	want := []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second, 15 * time.Second}
	for range want[1:] {
		answers = append(answers, fails)
	}
	answers = append(answers, sends(line("2"), breaks), busy(503, "20"), sends(theEnd))
	want = append(want, 500*time.Millisecond, 20*time.Second)
	play(t, 0, answers, func(t *testing.T, c *client.Client, s *script) {
		var told []time.Duration
		ids, err := follow(t.Context(), c, client.TailOptions{LostFunc: func(_ error, wait time.Duration) { told = append(told, wait) }})
		if ids != "1 2 e" || err != nil || len(s.at) != len(want)+1 {
			t.Fatalf("%q, %v after %d calls", ids, err, len(s.at))
		}
		for n, least := range want {
			if got := s.at[n+1] - s.at[n]; got < least || got > least+least/2 || got != told[n] {
				t.Errorf("wait %d is %s and told as %s, want from %s to half as much more", n, got, told[n], least)
			}
		}
	})
}

// Promise: there is no limit to how long a stream may take, and one without a sign of
// life is given up; a reader that takes its time is none.
func TestTailOfQuietJobs(t *testing.T) {
	t.Parallel()
	comments := func(w http.ResponseWriter, r *http.Request) {
		sends("")(w, r)
		for range 100 {
			time.Sleep(15 * time.Second)
			_, _ = fmt.Fprint(w, ":\n\n")
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = fmt.Fprint(w, line("1")+line("2"))
		_ = http.NewResponseController(w).Flush()
		staysQuiet(r)
	}
	play(t, 0, []http.HandlerFunc{comments, after(t, "2", sends(theEnd))}, func(t *testing.T, c *client.Client, s *script) {
		var why error
		ids := ""
		for e, err := range c.Tail(t.Context(), "n-1", client.TailOptions{LostFunc: func(err error, _ time.Duration) { why = err }}) {
			if err != nil {
				t.Fatal(err)
			}
			if ids += e.ID; e.ID == "1" {
				time.Sleep(time.Hour)
			}
		}
		broke, ok := errors.AsType[*url.Error](why)
		if ids != "12e" || !ok || !strings.Contains(broke.Error(), "no sign of life for 45s") {
			t.Errorf("%q, lost by %v", ids, why)
		}
		if took := s.at[1]; took < 25*time.Minute+time.Hour+client.TailQuietMax || took > 26*time.Minute+time.Hour {
			t.Errorf("the quiet stream is given up after %s", took)
		}
	})
}

// Promise: what no repetition can mend ends it, with the error that says what.
func TestTailErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers []http.HandlerFunc
		want    string
		calls   int
	}{
		"no such job":      {[]http.HandlerFunc{missing}, "no such job (404 not_found)", 1},
		"gone meanwhile":   {[]http.HandlerFunc{sends(line("1")), missing}, "no such job (404 not_found)", 2},
		"busy at first":    {[]http.HandlerFunc{busy(503, "1")}, "busy (503 unavailable)", 1},
		"not Legwork":      {[]http.HandlerFunc{answer(200, "text/html", "<h1>hello</h1>")}, "not Legwork's", 1},
		"no JSON":          {[]http.HandlerFunc{sends("id: 1\nevent: log\ndata: {\n\n")}, "an event that cannot be read: unexpected end", 1},
		"an endless line":  {[]http.HandlerFunc{sends("data: " + strings.Repeat("x", 2<<20))}, "more than 1024 KiB", 1},
		"an endless event": {[]http.HandlerFunc{sends(strings.Repeat("data: x\n", 200_000))}, "more than 1024 KiB", 1},
		"no patience left": {[]http.HandlerFunc{sends(line("1"), breaks), busy(503, "1")}, "busy (503 unavailable)", 6},
	} {
		play(t, 0, c.answers, func(t *testing.T, api *client.Client, s *script) {
			_, err := follow(t.Context(), api, client.TailOptions{Patience: 20 * time.Second})
			if err == nil || !strings.Contains(err.Error(), c.want) || len(s.calls) > c.calls {
				t.Errorf("%s: %v after %d calls", name, err, len(s.calls))
			}
		})
	}
	c, err := client.New(client.Options{BaseURL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range c.Tail(t.Context(), "n-1", client.TailOptions{}) {
		if _, ok := errors.AsType[*url.Error](err); !ok {
			t.Errorf("no server: %v", err)
		}
	}
	for _, err := range c.Tail(t.Context(), "", client.TailOptions{}) {
		if err == nil || !strings.Contains(err.Error(), "is empty") {
			t.Errorf("no id: %v", err)
		}
	}
}

// Promise: it ends with its context, while it reads as well as while it waits, and when
// the reader wants no more; the connection goes with it.
func TestTailEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers []http.HandlerFunc
		stop    func(cancel context.CancelFunc) bool
	}{
		"while it reads": {[]http.HandlerFunc{sends(line("1"), staysQuiet)}, func(cancel context.CancelFunc) bool { time.AfterFunc(time.Second, cancel); return false }},
		"while it waits": {[]http.HandlerFunc{sends(line("1")), busy(503, "25")}, func(cancel context.CancelFunc) bool { time.AfterFunc(10*time.Second, cancel); return false }},
		"by a break":     {[]http.HandlerFunc{sends(line("1"), staysQuiet)}, func(context.CancelFunc) bool { return true }},
	} {
		play(t, 0, c.answers, func(t *testing.T, api *client.Client, _ *script) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var last error
			for _, err := range api.Tail(ctx, "n-1", client.TailOptions{}) {
				if last = err; err == nil && c.stop(cancel) {
					break
				}
			}
			if broken := name == "by a break"; errors.Is(last, context.Canceled) == broken {
				t.Errorf("%s: ends with %v", name, last)
			}
			synctest.Wait()
		})
	}
}
