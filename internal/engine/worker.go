package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

// Defaults of [WorkerOptions].
const (
	StopTimeoutDefault = 25 * time.Second
	CancelGraceDefault = 5 * time.Second
)

// leaseTime is asynq's: how long a job is this process's without a heartbeat.
const leaseTime = 30 * time.Second

// Causes with which a handler's context ends before its work is done.
var (
	errCancelled   = errors.New("cancelled by request")
	errPoolStopped = errors.New("the worker is stopping")
	errGivenUp     = errors.New("asynq has given the job up: it was cancelled there, or Redis was away for too long")
	errCutOff      = errors.New("this process cannot reach Redis, and others may be given the job")
	errDeadline    = errors.New("the job's deadline has passed")
)

// ErrZombies is what [Worker.Failed] tells when too many handlers ignore their
// cancelled contexts.
var ErrZombies = errors.New("too many handlers ignore their cancelled contexts")

// WorkerOptions configures a [Worker].
type WorkerOptions struct {
	// Redis is where jobs are kept. Required; the worker does not close it.
	Redis redis.UniversalClient
	// Registry has the handlers. Required.
	Registry *jobs.Registry
	// ID names this process: in the jobs that it holds, in the attempts that it
	// records, and in its announcement. Defaults to a new UUID.
	ID string
	// Pools are what the worker begins with; [Worker.Reconfigure] changes them.
	// Required.
	Pools []PoolOptions
	// StopTimeout is how long running jobs may go on after Stop. Defaults to
	// StopTimeoutDefault.
	StopTimeout time.Duration
	// CancelGrace is how long they have to return once their contexts are
	// cancelled. Defaults to CancelGraceDefault.
	CancelGrace time.Duration
	// ResultLimit bounds a result, in bytes. Defaults to ResultLimitDefault.
	ResultLimit int
	// ZombieLimit is how many handlers may ignore their cancelled contexts at the
	// same time; with more, the worker fails. Defaults to the number of slots of
	// all pools: then none is left to run anything.
	ZombieLimit int
	// Tally counts what happens to jobs; the worker neither starts nor stops it. Ends
	// that Acknowledge leaves to asynq are not counted. Defaults to nil: nothing is
	// counted.
	Tally *Tally
	// Plain lists what is left to asynq as it is. Defaults to nothing.
	Plain []Behaviour
	// Log receives the jobs' own lines and the worker's. Defaults to slog.Default().
	Log *slog.Logger
}

func (o WorkerOptions) withDefaults() WorkerOptions {
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
	if o.ID == "" {
		o.ID = uuid.NewString()
	}
	return o
}

// Worker runs jobs in this process: pools that share one hub, so that an idle
// process asks Redis no more often with many pools than with one.
//
//	pool (asynq server) --seam--> hub ------> Redis: take, forward, look
//	pool (asynq server) --seam-->  |
//	        `-> crew -> handler    holdings -> acker -> Redis: end
type Worker struct {
	WorkerOptions
	holdings *holdings
	wrong    *complaints
	crew     crew
	host     string // of the machine
	records  *redis.Script
	// onFailure is told of every failed attempt that this process has ended in Redis;
	// nil tells nobody.
	onFailure failureFunc
	failures  *failures
	acker     *acker
	scribe    *scribe
	marks     *marks
	vital     vital
	pulse     pulse
	effects   *effects
	cancels   *cancels
	wishes    *wishes
	reporter  *reporter
	listener  *listener
	hub       *hub
	beats     beats
	leader    atomic.Pointer[seam]    // of the pool whose heartbeat speaks for all
	unknown   atomic.Int64            // scripts of asynq's that no seam recognised
	zombies   atomic.Int64            // handlers that ignore their contexts, as last looked
	slots     atomic.Int64            // of all pools that take jobs
	known     atomic.Pointer[[]*pool] // what serving returns
	ending    atomic.Bool             // a stop has begun
	broken    chan error              // buffered

	stopping    chan struct{} // closed when a stop waits for handlers no longer
	cancelLoops context.CancelFunc
	loops       sync.WaitGroup

	life    sync.Mutex // held by Start, Stop and Reconfigure
	started bool       // guarded by life
	stopped bool       // guarded by life
	pools   []*pool    // guarded by life; those that take jobs
	retired []*pool    // guarded by life; those whose jobs are left to finish
}

// NewWorker returns a worker that is not running yet.
func NewWorker(o WorkerOptions) *Worker {
	w := &Worker{WorkerOptions: o.withDefaults(), holdings: newHoldings(), beats: beats{jobs: map[*seam][]any{}}, stopping: make(chan struct{}), broken: make(chan error, 1), vital: newVital()}
	w.host, w.records = hostname(), store.Script(luaFiles, "record")
	w.crew.run = w.attempt
	w.wrong = newComplaints(w.Redis, w.Log)
	holder := w.ID
	w.crew.name = holder
	w.hub = newHub(w, holder)
	w.cancels, w.wishes, w.reporter = newCancels(w), newWishes(w), newReporter(w)
	w.pulse = pulse{redis: w.Redis, holder: holder, cut: w.cut, after: w.wishes.look, log: w.Log, vital: w.vital}
	w.listener = newListener(w.Redis, map[string]func(string){
		store.ChannelCancel: w.cancels.hear,
		store.ChannelWish:   w.wishes.hear,
		store.ChannelWake:   w.hub.hear,
	})
	w.listener.again = w.cancels.again
	w.effects = newEffects(w.Redis, holder, w.holdings)
	w.marks = newMarks(w.Redis, holder, w.vital, w.Log)
	w.scribe = newScribe(w.Redis, holder, w.Log)
	w.acker = newAcker(w.Redis, holder, w.holdings, w.wrong, w.Tally, w.scribe, w.Log)
	w.failures = newFailures(w.Redis, holder, w.Log)
	w.onFailure = w.failures.note
	w.acker.tell, w.hub.reaper.tell = w.tellFailure, w.tellFailure
	return w
}

