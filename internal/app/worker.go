package app

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"time"

	"legwork/configs"
	"legwork/internal/engine"
	"legwork/internal/store"
)

// perCPU is how many jobs run at once for each CPU, when the configuration
// leaves it open.
const perCPU = 10

// agreeEvery is how long a worker waits before it asks Redis for shards again.
const agreeEvery = 100 * time.Millisecond

// worker is the worker role: the pools, and the announcement of what they run.
type worker struct {
	*engine.Worker
	pools     []engine.PoolOptions // guarded by App.change; those it was last told to have
	announcer *engine.Announcer
	failed    chan<- error
	done      chan struct{}
	gone      sync.WaitGroup
}

func (a *App) composeWorker(ctx context.Context, failed chan<- error) error {
	c := a.cfg.Worker
	shards, err := a.agree(ctx, c)
	if err != nil {
		return err
	}
	w := &worker{failed: failed, done: make(chan struct{}), pools: poolsOf(c, shards)}
	w.Worker = engine.NewWorker(engine.WorkerOptions{
		Redis: a.redis, Registry: a.registry, ID: a.id, Pools: w.pools,
		// A configured 0 means no time at all; to the worker it would mean its default.
		StopTimeout: max(c.StopTimeout, 1), CancelGrace: max(c.CancelGrace, 1),
		ResultLimit: int(a.cfg.Jobs.ResultLimit), ZombieLimit: c.ZombieLimit, Plain: behaviours(c.Plain), Tally: a.tally, Log: a.log,
	})
	w.announcer = engine.NewAnnouncer(engine.AnnouncerOptions{
		Redis: a.redis, Registry: a.registry, ID: a.id, Version: a.version, Roles: a.cfg.Roles, Pools: poolsOf(c, nil),
		State: w.State, Unknown: w.Unknown, Log: a.log,
	})
	a.worker = w
	a.parts = append(a.parts, part{"worker", w.start, w.stop})
	a.shards.OnGrow(a.regrow)
	return nil
}

func (w *worker) start(ctx context.Context) error {
	if err := w.Start(ctx); err != nil {
		return err
	}
	if err := w.announcer.Start(ctx); err != nil {
		return errors.Join(err, w.Stop(ctx))
	}
	w.gone.Go(func() {
		select {
		case err := <-w.Failed():
			w.failed <- err
		case <-w.done:
		}
	})
	return nil
}

// stop is announced, so that people see what a stopping process still runs, until
// it is over.
func (w *worker) stop(ctx context.Context) error {
	close(w.done)
	w.gone.Wait()
	w.gone.Go(func() { w.announcer.Leave(ctx) })
	err := w.Stop(ctx)
	w.gone.Wait()
	return errors.Join(err, w.announcer.Stop(ctx))
}

// Reconfigure applies what a running process can: the worker's queues, slots and
// shards, and the retention of dead letters. It returns the names of keys that have changed, too, and wait for the next
// start.
func (a *App) Reconfigure(ctx context.Context, c configs.Config) (later []string, err error) {
	a.change.Lock()
	defer a.change.Unlock()
	old := a.cfg
	if a.worker != nil {
		if err := a.reshape(ctx, c.Worker); err != nil {
			return nil, err
		}
		a.cfg.Worker.Queues, a.cfg.Worker.Dedicated, a.cfg.Worker.Shards = c.Worker.Queues, c.Worker.Dedicated, c.Worker.Shards
		a.cfg.Worker.Concurrency, a.cfg.Worker.StrictPriority = c.Worker.Concurrency, c.Worker.StrictPriority
	}
	if a.letters != nil {
		if !reflect.DeepEqual(a.cfg.DeadLetters, c.DeadLetters) {
			if err := a.letters.replace(ctx, c.DeadLetters); err != nil {
				return nil, fmt.Errorf("change the retention of dead letters: %w", err)
			}
		}
		a.cfg.DeadLetters = c.DeadLetters
	}
	a.exports.configure(c.DeadLetters)
	c.DeadLetters, old.DeadLetters = configs.DeadLetters{}, configs.DeadLetters{}
	c.Worker.Queues, old.Worker.Queues = nil, nil
	c.Worker.Dedicated, old.Worker.Dedicated = nil, nil
	c.Worker.Shards, old.Worker.Shards = nil, nil
	c.Worker.Concurrency, old.Worker.Concurrency = 0, 0
	c.Worker.StrictPriority, old.Worker.StrictPriority = false, false
	return configs.Changed(old, c), nil
}

