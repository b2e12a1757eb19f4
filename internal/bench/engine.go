package bench

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/jobs"
)

const (
	// perCPU is the concurrency of `legwork serve` by default.
	perCPU       = 10
	readyTimeout = 10 * time.Second
	stopTimeout  = 10 * time.Second
	// lookEvery is how often a probe looks for its result itself, should the
	// message be lost.
	lookEvery = time.Second
)

// Engine is Legwork's engine with a worker pool in this process, measured
// without HTTP. Close it.
type Engine struct {
	about     string
	redis     redis.UniversalClient
	private   *Private // nil with a Redis of the caller's
	queueName string
	leftover  bool // the queue is to be removed from a Redis of the caller's
	tally     *engine.Tally
	engine    *engine.Engine
	worker    *engine.Worker
	waiters   *engine.Waiters
	inspector *inspect.Inspector
}

// OpenEngine starts the engine and a pool that serves a queue of the run's own.
// An empty URL starts a private Redis in a temporary directory, with an
// append-only file synced every second.
func OpenEngine(ctx context.Context, redisURL string, log *slog.Logger) (e *Engine, err error) {
	e = &Engine{queueName: "bench-" + uuid.NewString()}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
			e = nil
		}
	}()
	e.about = "Legwork's engine on " + store.Redact(redisURL)
	if redisURL == "" {
		if redisURL, err = e.startRedis(ctx, log); err != nil {
			return e, err
		}
	} else {
		e.leftover = true
	}
	if e.redis, err = store.Open(store.Options{URL: redisURL, ClientName: "legwork-bench"}); err != nil {
		return e, err
	}
	if err = store.WaitReady(ctx, e.redis, log, readyTimeout); err != nil {
		return e, err
	}
	return e, e.start(ctx, log)
}

func (e *Engine) startRedis(ctx context.Context, log *slog.Logger) (url string, err error) {
	if e.private, err = StartPrivate(ctx, log); err != nil {
		return "", err
	}
	e.about = "Legwork's engine on a private Redis: " + e.private.Kind()
	if e.private.Durable() {
		e.about += ", append-only file synced every second"
	}
	return e.private.URL(), nil
}

func (e *Engine) start(ctx context.Context, log *slog.Logger) error {
	r := jobs.NewRegistry()
	Register(r)
	if err := r.Err(); err != nil {
		return err
	}
	e.tally = engine.NewTally(e.redis, uuid.NewString(), log)
	if err := e.tally.Start(ctx); err != nil {
		return err
	}
	e.engine = engine.New(engine.Options{Redis: e.redis, Catalog: engine.NewCatalog(r, e.redis, log), Tally: e.tally, Log: log})
	e.inspector = inspect.New(e.redis, log)
	e.waiters = engine.NewWaiters(e.redis, uuid.NewString())
	e.waiters.Start(ctx)
	e.worker = engine.NewWorker(engine.WorkerOptions{
		Redis: e.redis, Registry: r, Pools: []engine.PoolOptions{{Name: "main", Queues: map[string]int{e.queueName: 1}, Concurrency: perCPU * runtime.GOMAXPROCS(0)}}, Tally: e.tally, Log: log,
	})
	return e.worker.Start(ctx)
}

// Close stops everything that OpenEngine started and removes its queue.
func (e *Engine) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopTimeout)
	defer cancel()
	var errs []error
	if e.worker != nil {
		errs = append(errs, e.worker.Stop(ctx))
	}
	if e.waiters != nil {
		e.waiters.Stop()
	}
	if e.engine != nil {
		e.engine.Stop()
	}
	if e.tally != nil {
		errs = append(errs, e.tally.Stop(ctx))
	}
	if e.redis != nil {
		if e.leftover && e.engine != nil {
			errs = append(errs, removeQueue(ctx, e.redis, e.queueName))
		}
		errs = append(errs, e.redis.Close())
	}
	errs = append(errs, e.private.Close(ctx))
	return errors.Join(errs...)
}

// About implements [Target].
func (e *Engine) About() string { return e.about }

// Queue is the run's queue, for [Options].
func (e *Engine) Queue() string { return e.queueName }

// Mode implements [Target].
func (e *Engine) Mode() string { return "engine" }

func (e *Engine) check(ctx context.Context, o Options) error {
	q, err := e.queue(ctx, o.Queue)
	if err != nil {
		return err
	}
	return checkQueue(q)
}

func (e *Engine) queue(ctx context.Context, name string) (*client.Queue, error) {
	return e.inspector.Queue(ctx, name, map[string]int{name: 1})
}

func (e *Engine) senders(ctx context.Context, o Options, per int) ([]sender, func(), error) { //nolint:unparam // as Target has it
	one := job(o)
	many := make([]*client.Enqueue, per)
	for i := range many {
		many[i] = &one
	}
	send := func() error {
		for _, r := range e.engine.EnqueueBatch(ctx, many) {
			if r.Err != nil {
				return r.Err
			}
		}
		return nil
	}
	if per == 1 {
		send = func() error {
			_, err := e.engine.Enqueue(ctx, one, "")
			return err
		}
	}
	all := make([]sender, o.Connections)
	for i := range all {
		all[i] = send
	}
	return all, func() {}, nil
}

func (e *Engine) probe(ctx context.Context, o Options) (sample, error) {
	began := time.Now()
	receipt, err := e.engine.Enqueue(ctx, job(o), e.waiters.ID())
	if err != nil {
		return sample{}, err
	}
	j, err := e.await(ctx, receipt.Message.ID)
	if err != nil {
		return sample{}, err
	}
	return newSample(j, time.Since(began))
}

// await returns the job when it has ended, or as it is after probeWait.
func (e *Engine) await(ctx context.Context, id string) (*client.Job, error) {
	ended, forget := e.waiters.Wait(id)
	defer forget()
	over := time.NewTimer(probeWait)
	defer over.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for late := false; ; {
		j, err := e.inspector.Job(ctx, id)
		if err != nil || j.Final() || late {
			return j, err
		}
		select {
		case <-ended:
			ended = nil
		case <-look.C:
		case <-over.C:
			late = true
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
