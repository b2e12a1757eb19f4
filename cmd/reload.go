package cmd

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"legwork/configs"
	"legwork/internal/app"
)

// reload applies the configuration anew at every SIGHUP until ctx ends, and returns at
// once. What is wrong with it is said, and the process goes on as it is.
func reload(ctx context.Context, a *app.App, log *slog.Logger, load func() (configs.Config, error)) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		defer signal.Stop(hangup)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				apply(ctx, a, log, load)
			}
		}
	}()
}

func apply(ctx context.Context, a *app.App, log *slog.Logger, load func() (configs.Config, error)) {
	cfg, err := load()
	if err != nil {
		log.Error("configuration not reloaded; the process goes on with the old one", "error", err)
		return
	}
	later, err := a.Reconfigure(ctx, cfg)
	switch {
	case err != nil:
		log.Error("configuration not applied", "error", err)
	case len(later) > 0:
		log.Warn("configuration reloaded; some changes wait for the next start", "keys", strings.Join(later, ", "))
	default:
		log.Info("configuration reloaded")
	}
}
