package comparison

import (
	"context"
	"fmt"
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
				m, _, err := drainBacklog(ctx, p, h, n, time.Time{})
				return m, err
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
	m, first, err := drainBacklog(ctx, p, h, n, at)
	if err != nil {
		return nil, err
	}
	m["first"] = millis(first)
	return m, nil
}
