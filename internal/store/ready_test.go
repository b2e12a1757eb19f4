package store_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"legwork/internal/store"
	"legwork/internal/store/storetest"
)

// lines is a log whose lines a test can wait for.
type lines chan string

func newLines() (lines, *slog.Logger) {
	l := make(lines, 100)
	return l, slog.New(slog.NewTextHandler(l, nil))
}

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// next returns the next line that holds the text.
func (l lines) next(t *testing.T, text string) {
	t.Helper()
	for {
		select {
		case line := <-l:
			if strings.Contains(line, text) {
				return
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("nothing was logged with %q", text)
		}
	}
}

// WaitReady survives a Redis that starts late, and says so meanwhile.
func TestWaitReadyWaits(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, r storetest.Instance) {
		log, logger := newLines()
		r.Kill()
		done := make(chan error)
		go func() { done <- store.WaitReady(t.Context(), r.Open(), logger, 30*time.Second) }()
		log.next(t, "trying for another 30s")
		r.Restart()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		log.next(t, "redis reachable at")
	})
}

// WaitReady does not take a loading server for a ready one.
func TestWaitReadyLoading(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	m.SetError("LOADING Redis is loading the dataset in memory")
	log, logger := newLines()
	done := make(chan error)
	c := open(t, store.Options{URL: "redis://" + m.Addr()})
	go func() { done <- store.WaitReady(t.Context(), c, logger, 30*time.Second) }()
	log.next(t, "LOADING")
	m.SetError("")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// A Cluster that lacks slots answers PING but is not ready.
func TestWaitReadyClusterDown(t *testing.T) {
	t.Parallel()
	r := storetest.Cluster(t)
	r.Nodes[2].Kill()
	rest := open(t, store.Options{URL: "redis://" + r.Nodes[0].Addr()})
	noticed, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !strings.Contains(rest.ClusterInfo(noticed).Val(), "cluster_state:fail") {
		if noticed.Err() != nil {
			t.Fatal("the other nodes do not notice")
		}
	}
	c, log := r.Open(), slog.New(slog.DiscardHandler)
	if err := store.WaitReady(t.Context(), c, log, 3*time.Second); !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("while slots are lost: got %v", err)
	}
	r.Nodes[2].Restart()
	if err := store.WaitReady(t.Context(), c, log, time.Minute); err != nil {
		t.Error(err)
	}
}

// What waiting does not cure ends the wait at once, and says what to do.
func TestWaitReadyHopeless(t *testing.T) {
	t.Parallel()
	r := storetest.RedisWith(t, storetest.Options{TCP: true})
	for _, args := range [][]any{
		{"ACL", "SETUSER", "mute", "on", ">right", "~*", "-@all"}, {"CONFIG", "SET", "requirepass", "right"},
	} {
		if err := r.Client.Do(t.Context(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	secure := storetest.TLS(t)
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	addr := r.Nodes[0].Addr()
	for name, c := range map[string]struct {
		options store.Options
		want    string
		denied  bool
	}{
		"wrong password": {store.Options{URL: "redis://:wrong@" + addr}, "correct user and password", true},
		"no password":    {store.Options{URL: "redis://" + addr}, "correct user and password", true},
		"unknown user":   {store.Options{URL: "redis://who:right@" + addr}, "correct user and password", true},
		"no rights":      {store.Options{URL: "redis://mute:right@" + addr}, "give the user the rights it lacks", true},
		"no such db":     {store.Options{URL: "redis://:right@" + addr + "/999"}, "DB index is out of range", false},
		"untrusted":      {store.Options{URL: secure.URL}, "check the TLS settings", false},
		"wrong name":     {store.Options{URL: secure.URL, TLS: store.TLSFiles{CAFile: secure.TLS.CAFile, ServerName: "x"}}, "check the TLS settings", false},
		"no TLS there":   {store.Options{URL: "rediss://" + plain.Listener.Addr().String()}, "check the TLS settings", false},
	} {
		start := time.Now()
		err := store.WaitReady(t.Context(), open(t, c.options), slog.New(slog.DiscardHandler), time.Minute)
		if err == nil || !strings.Contains(err.Error(), c.want) || store.Denied(err) != c.denied || errors.Is(err, store.ErrUnreachable) {
			t.Errorf("%s: got %v (denied %t), want %q", name, err, store.Denied(err), c.want)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
	}
}

// WaitReady gives up in time, with the address and the last error.
func TestWaitReadyGivesUp(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]storetest.Instance{"gone": storetest.Redis(t), "frozen": storetest.Redis(t)} {
		if name == "gone" {
			r.Kill()
		} else {
			r.Pause()
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			err := store.WaitReady(t.Context(), r.Client, slog.New(slog.DiscardHandler), time.Second)
			if !errors.Is(err, store.ErrUnreachable) || !store.Unavailable(err) || !strings.Contains(err.Error(), r.Nodes[0].Addr()) {
				t.Errorf("got %v", err)
			}
			if took := time.Since(start); took < time.Second || took > 2*time.Second {
				t.Errorf("took %s, want 1s", took)
			}
		})
	}
}

// WaitReady ends with its context, and tells why.
func TestWaitReadyCancelled(t *testing.T) {
	t.Parallel()
	r := storetest.Redis(t)
	r.Kill()
	why := errors.New("told to stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	log, logger := newLines()
	done := make(chan error)
	go func() { done <- store.WaitReady(ctx, r.Client, logger, time.Minute) }()
	log.next(t, "not reachable")
	cancel(why)
	if err := <-done; !errors.Is(err, why) || errors.Is(err, store.ErrUnreachable) {
		t.Errorf("got %v", err)
	}
}
