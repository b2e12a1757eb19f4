package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"legwork/configs"
	"legwork/dashboard"
	"legwork/internal/engine"
	"legwork/internal/httpapi"
	"legwork/internal/inspect"
)

// deps is what the HTTP roles stand on.
type deps struct {
	engine    *engine.Engine
	catalog   *engine.Catalog
	waiters   *engine.Waiters
	inspector *inspect.Inspector
	actions   *inspect.Actions
	followers *inspect.Followers
	dashboard *dashboard.Dashboard // nil without its role
}

// web is the HTTP server of the API and the dashboard.
type web struct {
	server   *http.Server
	listener net.Listener
	waiters  *engine.Waiters
	pages    *dashboard.Dashboard // nil without its role
	grace    time.Duration
	failed   chan<- error
}

func newWeb(a *App, d deps, failed chan<- error) *web {
	c := a.cfg.HTTP
	return &web{
		listener: a.listener, waiters: d.waiters, pages: d.dashboard, grace: c.ShutdownTimeout, failed: failed,
		server: &http.Server{
			Handler: a.handler(d), ReadTimeout: c.ReadTimeout, ReadHeaderTimeout: c.ReadTimeout,
			WriteTimeout: c.WriteTimeout, IdleTimeout: c.IdleTimeout,
			ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
		},
	}
}

// handler joins the surfaces of the process's roles.
func (a *App) handler(d deps) http.Handler {
	mux := http.NewServeMux()
	if a.has(configs.RoleAPI) {
		c := a.cfg
		mux.Handle("/", httpapi.New(httpapi.Options{
			Engine: d.engine, Catalog: d.catalog, Inspector: d.inspector, Actions: d.actions, Waiters: d.waiters, Followers: d.followers,
			Ping:      func(ctx context.Context) error { return a.redis.Ping(ctx).Err() },
			BodyLimit: int64(c.HTTP.BodyLimit), BatchBodyLimit: int64(c.HTTP.BatchBodyLimit),
			PayloadLimit: int(c.Jobs.PayloadLimit), BatchLimit: c.Jobs.BatchLimit, RequestTimeout: c.Redis.RequestTimeout, Version: a.version, Log: a.log,
		}))
	}
	if a.has(configs.RoleDashboard) {
		for _, path := range d.dashboard.Paths() {
			mux.Handle(path, d.dashboard)
		}
	}
	return mux
}

func (w *web) start(context.Context) error {
	go func() {
		if err := w.server.Serve(w.listener); !errors.Is(err, http.ErrServerClosed) {
			w.failed <- fmt.Errorf("serve http: %w", err)
		}
	}()
	return nil
}

// stop takes no new request, tells those that wait for a job or follow one to answer,
// and lets the others finish.
func (w *web) stop(ctx context.Context) error {
	w.waiters.Release()
	if w.pages != nil {
		w.pages.Stop()
	}
	ctx, cancel := context.WithTimeout(ctx, w.grace)
	defer cancel()
	if err := w.server.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("requests were cut off: %w", err), w.server.Close())
	}
	return nil
}

func listen(addr string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: %w; stop the other program, or choose another address with --http-addr", addr, ErrAddrInUse)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w; check http.addr", addr, err)
	}
	return l, nil
}
