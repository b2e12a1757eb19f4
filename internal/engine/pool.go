package engine

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

// Defaults of [PoolOptions].
const (
	StopTimeoutDefault = 25 * time.Second
	CancelGraceDefault = 5 * time.Second
)

const (
	// timeoutSlack is how much later than Legwork other asynq servers think a job's
	// timeout ends; a pool's own server does not end it at all.
	timeoutSlack = 2 * time.Second
	// leaseTime is asynq's: how long a job is this process's without a heartbeat.
	leaseTime = 30 * time.Second
	// pollEvery is how soon asynq asks again after "nothing": the hub makes it wait.
	pollEvery = 200 * time.Microsecond
	// forwardEvery is when asynq forwards due jobs: never, the hub does.
	forwardEvery = 24 * time.Hour
)

// Causes with which a handler's context ends before its work is done.
var (
	errCancelled   = errors.New("cancelled by request")
	errPoolStopped = errors.New("the worker is stopping")
	errGivenUp     = errors.New("asynq has given the job up: it was cancelled there, or Redis was away for too long")
	errDeadline    = errors.New("the job's deadline has passed")
)

// PoolOptions configures a [Pool].
type PoolOptions struct {
	// Redis is where jobs are kept. Required; the pool does not close it.
	Redis redis.UniversalClient
	// Registry has the handlers. Required.
	Registry *jobs.Registry
	// Queues are the queues to serve with their weights. Required.
	Queues map[string]int
	// StrictPriority serves a queue only while those of greater weight are
	// empty. Defaults to false: queues are served in proportion to their weights.
	StrictPriority bool
	// Concurrency is the number of jobs that run at once. Required.
	Concurrency int
	// StopTimeout is how long running jobs may go on after Stop. Defaults to
	// StopTimeoutDefault.
	StopTimeout time.Duration
	// CancelGrace is how long they have to return once their contexts are
	// cancelled. Defaults to CancelGraceDefault.
	CancelGrace time.Duration
	// ResultLimit bounds a result, in bytes. Defaults to ResultLimitDefault.
	ResultLimit int
	// Log receives the jobs' own lines and the pool's. Defaults to slog.Default().
	Log *slog.Logger
}

// Pool runs jobs of some queues on one asynq server.
type Pool struct {
	redis       redis.UniversalClient
	registry    *jobs.Registry
	stopTimeout time.Duration
	cancelGrace time.Duration
	resultLimit int
	log         *slog.Logger
	holdings    *holdings
	crew        crew
	acker       *acker
	marks       *marks
	effects     *effects
	seam        *seam
	server      *asynq.Server
	listener    *listener
	hub         *hub
	zombies     atomic.Int64  // handlers that ignore their contexts, as last looked
	stopping    chan struct{} // closed when a stop waits for handlers no longer
	cancelLoops context.CancelFunc
	loops       sync.WaitGroup

	life    sync.Mutex // held by Start and Stop
	started bool       // guarded by life
	stopped bool       // guarded by life
}

