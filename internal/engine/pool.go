package engine

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
)

const (
	// timeoutSlack is how much later than Legwork other asynq servers think a job's
	// timeout ends; a pool's own server does not end it at all.
	timeoutSlack = 2 * time.Second
	// pollEvery is how soon asynq asks again after "nothing": the hub makes it wait.
	pollEvery = 200 * time.Microsecond
	// hubDoes is how often asynq does what the hub does: never.
	hubDoes = 24 * time.Hour
	// retiredLook is how often a retired pool is asked whether its jobs are done.
	retiredLook = 100 * time.Millisecond
)

// PoolOptions are the slots of a [Worker] for some queues.
type PoolOptions struct {
	// Name tells a worker's pools apart. Required.
	Name string
	// Queues are the queues to serve with their weights. Required.
	Queues map[string]int
	// StrictPriority serves a queue only while those of greater weight are
	// empty. Defaults to false: queues are served in proportion to their weights.
	StrictPriority bool
	// Concurrency is the number of jobs that run at once. Required.
	Concurrency int
}

// pool is one asynq server.
type pool struct {
	PoolOptions
	seam   *seam
	server *asynq.Server
	busy   atomic.Int64 // jobs that run

	stopOnce sync.Once
	downOnce sync.Once
	down     chan struct{} // closed when the server has shut down
}

// open starts a pool of the worker. The caller holds life.
func (w *Worker) open(o PoolOptions) error {
	p := &pool{PoolOptions: o, down: make(chan struct{})}
	p.seam = &seam{
		UniversalClient: expired{w.Redis}, worker: w, queues: slices.Sorted(maps.Keys(o.Queues)), weights: o.Queues, closed: make(chan struct{}),
	}
	cfg := asynq.Config{
		Concurrency:     o.Concurrency,
		Queues:          maps.Clone(o.Queues),
		StrictPriority:  o.StrictPriority,
		RetryDelayFunc:  w.retryDelay,
		ShutdownTimeout: w.StopTimeout + w.CancelGrace,
		JanitorInterval: hubDoes,
		Logger:          asynqLogger{w.Log},
		LogLevel:        asynq.DebugLevel,
	}
	if !w.plain(Dequeue) {
		cfg.TaskCheckInterval = pollEvery
	}
	if !w.plain(Forward) {
		cfg.DelayedTaskCheckInterval = hubDoes
	}
	if !w.plain(Timeouts) {
		cfg.BaseContext = func() context.Context { return untimed{context.Background()} }
	}
	p.server = asynq.NewServerFromRedisClient(p.seam, cfg)
	err := p.server.Start(asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		p.busy.Add(1)
		defer p.busy.Add(-1)
		return w.crew.do(ctx, task)
	}))
	if err == nil {
		w.pools = append(w.pools, p)
		w.leader.CompareAndSwap(nil, p.seam)
	}
	return err
}

// stop makes the pool take no new job. The ones that run go on.
func (p *pool) stop() {
	p.stopOnce.Do(func() {
		p.seam.close()
		p.server.Stop()
	})
}

// shutdown waits for the jobs that run, within the server's shutdown timeout, and
// ends the server.
func (p *pool) shutdown() {
	p.downOnce.Do(func() {
		defer close(p.down)
		p.server.Shutdown()
	})
	<-p.down
}

// retire stops the pool and ends it once its jobs have finished, however long they
// take, or when the worker stops.
func (p *pool) retire(stopping <-chan struct{}) {
	p.stop()
	tick := time.NewTicker(retiredLook)
	defer tick.Stop()
	for p.busy.Load() > 0 {
		select {
		case <-tick.C:
		case <-p.down:
			return
		case <-stopping:
			return
		}
	}
	p.shutdown()
}

// queuesOfPools names all queues that the pools serve.
func queuesOfPools(pools []PoolOptions) []string {
	all := map[string]bool{}
	for _, p := range pools {
		for q := range p.Queues {
			all[q] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// same reports whether the pool is what the options ask for.
func (p *pool) same(o PoolOptions) bool { return reflect.DeepEqual(p.PoolOptions, o) }

// untimed is the context from which asynq derives a task's. By its deadline, which
// never comes, asynq takes it for one that ends before the task's timeout, and sets
// no timer: the handler's own context has one.
type untimed struct{ context.Context }

// Deadline implements [context.Context].
func (untimed) Deadline() (time.Time, bool) { return time.Time{}, true }