// Start begins to take jobs. A worker runs once: Start after Stop is an error.
func (w *Worker) Start(ctx context.Context) error {
	w.life.Lock()
	defer w.life.Unlock()
	if w.stopped {
		return errors.New("start worker: it has been stopped")
	}
	if w.started {
		return nil
	}
	if err := checkPools(w.Pools); err != nil {
		return err
	}
	w.listener.start(ctx)
	w.hub.serve(ctx, queuesOfPools(w.Pools))
	w.hub.start(ctx, w)
	w.acker.start()
	w.failures.start()
	loops, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w.cancelLoops = cancel
	w.loops.Go(func() { w.pulse.run(loops) })
	w.loops.Go(func() { w.marks.run(loops) })
	w.loops.Go(func() { w.scribe.run(loops) })
	w.loops.Go(func() { w.watch(loops) })
	w.loops.Go(func() { w.cancels.run(loops) })
	w.loops.Go(func() { w.wishes.run(loops) })
	w.loops.Go(func() { w.reporter.run(loops) })
	w.started = true
	for _, o := range w.Pools {
		if err := w.open(o); err != nil {
			return errors.Join(err, w.stop(ctx))
		}
	}
	w.slots.Store(slotsOf(w.Pools))
	w.publish()
	return nil
}

// Failed delivers the error that makes the worker useless: its process should
// stop and start afresh. See [ErrZombies].
func (w *Worker) Failed() <-chan error { return w.broken }

// Unknown is the number of scripts that asynq has run and that Legwork did not
// recognise. It is 0 with the version of asynq that Legwork is built for.
func (w *Worker) Unknown() int64 { return w.unknown.Load() }

// Zombies is the number of handlers that ignore their cancelled contexts.
func (w *Worker) Zombies() int64 { return w.zombies.Load() }

// Stop takes no new job, lets the running ones finish for StopTimeout, cancels
// the contexts of those that remain, and gives back to their queues, without
// using up an attempt, the jobs whose handlers return within CancelGrace or not
// at all. When ctx ends, contexts are cancelled at once. It never loses a job.
func (w *Worker) Stop(ctx context.Context) error {
	w.life.Lock()
	defer w.life.Unlock()
	if !w.started || w.stopped {
		w.stopped = true
		return nil
	}
	return w.stop(ctx)
}

// stop is Stop for a worker that runs. The caller holds life.
func (w *Worker) stop(ctx context.Context) error {
	w.stopped = true
	w.ending.Store(true)
	w.hub.close(ctx)
	all := append(w.pools, w.retired...)
	each(all, (*pool).stop)
	w.hub.giveBackAll(ctx)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		each(all, (*pool).shutdown)
	}()
	if !within(ctx, drained, w.StopTimeout) {
		n := w.holdings.halt(errPoolStopped)
		w.Log.WarnContext(ctx, "jobs still running, cancelling them", "jobs", n)
		if !within(context.WithoutCancel(ctx), drained, w.CancelGrace+ackRetryMax) {
			w.acker.giveUp()
		}
	}
	close(w.stopping)
	<-drained
	w.cancelLoops()
	w.loops.Wait()
	var withdrawn sync.WaitGroup
	withdrawn.Go(func() { w.reporter.withdraw(context.WithoutCancel(ctx)) })
	w.closeAcker(ctx)
	withdrawn.Wait()
	w.hub.stop()
	w.failures.stop()
	w.listener.stop()
	w.crew.close()
	return nil
}

// each calls fn for all pools at the same time and waits.
func each(pools []*pool, fn func(*pool)) {
	var all sync.WaitGroup
	for _, p := range pools {
		all.Go(func() { fn(p) })
	}
	all.Wait()
}

// closeAcker waits until the jobs that ran have ended in Redis or, when it is
// away, until the grace is over.
func (w *Worker) closeAcker(ctx context.Context) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		w.acker.close()
	}()
	if !within(context.WithoutCancel(ctx), closed, w.CancelGrace+ackRetryMax) {
		w.acker.giveUp()
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

// cut is called when this process's pulse has not reached Redis for so long that
// others may soon be given its jobs: handlers are to stop before that. What of them
// still is this process's goes back to the queues when Redis is there again.
func (w *Worker) cut() {
	n := w.holdings.cancelAll(errCutOff)
	w.Log.Warn("handlers cancelled", "jobs", n)
}

// tell lets a process know that a job it waits for has ended.
func (w *Worker) tell(waiter, id string) {
	ctx, cancel := context.WithTimeout(context.Background(), ackTryMax)
	defer cancel()
	if err := w.Redis.Publish(ctx, store.ChannelFinished+":"+waiter, id).Err(); err != nil {
		w.Log.Warn("waiting process not told that a job has ended", "job", id, "error", err)
	}
}
