package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"runtime"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"legwork/configs"
	"legwork/internal/engine"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/jobs"
)

// perCPU is how many jobs run at once for each CPU, when the configuration
// leaves it open.
const perCPU = 10

// startTimeoutMin is time for one try, when the configuration asks for no more.
const startTimeoutMin = time.Second

// agreeEvery is how long a start waits before it asks Redis for shards again.
const agreeEvery = 100 * time.Millisecond

// ErrAddrInUse is returned by [New] when another program listens on the address.
var ErrAddrInUse = errors.New("address already in use")

// Options are the ingredients of a process.
type Options struct {
	Config   configs.Config
	Registry *jobs.Registry
	Version  string // of the binary
	Log      *slog.Logger
}

// App is one Legwork process.
type App struct {
	cfg      configs.Config
	registry *jobs.Registry
	version  string
	log      *slog.Logger
	id       string
	redis    redis.UniversalClient
	listener net.Listener // nil without a role that serves HTTP
	parts    []part
}

// part is a component with a life: what starts first stops last.
type part struct {
	name  string
	start func(context.Context) error
	stop  func(context.Context) error
}

// New listens on the configured address and prepares the connection to Redis; it
// does not wait for Redis. The error wraps [ErrAddrInUse] when the address is
// taken, or is what is wrong with the registry or the Redis settings.
func New(o Options) (*App, error) {
	if err := o.Registry.Err(); err != nil {
		return nil, fmt.Errorf("register job types: %w", err)
	}
	a := &App{cfg: o.Config, registry: o.Registry, version: o.Version, log: o.Log, id: uuid.NewString()}
	var err error
	if a.redis, err = open(o.Config.Redis); err != nil {
		return nil, err
	}
	if a.serves() {
		if a.listener, err = listen(o.Config.HTTP.Addr); err != nil {
			return nil, errors.Join(err, a.redis.Close())
		}
	}
	return a, nil
}

// Addr is the address that the process listens on, or "" when its roles serve
// no HTTP.
func (a *App) Addr() string {
	if a.listener == nil {
		return ""
	}
	return a.listener.Addr().String()
}

// Run waits for Redis, starts every part, calls ready, and works until ctx ends
// or a part fails. Then it stops gracefully: HTTP first, so that no new job
// comes in, and the connection to Redis last. The error is nil after a stop that
// ctx asked for, and wraps the cause of ctx's end if Redis was still awaited.
func (a *App) Run(ctx context.Context, ready func()) error {
	defer a.close()
	if err := store.WaitReady(ctx, a.redis, a.log, max(a.cfg.Redis.StartTimeout, startTimeoutMin)); err != nil {
		return err
	}
	failed := make(chan error, 1)
	if err := a.compose(ctx, failed); err != nil {
		return err
	}
	started, err := a.start(ctx)
	if err == nil {
		ready()
		select {
		case <-ctx.Done():
			a.log.Info("stopping")
		case err = <-failed:
		}
	}
	a.stop(started)
	return err
}

// compose lists the parts of the process's roles in the order of their start.
func (a *App) compose(ctx context.Context, failed chan<- error) error {
	if a.has(configs.RoleScheduler) {
		h := engine.NewHousekeeper(a.redis, a.log)
		a.parts = append(a.parts, part{"scheduler", h.Start, h.Stop})
	}
	shards := store.NewShards(a.redis, a.log)
	if a.has(configs.RoleWorker) || a.serves() {
		a.parts = append(a.parts, part{"shards", shards.Start, shards.Stop})
	}
	if a.has(configs.RoleWorker) {
		if err := a.composeWorker(ctx, shards); err != nil {
			return err
		}
	}
	if a.serves() {
		a.composeHTTP(shards, failed)
	}
	return nil
}

