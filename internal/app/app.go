package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"legwork/configs"
	"legwork/dashboard"
	"legwork/internal/engine"
	"legwork/internal/inspect"
	"legwork/internal/slack"
	"legwork/internal/store"
	"legwork/jobs"
)

// startTimeoutMin is time for one try, when the configuration asks for no more.
const startTimeoutMin = time.Second

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
	shards   *store.Shards
	tally    *engine.Tally
	worker   *worker // nil without the role, and before Run
	exports  *exports
	letters  *letters // nil without the scheduler role, and before Run
	parts    []part

	change sync.Mutex // held by Reconfigure, which alone changes cfg, and by regrow
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
	a := &App{cfg: o.Config, registry: o.Registry, version: o.Version, log: o.Log, id: uuid.NewString(), exports: &exports{}}
	a.exports.configure(o.Config.DeadLetters)
	var err error
	if a.redis, err = OpenRedis(o.Config.Redis); err != nil {
		return nil, err
	}
	a.shards = store.NewShards(a.redis, a.log)
	a.tally = engine.NewTally(a.redis, a.id, a.log)
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

// Run waits for Redis and examines it, starts every part, calls ready, and works until ctx ends
// or a part fails. Then it stops gracefully: HTTP first, so that no new job
// comes in, and the connection to Redis last. The error is nil after a stop that
// ctx asked for; it wraps the cause of ctx's end if Redis was still awaited, and
// [ErrUnfit] if jobs are not safe in it.
func (a *App) Run(ctx context.Context, ready func()) error {
	defer a.close()
	defer runtime.KeepAlive(slack.Hold(int64(a.cfg.Memory.GCSlack)))
	if err := store.WaitReady(ctx, a.redis, a.log, max(a.cfg.Redis.StartTimeout, startTimeoutMin)); err != nil {
		return err
	}
	if err := a.examine(ctx); err != nil {
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
	a.parts = append(a.parts, part{"statistics", a.tally.Start, a.tally.Stop})
	if a.has(configs.RoleScheduler) {
		h := engine.NewHousekeeper(a.redis, a.tally, a.log)
		a.parts = append(a.parts, part{"scheduler", h.Start, h.Stop})
		a.letters = &letters{app: a}
		a.parts = append(a.parts, part{"retention", a.letters.start, a.letters.stop})
	}
	inspector := inspect.New(a.redis, a.log)
	actions := inspect.NewActions(inspector, inspect.ActionsOptions{Export: a.exports.create, Log: a.log})
	if a.has(configs.RoleScheduler) || a.has(configs.RoleAPI) {
		a.parts = append(a.parts, part{"actions", actions.Start, actions.Stop})
	}
	if a.has(configs.RoleWorker) || a.serves() {
		a.parts = append(a.parts, part{"shards", a.shards.Start, a.shards.Stop})
	}
	if a.has(configs.RoleWorker) {
		if err := a.composeWorker(ctx, failed); err != nil {
			return err
		}
	}
	if a.serves() {
		a.composeHTTP(inspector, actions, failed)
	}
	return nil
}

func (a *App) composeHTTP(inspector *inspect.Inspector, actions *inspect.Actions, failed chan<- error) {
	catalog := engine.NewCatalog(a.registry, a.redis, a.log)
	waiters, followers := engine.NewWaiters(a.redis, a.id), inspect.NewFollowers(a.redis)
	eng := engine.New(engine.Options{
		Redis: a.redis, Catalog: catalog, Shards: a.shards, RequestTimeout: a.cfg.Redis.RequestTimeout, Log: a.log, FullAt: a.fullAt(), Tally: a.tally,
		Limits: engine.Limits{Payload: int(a.cfg.Jobs.PayloadLimit)},
	})
	d := deps{engine: eng, catalog: catalog, waiters: waiters, inspector: inspector, actions: actions, followers: followers}
	if a.has(configs.RoleDashboard) {
		d.dashboard = dashboard.New(dashboard.Options{Inspector: inspector, Actions: actions, Catalog: catalog, Log: a.log, Version: a.version})
	}
	web := newWeb(a, d, failed)
	a.parts = append(a.parts,
		part{"engine", func(context.Context) error { return nil }, func(context.Context) error { eng.Stop(); return nil }},
		part{"waiters",
			func(ctx context.Context) error { waiters.Start(ctx); return nil },
			func(context.Context) error { waiters.Stop(); return nil }},
		part{"followers", followers.Start, followers.Stop},
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

// fullAt is the configured share as the engine takes it: 0 would mean its default.
func (a *App) fullAt() int {
	if a.cfg.Redis.FullAt == 0 {
		return -1
	}
	return a.cfg.Redis.FullAt
}

func (a *App) has(role string) bool { return slices.Contains(a.cfg.Roles, role) }

func (a *App) serves() bool { return a.has(configs.RoleAPI) || a.has(configs.RoleDashboard) }
