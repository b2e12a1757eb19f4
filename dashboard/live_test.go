package dashboard_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"legwork/client"
	"legwork/dashboard"
	"legwork/internal/inspect"
)

// counting counts the lists of workers that are asked for.
type counting struct {
	dashboard.Inspector
	asked atomic.Int64
}

func (c *counting) Workers(ctx context.Context) ([]client.Worker, error) {
	c.asked.Add(1)
	return c.Inspector.Workers(ctx)
}

// stream follows a page and returns the text of each event.
func stream(t *testing.T, url string) <-chan string {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%s = %d %v", url, resp.StatusCode, resp.Header)
	}
	events := make(chan string, 100)
	go func() {
		defer close(events)
		defer func() { _ = resp.Body.Close() }()
		var event strings.Builder
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if line := lines.Text(); line != "" {
				event.WriteString(line + "\n")
				continue
			}
			events <- event.String()
			event.Reset()
		}
	}()
	return events
}

// next waits for an event with the text.
func next(t *testing.T, events <-chan string, want string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case e, ok := <-events:
			if !ok {
				t.Fatalf("the stream ended without %q", want)
			}
			if strings.Contains(e, want) {
				return
			}
		case <-deadline:
			t.Fatalf("no event with %q", want)
		}
	}
}

// Promise: an open page hears of a change without being loaded again; however many watch
// a page, it is read once for all; a stop ends the streams.
func TestLive(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	log := slog.New(slog.DiscardHandler)
	counted := &counting{Inspector: r.inspect}
	page := dashboard.New(dashboard.Options{Inspector: counted, Actions: inspect.NewActions(r.inspect, inspect.ActionsOptions{Log: log}), Catalog: r.catalog, Log: log})
	server := httptest.NewServer(page)
	defer server.Close()
	defer page.Stop()
	const watchers = 40
	var all []<-chan string
	for range watchers {
		all = append(all, stream(t, server.URL+"/live?page=/"))
	}
	for _, events := range all {
		next(t, events, "No queue yet")
	}
	r.post(client.Enqueue{Type: "test.ok", Queue: "fresh"})
	began := time.Now()
	for _, events := range all {
		next(t, events, "fresh")
	}
	if rounds := time.Since(began)/time.Second + 10; counted.asked.Load() > int64(rounds) {
		t.Errorf("%d readings of a page with %d watchers", counted.asked.Load(), watchers)
	}
	page.Stop()
	for _, events := range all {
		for range events { //nolint:revive // until it ends
		}
	}
	w := httptest.NewRecorder()
	page.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/live?page=/", nil))
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("after the stop: %d", w.Code)
	}
}

// Promise: a page that is watched while Redis is away says so, and comes back by itself.
func TestLiveThroughAnOutage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := httptest.NewServer(r.page)
	defer server.Close()
	defer r.page.Stop()
	events := stream(t, server.URL+"/live?page=/queues")
	next(t, events, "No queue yet")
	r.inst.Kill()
	next(t, events, "Redis cannot be reached")
	r.inst.Restart()
	next(t, events, "No queue yet")
}

// Promise: the number of different pages that are watched is bounded.
func TestLiveIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	server := httptest.NewServer(r.page)
	defer server.Close()
	defer r.page.Stop()
	for n := range 64 {
		next(t, stream(t, fmt.Sprint(server.URL, "/live?page=/queues?n=", n)), "data:")
	}
	resp, err := http.Get(server.URL + "/live?page=/queues?n=more") //nolint:noctx // ends at once
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("one more page: %d", resp.StatusCode)
	}
}
