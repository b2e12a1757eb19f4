package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"legwork/client"
	"legwork/internal/store/storetest"
)

// flickering is a real server behind a door that can be shut.
type flickering struct {
	api  *client.Client
	url  string
	shut atomic.Bool
}

// newFlickering starts legwork dev, with workers, and the door.
func newFlickering(t *testing.T) *flickering {
	t.Helper()
	redis := storetest.Redis(t)
	p := launch(t, nil, "dev", "--redis-url", redis.URL, "--http-addr", "127.0.0.1:0")
	p.says(t, "Stop with Ctrl-C.")
	to, err := url.Parse(addressOf(t, p))
	if err != nil {
		t.Fatal(err)
	}
	f := &flickering{}
	behind := httputil.NewSingleHostReverseProxy(to)
	transport := &http.Transport{}
	behind.Transport, behind.ErrorLog = transport, log.New(io.Discard, "", 0) // a program that ends breaks calls off
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.shut.Load() {
			panic(http.ErrAbortHandler) // the connection breaks
		}
		behind.ServeHTTP(w, r)
	}))
	web := client.NewHTTPClient()
	t.Cleanup(func() { web.CloseIdleConnections(); door.Close(); transport.CloseIdleConnections() })
	f.url = door.URL
	if f.api, err = client.New(client.Options{BaseURL: door.URL, HTTPClient: web}); err != nil {
		t.Fatal(err)
	}
	return f
}

