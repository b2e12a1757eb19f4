package bench

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"legwork/client"
	"legwork/configs"
	"legwork/internal/app"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// small is a run of a moment.
func small() Options {
	o := DefaultOptions()
	o.Jobs, o.Connections, o.Batch, o.Probes, o.Rounds = 120, 4, 50, 2, 2
	return o
}

// rig is a Legwork server in this process.
type rig struct {
	url  string
	stop func() // ends it; may be called twice
}

func newRig(t *testing.T, redisURL string, register func(*jobs.Registry), roles ...string) *rig {
	t.Helper()
	r := jobs.NewRegistry()
	register(r)
	cfg := configs.Default()
	cfg.Roles = roles
	cfg.HTTP.Addr = "127.0.0.1:0"
	cfg.Redis.URL = redisURL
	cfg.HTTP.ShutdownTimeout = 0
	a, err := app.New(app.Options{Config: cfg, Registry: r, Version: "test", Log: silent()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan struct{})
	var failed error // an error where a test stops the server under load, too; read after ended
	go func() {
		defer close(ended)
		failed = a.Run(ctx, func() { close(ready) })
	}()
	select {
	case <-ready:
	case <-ended:
		t.Fatalf("the server did not start: %v", failed)
	}
	g := &rig{url: "http://" + a.Addr(), stop: sync.OnceFunc(func() {
		cancel()
		<-ended
	})}
	t.Cleanup(g.stop)
	return g
}

// target returns the server as a target of its own connections.
func (g *rig) target(t *testing.T) *Server {
	t.Helper()
	h := client.NewHTTPClient()
	t.Cleanup(h.CloseIdleConnections)
	api, err := client.New(client.Options{BaseURL: g.url, HTTPClient: h})
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(api, g.url, "")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

func redisURL(t *testing.T) string {
	t.Helper()
	return storetest.Redis(t).URL
}

// timely is a context for a test that would else hang.
func timely(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}
