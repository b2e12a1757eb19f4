package app

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"sync"

	"legwork/configs"
	"legwork/internal/engine"
)

// perCPU is how many jobs run at once for each CPU, when the configuration
// leaves it open.
const perCPU = 10

// worker is the worker role: the pools, and the announcement of what they run.
type worker struct {
	*engine.Worker
	announcer *engine.Announcer
	failed    chan<- error
	done      chan struct{}
	gone      sync.WaitGroup
}

func (a *App) composeWorker(failed chan<- error) {
	c := a.cfg.Worker
	w := &worker{failed: failed, done: make(chan struct{})}
	w.Worker = engine.NewWorker(engine.WorkerOptions{
		Redis: a.redis, Registry: a.registry, Pools: poolsOf(c),
		// A configured 0 means no time at all; to the worker it would mean its default.
		StopTimeout: max(c.StopTimeout, 1), CancelGrace: max(c.CancelGrace, 1),
		ResultLimit: int(a.cfg.Jobs.ResultLimit), ZombieLimit: c.ZombieLimit, Plain: behaviours(c.Plain), Log: a.log,
	})
	slots, queues := sumOf(poolsOf(c))
	w.announcer = engine.NewAnnouncer(a.redis, a.registry, a.id, a.version, slots, queues, w.Unknown, a.log)
	a.worker = w
	a.parts = append(a.parts, part{"worker", w.start, w.stop}, part{"announcer", w.announcer.Start, w.announcer.Stop})
}

func (w *worker) start(ctx context.Context) error {
	if err := w.Start(ctx); err != nil {
		return err
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

func (w *worker) stop(ctx context.Context) error {
	close(w.done)
	w.gone.Wait()
	return w.Stop(ctx)
}

// Reconfigure applies what a running process can: the worker's queues and slots. It
// returns the names of keys that have changed, too, and wait for the next start.
func (a *App) Reconfigure(ctx context.Context, c configs.Config) (later []string, err error) {
	a.change.Lock()
	defer a.change.Unlock()
	old := a.cfg
	if a.worker != nil && !reflect.DeepEqual(poolsOf(old.Worker), poolsOf(c.Worker)) {
		pools := poolsOf(c.Worker)
		if err := a.worker.Reconfigure(ctx, pools); err != nil {
			return nil, fmt.Errorf("change the worker's pools: %w", err)
		}
		slots, queues := sumOf(pools)
		a.worker.announcer.Update(ctx, slots, queues)
		a.cfg.Worker.Queues, a.cfg.Worker.Dedicated = c.Worker.Queues, c.Worker.Dedicated
		a.cfg.Worker.Concurrency, a.cfg.Worker.StrictPriority = c.Worker.Concurrency, c.Worker.StrictPriority
		a.log.InfoContext(ctx, "worker reconfigured", "slots", slots, "queues", slices.Sorted(maps.Keys(queues)))
	}
	c.Worker.Queues, old.Worker.Queues = nil, nil
	c.Worker.Dedicated, old.Worker.Dedicated = nil, nil
	c.Worker.Concurrency, old.Worker.Concurrency = 0, 0
	c.Worker.StrictPriority, old.Worker.StrictPriority = false, false
	return configs.Changed(old, c), nil
}

// poolsOf returns the pools that the configuration asks for: one for each queue
// with slots of its own, and one that the other queues share.
func poolsOf(c configs.Worker) []engine.PoolOptions {
	if c.Concurrency == 0 {
		c.Concurrency = perCPU * runtime.GOMAXPROCS(0)
	}
	shared := maps.Clone(c.Queues)
	var pools []engine.PoolOptions
	for _, q := range slices.Sorted(maps.Keys(c.Dedicated)) {
		delete(shared, q)
		pools = append(pools, engine.PoolOptions{Name: "queue " + q, Queues: map[string]int{q: 1}, Concurrency: c.Dedicated[q]})
	}
	if len(shared) > 0 {
		pools = append(pools, engine.PoolOptions{Name: "shared", Queues: shared, StrictPriority: c.StrictPriority, Concurrency: c.Concurrency})
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