// model is the live view of the server, as wide as an ordinary terminal.
func (f *flickering) model(t *testing.T) topModel {
	t.Helper()
	source := &topServer{api: f.api}
	first, err := source.picture(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return topModel{
		ctx: t.Context(), source: source, words: error.Error, now: time.Now, every: time.Millisecond, server: f.url,
		style: newTopStyle(io.Discard, false), shown: first, width: 100, height: 30,
	}
}

// after hands the messages to the model, one after the other.
func after(m topModel, msgs ...tea.Msg) topModel {
	for _, msg := range msgs {
		next, _ := m.Update(msg)
		m, _ = next.(topModel)
	}
	return m
}

// press is a key; the named ones are those that the view knows.
func press(key string) tea.Msg {
	named := map[string]tea.KeyType{"up": tea.KeyUp, "down": tea.KeyDown, "home": tea.KeyHome, "end": tea.KeyEnd, "esc": tea.KeyEsc, "ctrl+c": tea.KeyCtrlC, " ": tea.KeySpace}
	if of, ok := named[key]; ok {
		return tea.KeyMsg{Type: of, Runes: []rune(key)}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(key)}
}

// Promise: what a real server did is in the picture: for people, as JSON, and over a
// pipe without being asked for one picture.
func TestTopShowsARealServer(t *testing.T) {
	t.Parallel()
	f := newFlickering(t)
	for range 3 {
		if p := launch(t, nil, "--server", f.url, "enqueue", "hello.greet", "--wait", "20s"); p.exit(t) != 0 {
			t.Fatal(p.stderr.String())
		}
	}
	if p := launch(t, nil, "--server", f.url, "enqueue", "hello.greet", "--queue", "idle"); p.exit(t) != 0 {
		t.Fatal(p.stderr.String())
	}
	var got topPicture
	deadline := time.Now().Add(20 * time.Second)
	for len(got.Types) != 1 || got.Types[0].Counts.Succeeded < 3 || len(got.Queues) < 2 || got.Queues[0].Counts.Succeeded < 3 { // counts are some seconds behind
		p := launch(t, nil, "--server", f.url, "top", "--once", "--json")
		code := p.exit(t)
		got = topPicture{}
		if err := json.Unmarshal([]byte(p.stdout.String()), &got); code != 0 || err != nil || time.Now().After(deadline) {
			t.Fatalf("exit code %d, %v: %s%s", code, err, p.stdout.String(), p.stderr.String())
		}
	}
	idle := got.Queues[1]
	if len(got.Workers) != 1 || got.Minutes != topMinutes || got.Queues[0].Name != "default" || idle.Name != "idle" || idle.Backlog != 1 || idle.OldestPendingAge <= 0 ||
		got.Queues[0].Counts.Run == nil || got.Queues[0].Counts.Wait == nil || got.Failing == nil {
		t.Errorf("picture %+v", got)
	}
	for _, args := range [][]string{{"top"}, {"top", "--once"}} {
		p := launch(t, nil, append([]string{"--server", f.url}, args...)...)
		if code := p.exit(t); code != 0 || strings.Contains(p.stdout.String(), "\x1b") {
			t.Fatalf("%v: exit code %d: %q %s", args, code, p.stdout.String(), p.stderr.String())
		}
		for _, part := range []string{"workers 1", "idle (unserved)", "WAIT P99", "hello.greet  3", "RUN P95"} {
			if !strings.Contains(p.stdout.String(), part) {
				t.Errorf("%v: %q is missing in\n%s", args, part, p.stdout.String())
			}
		}
	}
}

// Promise: a server that goes away is told of in the view, which keeps its last
// picture, and goes on when the server is back.
func TestTopOutlivesTheServer(t *testing.T) {
	t.Parallel()
	f := newFlickering(t)
	if p := launch(t, nil, "--server", f.url, "enqueue", "hello.greet", "--queue", "idle"); p.exit(t) != 0 {
		t.Fatal(p.stderr.String())
	}
	m := f.model(t)
	f.shut.Store(true)
	m = after(m, m.look())
	if view := m.View(); !strings.Contains(view, "no answer, trying again") || !strings.Contains(view, "idle") {
		t.Errorf("without a server the view is\n%s", view)
	}
	before := m.shown.At
	f.shut.Store(false)
	m = after(m, m.look())
	if view := m.View(); strings.Contains(view, "no answer") || !m.shown.At.After(before) {
		t.Errorf("with the server back the view is\n%s", view)
	}
}

// Promise: p and y pause the selected queue of a real server and resume it; any other
// key leaves it alone; a refusal is told.
func TestTopTurnsQueues(t *testing.T) {
	t.Parallel()
	f := newFlickering(t)
	if p := launch(t, nil, "--server", f.url, "enqueue", "hello.greet", "--queue", "idle"); p.exit(t) != 0 {
		t.Fatal(p.stderr.String())
	}
	m := f.model(t)
	m.arrange()
	m = after(m, press("end"), press("p"))
	if view := m.View(); !strings.Contains(view, "pause queue idle? y: yes") {
		t.Fatalf("p asks\n%s", view)
	}
	if no := after(m, press("n")); !strings.Contains(no.View(), "nothing was changed") || no.asking != "" {
		t.Errorf("after n:\n%s", no.View())
	}
	turn := func(m topModel) topModel {
		t.Helper()
		next, cmd := m.Update(press("y"))
		if cmd == nil {
			t.Fatal("y does nothing")
		}
		m, _ = next.(topModel)
		m = after(m, cmd())
		return after(m, m.look())
	}
	m = turn(m)
	if q := m.queue("idle"); q == nil || !q.Paused || !strings.Contains(m.View(), "idle is paused") || !strings.Contains(m.View(), "idle (paused)") {
		t.Errorf("after y: %+v\n%s", q, m.View())
	}
	m = turn(after(m, press("p")))
	if q := m.queue("idle"); q == nil || q.Paused || !strings.Contains(m.View(), "idle is running") {
		t.Errorf("after the second y: %+v\n%s", q, m.View())
	}
	m = after(m, press("p"))
	f.shut.Store(true)
	next, cmd := m.Update(press("y"))
	m, _ = next.(topModel)
	if m = after(m, cmd()); m.notice == "" || strings.Contains(m.notice, "idle is") {
		t.Errorf("a turn that fails says %q", m.notice)
	}
}

// Promise: the program draws on a terminal of any input, leaves its screen as it was
// when q is pressed, and ends with its context.
func TestTopProgram(t *testing.T) {
	t.Parallel()
	f := newFlickering(t)
	for name, end := range map[string]func(keys *io.PipeWriter, cancel func()){
		"q":       func(keys *io.PipeWriter, _ func()) { _, _ = keys.Write([]byte("q")) },
		"ctrl-c":  func(keys *io.PipeWriter, _ func()) { _, _ = keys.Write([]byte("\x03")) },
		"context": func(_ *io.PipeWriter, cancel func()) { cancel() },
	} {
		ctx, cancel := context.WithCancel(t.Context())
		in, keys := io.Pipe()
		var out stream
		m := f.model(t)
		m.ctx = ctx
		p := newTopProgram(ctx, m, in, &out)
		ended := make(chan error, 1)
		go func() {
			_, err := p.Run()
			ended <- err
		}()
		p.Send(tea.WindowSizeMsg{Width: 90, Height: 20})
		out.shows(t, "QUEUE")
		end(keys, cancel)
		select {
		case err := <-ended:
			if (err != nil) != (name == "context") || name == "context" && !errors.Is(err, context.Canceled) && !errors.Is(err, tea.ErrProgramKilled) {
				t.Errorf("%s: ends with %v", name, err)
			}
		case <-time.After(20 * time.Second):
			t.Errorf("%s: does not end", name)
		}
		if !strings.Contains(out.String(), "\x1b[?1049l") {
			t.Errorf("%s: the screen is not given back", name)
		}
		cancel()
		_ = keys.Close()
	}
}