func (a *App) composeWorker(ctx context.Context, shards *store.Shards) error {
	w := a.cfg.Worker
	served, err := a.agree(ctx, shards)
	if err != nil {
		return err
	}
	if w.Concurrency == 0 {
		w.Concurrency = perCPU * runtime.GOMAXPROCS(0)
	}
	pool := engine.NewPool(engine.PoolOptions{
		Redis: a.redis, Registry: a.registry, StrictPriority: w.StrictPriority,
		Queues: store.ShardWeights(w.Queues, served, w.StrictPriority),
		// A configured 0 means no time at all; to the pool it would mean its default.
		Concurrency: w.Concurrency, StopTimeout: max(w.StopTimeout, 1), CancelGrace: max(w.CancelGrace, 1),
		ResultLimit: int(a.cfg.Jobs.ResultLimit), Log: a.log,
	})
	announcer := engine.NewAnnouncer(a.redis, a.registry, a.id, a.version, w.Concurrency, w.Queues, a.log)
	a.parts = append(a.parts, part{"worker", pool.Start, pool.Stop}, part{"announcer", announcer.Start, announcer.Stop})
	return nil
}

// agree settles with the other processes which shards there are to serve. Should
// Redis have gone away again, it tries for as long as the start may wait for Redis.
func (a *App) agree(ctx context.Context, shards *store.Shards) (map[string][]string, error) {
	bounded, cancel := context.WithTimeout(ctx, max(a.cfg.Redis.StartTimeout, startTimeoutMin))
	defer cancel()
	for {
		served, err := shards.Serve(bounded, slices.Collect(maps.Keys(a.cfg.Worker.Queues)), a.cfg.Worker.Shards)
		if err == nil || !store.Unavailable(err) || store.Denied(err) {
			return served, err
		}
		select {
		case <-time.After(agreeEvery):
		case <-bounded.Done():
			return nil, err
		}
	}
}

func (a *App) composeHTTP(shards *store.Shards, failed chan<- error) {
	catalog := engine.NewCatalog(a.registry, a.redis, a.log)
	waiters := engine.NewWaiters(a.redis, a.id)
	eng := engine.New(engine.Options{
		Redis: a.redis, Catalog: catalog, Shards: shards, RequestTimeout: a.cfg.Redis.RequestTimeout, Log: a.log,
		Limits: engine.Limits{Payload: int(a.cfg.Jobs.PayloadLimit)},
	})
	web := newWeb(a, deps{engine: eng, catalog: catalog, waiters: waiters, inspector: inspect.New(a.redis, a.log)}, failed)
	a.parts = append(a.parts,
		part{"engine", func(context.Context) error { return nil }, func(context.Context) error { eng.Stop(); return nil }},
		part{"waiters",
			func(ctx context.Context) error { waiters.Start(ctx); return nil },
			func(context.Context) error { waiters.Stop(); return nil }},
		part{"http", web.start, web.stop},
	)
}

// start starts the parts in order and returns those that run.
func (a *App) start(ctx context.Context) ([]part, error) {
	for i, p := range a.parts {
		if err := p.start(ctx); err != nil {
			return a.parts[:i], fmt.Errorf("start %s: %w", p.name, err)
		}
	}
	return a.parts, nil
}

// stop stops the parts in reverse order. Each part bounds its own stop; what one
// could not do is logged, for it passes by itself.
func (a *App) stop(started []part) {
	for _, p := range slices.Backward(started) {
		begin := time.Now()
		if err := p.stop(context.Background()); err != nil {
			a.log.Warn("not stopped cleanly", "part", p.name, "error", err)
		}
		a.log.Debug("stopped", "part", p.name, "took", time.Since(begin))
	}
}

func (a *App) close() {
	if a.listener != nil {
		_ = a.listener.Close() // closed already when HTTP has stopped
	}
	if err := a.redis.Close(); err != nil {
		a.log.Debug("redis connection not closed cleanly", "error", err)
	}
}

func (a *App) has(role string) bool { return slices.Contains(a.cfg.Roles, role) }

func (a *App) serves() bool { return a.has(configs.RoleAPI) || a.has(configs.RoleDashboard) }