// NewPool returns a pool that is not running yet.
func NewPool(o PoolOptions) *Pool {
	if o.StopTimeout <= 0 {
		o.StopTimeout = StopTimeoutDefault
	}
	if o.CancelGrace <= 0 {
		o.CancelGrace = CancelGraceDefault
	}
	if o.ResultLimit <= 0 {
		o.ResultLimit = ResultLimitDefault
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	p := &Pool{
		redis: o.Redis, registry: o.Registry, stopTimeout: o.StopTimeout, cancelGrace: o.CancelGrace,
		resultLimit: o.ResultLimit, log: o.Log, holdings: newHoldings(), stopping: make(chan struct{}),
	}
	p.crew.run = p.attempt
	p.listener = newListener(o.Redis, store.ChannelCancel, func(id string) { p.holdings.cancel(id, errCancelled) })
	names := slices.Sorted(maps.Keys(o.Queues))
	holder := uuid.NewString()
	p.hub = newHub(o.Redis, holder, p.holdings, names, o.Log)
	p.marks = newMarks(o.Redis, holder, o.Log)
	p.effects = newEffects(o.Redis, holder, p.holdings)
	p.acker = newAcker(o.Redis, holder, p.holdings, o.Log)
	p.seam = &seam{
		UniversalClient: o.Redis, holdings: p.holdings, acker: p.acker, hub: p.hub, queues: names,
		tell: p.tell, stopping: p.stopping, log: o.Log,
	}
	p.hub.reaper.knows, p.hub.reaper.began = p.knows, p.holdings.began
	p.server = asynq.NewServerFromRedisClient(p.seam, asynq.Config{
		Concurrency:              o.Concurrency,
		Queues:                   maps.Clone(o.Queues),
		StrictPriority:           o.StrictPriority,
		BaseContext:              func() context.Context { return untimed{context.Background()} },
		TaskCheckInterval:        pollEvery,
		DelayedTaskCheckInterval: forwardEvery,
		RetryDelayFunc:           p.retryDelay,
		ShutdownTimeout:          o.StopTimeout + o.CancelGrace,
		Logger:                   asynqLogger{o.Log},
		LogLevel:                 asynq.DebugLevel,
	})
	return p
}

// Start begins to take jobs. A pool runs once: Start after Stop is an error.
func (p *Pool) Start(ctx context.Context) error {
	p.life.Lock()
	defer p.life.Unlock()
	if p.stopped {
		return errors.New("start pool: it has been stopped")
	}
	if p.started {
		return nil
	}
	p.listener.start(ctx)
	p.hub.start(ctx)
	p.acker.start()
	ctx, p.cancelLoops = context.WithCancel(context.WithoutCancel(ctx))
	p.loops.Go(func() { p.marks.run(ctx) })
	p.loops.Go(func() { p.watch(ctx) })
	if err := p.server.Start(asynq.HandlerFunc(p.process)); err != nil {
		p.rest(ctx)
		return err
	}
	p.started = true
	return nil
}

// Stop takes no new job, lets the running ones finish for StopTimeout, cancels
// the contexts of those that remain, and gives back to their queues, without
// using up an attempt, the jobs whose handlers return within CancelGrace or not
// at all. When ctx ends, contexts are cancelled at once. It never loses a job.
func (p *Pool) Stop(ctx context.Context) error {
	p.life.Lock()
	defer p.life.Unlock()
	if !p.started || p.stopped {
		p.stopped = true
		return nil
	}
	p.stopped = true
	p.hub.close(ctx)
	p.server.Stop()
	p.hub.giveBackAll(ctx)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		p.server.Shutdown()
	}()
	if !within(ctx, drained, p.stopTimeout) {
		n := p.holdings.halt(errPoolStopped)
		p.log.WarnContext(ctx, "jobs still running, cancelling them", "jobs", n)
		if !within(context.WithoutCancel(ctx), drained, p.cancelGrace+ackRetryMax) {
			p.acker.giveUp()
		}
	}
	close(p.stopping)
	<-drained
	p.rest(ctx)
	return nil
}

// rest ends everything that goes on beside the server.
func (p *Pool) rest(ctx context.Context) {
	p.closeAcker(ctx)
	p.cancelLoops()
	p.loops.Wait()
	p.hub.stop()
	p.listener.stop()
	p.crew.close()
}

// closeAcker waits until the jobs that ran have ended in Redis or, when it is
// away, until the grace is over.
func (p *Pool) closeAcker(ctx context.Context) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		p.acker.close()
	}()
	if !within(context.WithoutCancel(ctx), closed, p.cancelGrace+ackRetryMax) {
		p.acker.giveUp()
	}
	<-closed
}

// within reports whether done closes before d passes and before ctx ends.
func within(ctx context.Context, done <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-ctx.Done():
	case <-timer.C:
	}
	return false
}

// knows reports whether this process has the job in hand.
func (p *Pool) knows(id string) bool { return p.holdings.find(id) != nil || p.hub.buffers(id) }

// tell lets a process know that a job it waits for has ended.
func (p *Pool) tell(waiter, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), ackTryMax)
	defer cancel()
	if err := p.redis.Publish(ctx, store.ChannelFinished+":"+waiter, id).Err(); err != nil {
		p.log.Warn("waiting process not told that a job has ended", "job", id, "error", err)
	}
}

// untimed is the context from which asynq derives a task's. By its deadline, which
// never comes, asynq takes it for one that ends before the task's timeout, and sets
// no timer: the handler's own context has one.
type untimed struct{ context.Context }

// Deadline implements [context.Context].
func (untimed) Deadline() (time.Time, bool) { return time.Time{}, true }
