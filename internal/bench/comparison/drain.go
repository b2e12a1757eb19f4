package comparison

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	drainJobs        = 100_000
	drainConcurrency = 100
)

// drain runs a backlog of no-op jobs: from the start of the pool until every
// handler has run and Redis has no job of the queue pending or active.
func drain() scenario {
	return scenario{
		name:  "drain",
		about: "a backlog of 100,000 no-op jobs of 100 bytes, from the pool's start until all have run and Redis says so",
		sides: []side{
			{name: sideLegwork, concurrency: drainConcurrency},
			{name: "Legwork, jobs kept for a day", concurrency: drainConcurrency, retain: true},
			{name: "asynq, concurrency 10", stock: true, peer: true, concurrency: 10},
			{name: "asynq, concurrency 100", stock: true, peer: true, concurrency: 100},
		},
		fill:    fillBacklog,
		measure: measureBacklog,
		metrics: []metric{
			{name: "rate", unit: "jobs/s", compare: true, promise: &promise{ratio: true, bound: 5}},
			{name: "redis_cpu", unit: "us/job", lower: true, compare: true, promise: &promise{ratio: true, most: true, bound: 0.5}},
			{name: "go_cpu", unit: "us/job", lower: true, compare: true},
		},
	}
}

// fillBacklog and measureBacklog are the two steps of a scenario whose backlog is of
// drainJobs jobs.
func fillBacklog(ctx context.Context, p peer, h half) error {
	return p.fill(ctx, h.count(drainJobs), time.Time{})
}

func measureBacklog(ctx context.Context, p peer, h half) (measures, error) {
	m, _, err := drainBacklog(ctx, p, h, h.count(drainJobs), time.Time{})
	return m, err
}

// drainBacklog runs n jobs from the time since on, or from now on when that is zero, and
// also tells how long after that the first one started.
func drainBacklog(ctx context.Context, p peer, h half, n int, since time.Time) (measures, time.Duration, error) {
	before, err := h.usage(ctx)
	if err != nil {
		return nil, 0, err
	}
	if since.IsZero() {
		since = time.Now()
	}
	var run atomic.Int64
	first, ran := make(chan time.Duration, 1), make(chan struct{})
	err = p.start(ctx, work{concurrency: h.side.concurrency, queues: []string{queue}, handle: func(context.Context, time.Time) {
		k := run.Add(1)
		if k == 1 {
			first <- time.Since(since)
		}
		if k == int64(n) {
			close(ran)
		}
	}})
	if err != nil {
		return nil, 0, err
	}
	select {
	case <-ran:
	case <-ctx.Done():
		return nil, 0, fmt.Errorf("%d of %d jobs have run: %w", run.Load(), n, context.Cause(ctx))
	}
	if err := h.redis.awaitEmpty(ctx); err != nil {
		return nil, 0, err
	}
	m := measures{"rate": float64(n) / time.Since(since).Seconds()}
	return m, <-first, h.perJob(ctx, m, before, n)
}
