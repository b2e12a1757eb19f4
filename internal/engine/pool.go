package engine

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
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
	// timeoutSlack is how much later than Legwork asynq thinks a job's timeout
	// ends: the handler's own context always ends first.
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
	errTimeout     = errors.New("timeout")
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
	outcomes    *outcomes
	seam        *seam
	server      *asynq.Server
	listener    *listener
	hub         *hub
	beginner    *beginner
	zombies     *zombies

	life    sync.Mutex // held by Start and Stop
	started bool       // guarded by life
	stopped bool       // guarded by life

	mu      sync.Mutex
	running map[string]*running // guarded by mu; by job id
	halted  bool                // guarded by mu; set once contexts are cancelled for a stop
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
		resultLimit: o.ResultLimit, log: o.Log, outcomes: newOutcomes(), running: map[string]*running{}, zombies: newZombies(o.Log),
	}
	p.listener = newListener(o.Redis, store.ChannelCancel, p.cancel)
	names := slices.Sorted(maps.Keys(o.Queues))
	holder := uuid.NewString()
	p.hub = newHub(o.Redis, holder, names, o.Log)
	p.beginner = newBeginner(o.Redis, holder, o.Log)
	p.seam = newSeam(o.Redis, p.outcomes, p.hub, names, o.Log)
	p.seam.hold = p.hold
	p.hub.reaper.knows = p.knows
	p.server = asynq.NewServerFromRedisClient(p.seam, asynq.Config{
		Concurrency:              o.Concurrency,
		Queues:                   maps.Clone(o.Queues),
		StrictPriority:           o.StrictPriority,
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
	p.seam.acker.start()
	p.beginner.start()
	if err := p.server.Start(asynq.HandlerFunc(p.process)); err != nil {
		p.beginner.close()
		p.seam.acker.close()
		p.hub.stop()
		p.listener.stop()
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
		n := p.cancelAll()
		p.log.WarnContext(ctx, "jobs still running, cancelling them", "jobs", n)
		if !within(context.WithoutCancel(ctx), drained, p.cancelGrace+ackRetryMax) {
			p.seam.giveUp()
		}
	}
	p.zombies.release()
	<-drained
	p.beginner.close()
	p.closeAcker(ctx)
	p.hub.stop()
	p.listener.stop()
	return nil
}

// UnknownScripts counts the scripts of asynq's that have run and that the seam did
// not recognise: what they do is asynq's behaviour, not Legwork's.
func (p *Pool) UnknownScripts() int64 { return p.seam.unknown.Load() }

// closeAcker waits until the jobs that ran have ended in Redis or, when it is
// away, until the grace is over.
func (p *Pool) closeAcker(ctx context.Context) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		p.seam.acker.close()
	}()
	if !within(context.WithoutCancel(ctx), closed, p.cancelGrace+ackRetryMax) {
		p.seam.giveUp()
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

// running is a job whose handler has not returned.
type running struct {
	cancel   context.CancelCauseFunc
	returned chan struct{}
}

// begin notes that the job's handler runs, and returns what notes its return.
func (p *Pool) begin(id string, cancel context.CancelCauseFunc) (end func()) {
	r := &running{cancel: cancel, returned: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.running[id] = r
	if p.halted {
		cancel(errPoolStopped)
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.running, id)
		close(r.returned)
	}
}

// knows reports whether this process has the job in hand.
func (p *Pool) knows(id string) bool {
	p.mu.Lock()
	_, runs := p.running[id]
	p.mu.Unlock()
	return runs || p.hub.buffers(id)
}

// hold waits while the job's handler still runs, which asynq does not know when
// it gives up a job. It returns false when the pool stops before that.
func (p *Pool) hold(id string) bool {
	p.mu.Lock()
	r := p.running[id]
	p.mu.Unlock()
	return r == nil || p.zombies.hold(id, r.returned)
}

// cancel ends the context of the job, if it runs here.
func (p *Pool) cancel(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r, ok := p.running[id]; ok {
		r.cancel(errCancelled)
	}
}

// cancelAll ends the contexts of all running jobs, and of those that asynq
// still starts, and returns their number.
func (p *Pool) cancelAll() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.halted = true
	for _, r := range p.running {
		r.cancel(errPoolStopped)
	}
	return len(p.running)
}
