package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"legwork/configs"
	"legwork/internal/app"
	"legwork/internal/store"
	"legwork/internal/store/embedded"
)

const (
	// devDir is where legwork dev keeps its data, below the current directory.
	devDir = ".legwork"
	// devStopTimeout bounds the stop of the private Redis.
	devStopTimeout = 10 * time.Second
)

func newDev(p *program) *cobra.Command {
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run everything on this machine, with nothing installed",
		Long: `Run all roles in one process with a Redis of its own: a private redis-server or
valkey-server on a unix socket if one is on PATH, else one inside this process.
Jobs are kept in ` + devDir + `/ below the current directory. With --redis-url (or
LEGWORK_REDIS_URL) your own Redis is used instead.`,
		Args: wants(0, 0, "no arguments"),
	}
	s := addSettings(c)
	memory := c.Flags().Bool("in-memory", false, "run Redis inside this process even if a redis-server is on PATH")
	c.RunE = func(c *cobra.Command, _ []string) error {
		began := time.Now()
		cfg, err := s.load(c, p.environ, map[string]string{
			"redis.url": configs.RedisEmbedded, "log.level": "warn", "worker.stop_timeout": "5s", "worker.cancel_grace": "2s",
			"handlers.image_thumbnail.dir": ".",
		})
		if err != nil {
			return err
		}
		log := newLogger(p.env.stderr, cfg.Log)
		d := &dev{program: p, cfg: cfg, log: log, began: began}
		if cfg.Redis.URL != configs.RedisEmbedded {
			return p.serve(c.Context(), cfg, log, d.ready)
		}
		return d.run(c.Context(), *memory)
	}
	return c
}

// dev is a run of legwork dev.
type dev struct {
	*program
	cfg   configs.Config
	log   *slog.Logger
	redis *embedded.Server // nil when the user's own Redis is used
	began time.Time
}

// run starts the private Redis and everything else, and ends when ctx does or
// when the Redis dies.
func (d *dev) run(ctx context.Context, memory bool) (err error) {
	d.redis, err = embedded.Start(ctx, embedded.Options{Dir: devDir, Log: d.log, InMemory: memory})
	if err != nil {
		return withExit(exitOfStart(err), err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-d.redis.Done():
			cancel(d.redis.Err())
		case <-ctx.Done():
		}
	}()
	d.cfg.Redis.URL = d.redis.URL()
	if d.cfg.Redis.Durability == configs.DurabilityStrict {
		d.log.Warn("redis.durability strict is not in force: the private Redis of legwork dev syncs once a second")
		d.cfg.Redis.Durability = configs.DurabilityStandard
	}
	err = d.serve(ctx, d.cfg, d.log, d.ready)
	stopCtx, stop := context.WithTimeout(context.WithoutCancel(ctx), devStopTimeout)
	defer stop()
	return errors.Join(err, d.redis.Err(), d.redis.Stop(stopCtx))
}

// ready tells where everything is.
func (d *dev) ready(a *app.App) {
	base := "http://" + a.Addr()
	var names []string
	for _, t := range d.registry(d.cfg).Types() {
		names = append(names, t.Name)
	}
	d.say("Legwork is ready after %s.\n", time.Since(d.began).Round(time.Millisecond))
	w := tabwriter.NewWriter(d.env.stderr, 0, 0, 3, ' ', 0)
	for _, row := range [][2]string{
		{"Dashboard", base + "/"},
		{"API", base + "/v1/jobs"},
		{"API page", base + "/docs"},
		{"Redis", d.redisLine()},
		{"Types", strings.Join(names, ", ")},
	} {
		_, _ = fmt.Fprintf(w, "  %s\t%s\n", row[0], row[1])
	}
	_ = w.Flush()
	d.say("\nStop with Ctrl-C.")
}

func (d *dev) redisLine() string {
	if d.redis == nil {
		return store.Redact(d.cfg.Redis.URL)
	}
	dir, err := filepath.Abs(devDir)
	if err != nil {
		dir = devDir
	}
	if !d.redis.Durable() {
		return "in memory, development only; jobs are saved to " + dir + " at a clean exit"
	}
	return d.redis.Kind() + ", data in " + dir
}