// regrow serves shards that another process has added.
func (a *App) regrow(ctx context.Context) error {
	a.change.Lock()
	defer a.change.Unlock()
	return a.reshape(ctx, a.cfg.Worker)
}

// reshape makes the worker's pools those of the configuration and of the shards there
// are. The caller holds change.
func (a *App) reshape(ctx context.Context, c configs.Worker) error {
	shards, err := a.agree(ctx, c)
	if err != nil {
		return err
	}
	pools := poolsOf(c, shards)
	if reflect.DeepEqual(pools, a.worker.pools) {
		return nil
	}
	if err := a.worker.Reconfigure(ctx, pools); err != nil {
		return fmt.Errorf("change the worker's pools: %w", err)
	}
	a.worker.pools = pools
	told := poolsOf(c, nil)
	a.worker.announcer.Update(ctx, told)
	slots, queues := sumOf(told)
	a.log.InfoContext(ctx, "worker reconfigured", "slots", slots, "queues", slices.Sorted(maps.Keys(queues)))
	return nil
}

// agree settles with the other processes which shards there are to serve. While
// Redis is away, it tries for as long as a start may wait for Redis.
func (a *App) agree(ctx context.Context, c configs.Worker) (map[string][]string, error) {
	bounded, cancel := context.WithTimeout(ctx, max(a.cfg.Redis.StartTimeout, startTimeoutMin))
	defer cancel()
	queues := slices.AppendSeq(slices.Collect(maps.Keys(c.Queues)), maps.Keys(c.Dedicated))
	for {
		shards, err := a.shards.Serve(bounded, queues, c.Shards)
		if err == nil || !store.Unavailable(err) || store.Denied(err) {
			return shards, err
		}
		select {
		case <-time.After(agreeEvery):
		case <-bounded.Done():
			return nil, err
		}
	}
}

// poolsOf returns the pools that the configuration asks for: one for each queue
// with slots of its own, and one that the other queues share. They serve the shards
// of their queues; a queue that is not among the shards is one.
func poolsOf(c configs.Worker, shards map[string][]string) []engine.PoolOptions {
	if c.Concurrency == 0 {
		c.Concurrency = perCPU * runtime.GOMAXPROCS(0)
	}
	shared := maps.Clone(c.Queues)
	var pools []engine.PoolOptions
	for _, q := range slices.Sorted(maps.Keys(c.Dedicated)) {
		delete(shared, q)
		pools = append(pools, engine.PoolOptions{Name: "queue " + q, Queues: store.ShardWeights(map[string]int{q: 1}, shards, false), Concurrency: c.Dedicated[q]})
	}
	if len(shared) > 0 {
		weights := store.ShardWeights(shared, shards, c.StrictPriority)
		pools = append(pools, engine.PoolOptions{Name: "shared", Queues: weights, StrictPriority: c.StrictPriority, Concurrency: c.Concurrency})
	}
	return pools
}

// sumOf returns the slots and the weights of the queues of all pools.
func sumOf(pools []engine.PoolOptions) (slots int, queues map[string]int) {
	queues = map[string]int{}
	for _, p := range pools {
		slots += p.Concurrency
		maps.Copy(queues, p.Queues)
	}
	return slots, queues
}

func behaviours(names []string) []engine.Behaviour {
	var list []engine.Behaviour
	for _, n := range names {
		list = append(list, engine.Behaviour(n))
	}
	return list
}
