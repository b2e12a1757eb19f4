package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store"
	"legwork/jobs"
)

const (
	plantBatch       = 1000
	plantConcurrency = 100
	// lookEvery is how often the end of work is looked for.
	lookEvery = 20 * time.Millisecond
)

// planter makes the jobs of a run, as they would come about in months: it hands
// them in and runs a worker on which they fail.
type planter struct {
	redis    redis.UniversalClient
	log      *slog.Logger
	registry *jobs.Registry
	engine   *engine.Engine
	tally    *engine.Tally
	worker   *engine.Worker
	dead     atomic.Bool // what becomes of jobs that run
	next     int         // number of the next job
}

func newPlanter(ctx context.Context, c redis.UniversalClient, log *slog.Logger) (*planter, error) {
	p := &planter{redis: c, log: log, registry: jobs.NewRegistry()}
	register(p.registry, func(ctx context.Context, o order) error { return o.fail(ctx, p.dead.Load()) })
	if err := p.registry.Err(); err != nil {
		return nil, err
	}
	p.tally = engine.NewTally(c, uuid.NewString(), log)
	if err := p.tally.Start(ctx); err != nil {
		return nil, err
	}
	p.engine = engine.New(engine.Options{Redis: c, Catalog: engine.NewCatalog(p.registry, c, log), Tally: p.tally, Log: log})
	return p, nil
}

// register makes the planted types known, each in its queue.
func register(r *jobs.Registry, run func(context.Context, order) error) {
	for queue, names := range queues() {
		for _, name := range names {
			jobs.Handle(r, name, func(ctx context.Context, o order) (struct{}, error) {
				return struct{}{}, run(ctx, o)
			}, jobs.Options{Queue: queue, MaxRetries: retriesMax, Backoff: jobs.Backoff{Initial: time.Hour}})
		}
	}
}

// plant makes what the options ask for, and returns once it is there.
func (p *planter) plant(ctx context.Context, o Options, progress func(string)) error {
	progress("fail for good")
	p.dead.Store(true)
	if err := p.enqueue(ctx, o.Dead, true); err != nil {
		return err
	}
	if err := p.work(ctx); err != nil {
		return err
	}
	if err := p.await(ctx, jobs.StateArchived, o.Dead); err != nil {
		return err
	}
	progress("fail for now")
	p.dead.Store(false)
	if err := p.enqueue(ctx, o.Retry, false); err != nil {
		return err
	}
	if err := p.await(ctx, jobs.StateRetry, o.Retry); err != nil {
		return err
	}
	if err := p.rest(ctx); err != nil {
		return err
	}
	progress("wait to run")
	return p.enqueue(ctx, o.Pending, false)
}

// enqueue hands in the next n jobs. Those that are to die have no retry left after
// a panic.
func (p *planter) enqueue(ctx context.Context, n int, dying bool) error {
	none := 0
	for end := p.next + n; p.next < end; {
		many := make([]*client.Enqueue, min(plantBatch, end-p.next))
		for i := range many {
			j, err := newJob(p.next)
			if err != nil {
				return wrap("encode a payload", err)
			}
			if dying && p.next%panicEvery == panicEvery-1 {
				j.MaxRetries = &none
			}
			many[i] = &j
			p.next++
		}
		for _, r := range p.engine.EnqueueBatch(ctx, many) {
			if r.Err != nil {
				return wrap("hand in jobs", r.Err)
			}
		}
	}
	return nil
}

// work starts the worker on which the jobs fail.
func (p *planter) work(ctx context.Context) error {
	weights := map[string]int{}
	for name := range queues() {
		weights[name] = 1
	}
	p.worker = engine.NewWorker(engine.WorkerOptions{
		Redis: p.redis, Registry: p.registry, Tally: p.tally, Log: slog.New(slog.DiscardHandler), // each failure has its line
		Pools: []engine.PoolOptions{{Name: "main", Queues: weights, Concurrency: plantConcurrency}},
	})
	return p.worker.Start(ctx)
}

// rest stops the worker.
func (p *planter) rest(ctx context.Context) error {
	if p.worker == nil {
		return nil
	}
	w := p.worker
	p.worker = nil
	return wrap("stop the worker", w.Stop(ctx))
}

// await returns once n jobs are in the state.
func (p *planter) await(ctx context.Context, state jobs.State, n int) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		there, err := size(ctx, p.redis, state)
		if err != nil || there == n {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d jobs are %s: %w", there, n, state, context.Cause(ctx))
		}
	}
}

// size counts the planted queues' jobs in a state that is a sorted set.
func size(ctx context.Context, c redis.UniversalClient, state jobs.State) (int, error) {
	pipe := c.Pipeline()
	for name := range queues() {
		pipe.ZCard(ctx, store.KeysOf(name).State(string(state)))
	}
	cmds, err := pipe.Exec(ctx)
	var sum int64
	for _, cmd := range cmds {
		if n, ok := cmd.(*redis.IntCmd); ok {
			sum += n.Val()
		}
	}
	return int(sum), wrap("count the jobs", err)
}

func (p *planter) close(ctx context.Context) error {
	err := p.rest(ctx)
	p.engine.Stop()
	return errors.Join(err, p.tally.Stop(ctx))
}
