package cmd

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"legwork/configs"
	"legwork/internal/app"
	"legwork/internal/engine"
	"legwork/internal/store"
	"legwork/internal/store/embedded"
)

func newServe(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "serve",
		Short: "Run Legwork against your Redis",
		Long: `Run the roles of this process against your Redis: api, worker, scheduler and
dashboard, all together or apart. Every setting is a key of the configuration
file, an environment variable (LEGWORK_...) and a flag; flags win.

On SIGHUP the configuration is read again, and the worker's queues and slots are
changed without a stop: jobs that run go on.`,
		Example: `  legwork serve --redis-url redis://127.0.0.1:6379/0
  legwork serve --roles worker --worker-queues critical:6,default:3
  legwork serve --config /etc/legwork/legwork.yaml`,
		Args: wants(0, 0, "no arguments"),
	}
	s := addSettings(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		cfg, err := s.load(c, p.environ, nil)
		if err != nil {
			return err
		}
		log := newLogger(p.env.stderr, cfg.Log)
		return p.serve(c.Context(), cfg, log, func(a *app.App) {
			reload(c.Context(), a, log, func() (configs.Config, error) { return s.load(c, p.environ, nil) })
			log.Info("legwork is ready", "version", readBuild().Version, "roles", strings.Join(cfg.Roles, ","),
				"addr", a.Addr(), "redis", store.Redact(cfg.Redis.URL))
		})
	}
	return c
}

// serve runs the process until ctx ends; ready is called once it works.
func (p *program) serve(ctx context.Context, cfg configs.Config, log *slog.Logger, ready func(*app.App)) error {
	a, err := app.New(app.Options{Config: cfg, Registry: p.registry(cfg), Version: readBuild().Version, Log: log})
	if err != nil {
		return withExit(exitOfStart(err), err)
	}
	if err := a.Run(ctx, func() { ready(a) }); err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
			return nil // stopped by a signal while waiting for Redis
		}
		return withExit(exitOfStart(err), err)
	}
	return nil
}

// exitOfStart sorts what can go wrong when a process starts.
func exitOfStart(err error) exitCode {
	if _, ok := errors.AsType[*embedded.LockedError](err); ok || errors.Is(err, app.ErrAddrInUse) {
		return exitTaken
	}
	if errors.Is(err, engine.ErrZombies) {
		return exitFailure
	}
	if errors.Is(err, store.ErrUnreachable) || store.Unavailable(err) {
		return exitUnreachable
	}
	return exitConfig
}
