package comparison

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

const (
	// dueAhead and duePerJob say how far ahead the jobs are due: longer than it
	// takes to hand them in.
	dueAhead  = 2 * time.Second
	duePerJob = 150 * time.Microsecond
)

// due runs as many jobs as drain does, all due at one instant, beside a backlog
// of pending ones.
func due() scenario {
	return scenario{
		name:  "due",
		about: "100,000 jobs due at one instant, from then until all have run and Redis says so, beside as many pending ones",
		sides: []side{
			{name: sideLegwork, concurrency: drainConcurrency},
			{name: "Legwork, pending jobs", concurrency: drainConcurrency, peer: true},
		},
		measure: func(ctx context.Context, p peer, h half) (measures, error) {
			n := h.count(drainJobs)
			if h.side.peer {
				if err := p.fill(ctx, n, time.Time{}); err != nil {
					return nil, err
				}
				return drainBacklog(ctx, p, h, n)
			}
			return drainDue(ctx, p, h, n)
		},
		metrics: []metric{
			{name: "first", unit: "ms", lower: true, promise: &promise{most: true, bound: 25}},
			{name: "rate", unit: "jobs/s", compare: true, promise: &promise{ratio: true, bound: 0.8}},
			{name: "redis_cpu", unit: "us/job", lower: true, compare: true},
		},
	}
}

// drainDue hands in n jobs for one instant and runs them.
func drainDue(ctx context.Context, p peer, h half, n int) (measures, error) {
	at := time.Now().Add(dueAhead + time.Duration(n)*duePerJob).Truncate(time.Microsecond)
	if err := p.fill(ctx, n, at); err != nil {
		return nil, err
	}
	if late := time.Since(at); late > 0 {
		return nil, fmt.Errorf("it took %s longer to hand in %d jobs than there was time", late, n)
	}
	before, err := h.usage(ctx)
	if err != nil {
		return nil, err
	}
	var run atomic.Int64
	first, ran := make(chan time.Duration, 1), make(chan struct{})
	err = p.start(ctx, work{concurrency: h.side.concurrency, queues: []string{queue}, handle: func(context.Context, time.Time) {
		switch run.Add(1) {
		case 1:
			first <- time.Since(at)
		case int64(n):
			close(ran)
		}
	}})
	if err != nil {
		return nil, err
	}
	select {
	case <-ran:
	case <-ctx.Done():
		return nil, fmt.Errorf("%d of %d jobs have run: %w", run.Load(), n, context.Cause(ctx))
	}
	if err := h.redis.awaitEmpty(ctx); err != nil {
		return nil, err
	}
	m := measures{"rate": float64(n) / time.Since(at).Seconds(), "first": millis(<-first)}
	return m, h.perJob(ctx, m, before, n)
}
