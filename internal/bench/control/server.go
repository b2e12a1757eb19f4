package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"legwork/client"
	"legwork/configs"
	"legwork/internal/app"
	"legwork/jobs"
)

// server is a whole Legwork in this process. Its worker leaves the planted queues
// alone.
type server struct {
	api    *client.Client
	http   *http.Client
	url    string
	live   *live
	cancel context.CancelFunc
	ended  chan error // buffered
}

func serve(ctx context.Context, redisURL string, log *slog.Logger) (*server, error) {
	s := &server{live: newLive(), ended: make(chan error, 1), http: client.NewHTTPClient()}
	registry := jobs.NewRegistry()
	register(registry, func(context.Context, order) error { return nil })
	s.live.register(registry)
	cfg := configs.Default()
	cfg.HTTP.Addr = "127.0.0.1:0"
	cfg.HTTP.ShutdownTimeout = time.Second
	cfg.Redis.URL = redisURL
	cfg.Worker.Queues = map[string]int{liveQueue: 1}
	a, err := app.New(app.Options{Config: cfg, Registry: registry, Version: "control", Log: log})
	if err != nil {
		return nil, err
	}
	s.url = "http://" + a.Addr()
	if s.api, err = client.New(client.Options{BaseURL: s.url, HTTPClient: s.http}); err != nil {
		return nil, err
	}
	var running context.Context
	running, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	ready := make(chan struct{})
	go func() { s.ended <- a.Run(running, func() { close(ready) }) }()
	select {
	case <-ready:
		return s, nil
	case err := <-s.ended:
		s.cancel()
		return nil, fmt.Errorf("the server ended before it was ready: %w", err)
	}
}

func (s *server) close() error {
	s.cancel()
	s.http.CloseIdleConnections()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(stopTimeout):
		return errors.New("the server does not stop")
	}
}
