package comparison

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/slack"
	"legwork/internal/store"
	"legwork/jobs"
)

const (
	readyTimeout = 10 * time.Second
	// fillBatch is the number of jobs in one call that fills a queue.
	fillBatch = 1000
	// serveSlack is memory.gc_slack by default: measured is what legwork serve runs.
	serveSlack = 32 << 20
)

// legwork is Legwork's engine. It alone in this package knows the API of workers.
type legwork struct {
	redis    redis.UniversalClient
	registry *jobs.Registry
	engine   *engine.Engine
	tally    *engine.Tally // nil: nothing is counted
	worker   *engine.Worker
	work     work // set before the worker starts
	slack    []byte
}

func openLegwork(ctx context.Context, url string, s side) (*legwork, error) {
	l := &legwork{registry: jobs.NewRegistry(), slack: slack.Hold(serveSlack)}
	o := jobs.Options{Queue: queue, Timeout: time.Minute, Retention: jobs.NoRetention}
	if s.retain {
		o.Retention = jobs.RetentionDefault
	}
	jobs.Handle(l.registry, jobType, func(ctx context.Context, in payload) (struct{}, error) {
		l.work.handle(ctx, in.due())
		return struct{}{}, nil
	}, o)
	if err := l.registry.Err(); err != nil {
		return nil, err
	}
	var err error
	if l.redis, err = store.Open(store.Options{URL: url, ClientName: "legwork-bench"}); err != nil {
		return nil, err
	}
	if err := store.WaitReady(ctx, l.redis, slog.Default(), readyTimeout); err != nil {
		return nil, errors.Join(err, l.redis.Close())
	}
	if !s.uncounted {
		l.tally = engine.NewTally(l.redis, uuid.NewString(), slog.Default())
		if err := l.tally.Start(ctx); err != nil {
			return nil, errors.Join(err, l.redis.Close())
		}
	}
	l.engine = engine.New(engine.Options{Redis: l.redis, Catalog: engine.NewCatalog(l.registry, l.redis, slog.Default()), Tally: l.tally})
	return l, nil
}

func job(at time.Time) client.Enqueue {
	j := client.Enqueue{Type: jobType, Payload: newPayload(at)}
	if !at.IsZero() {
		j.RunAt = &at
	}
	return j
}

func (l *legwork) enqueue(ctx context.Context, at time.Time) error {
	_, err := l.engine.Enqueue(ctx, job(at), "")
	return err
}

func (l *legwork) fill(ctx context.Context, n int, at time.Time) error {
	one := job(at)
	many := make([]*client.Enqueue, fillBatch)
	for i := range many {
		many[i] = &one
	}
	for ; n > 0; n -= fillBatch {
		for _, r := range l.engine.EnqueueBatch(ctx, many[:min(n, fillBatch)]) {
			if r.Err != nil {
				return fmt.Errorf("fill queue %s: %w", queue, r.Err)
			}
		}
	}
	return nil
}

func (l *legwork) start(ctx context.Context, w work) error {
	l.work = w
	l.worker = engine.NewWorker(engine.WorkerOptions{
		Redis: l.redis, Registry: l.registry, Tally: l.tally,
		Pools: []engine.PoolOptions{{Name: "main", Queues: weights(w.queues), Concurrency: w.concurrency}},
	})
	return l.worker.Start(ctx)
}

func (l *legwork) stop(ctx context.Context) error {
	if l.worker == nil {
		return nil
	}
	return l.worker.Stop(ctx)
}

func (l *legwork) close() error {
	l.engine.Stop()
	defer runtime.KeepAlive(l.slack)
	var err error
	if l.tally != nil {
		err = l.tally.Stop(context.Background())
	}
	return errors.Join(err, l.redis.Close())
}

// weights gives every queue the same weight.
func weights(queues []string) map[string]int {
	all := map[string]int{}
	for _, name := range queues {
		all[name] = 1
	}
	return all
}
