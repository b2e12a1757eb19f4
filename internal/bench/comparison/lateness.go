package comparison

import (
	"context"
	"fmt"
	"slices"
	"time"

	"legwork/internal/bench"
)

const (
	lateJobs      = 500
	lateJobsStock = 50
	lateAhead     = 3 * time.Second
	// lateSpread is the time over which the jobs of a half round fall due, evenly.
	lateSpread = time.Second
)

// lateness runs jobs that are due at instants spread over a second, three seconds
// ahead: from the time that was asked for to the first line of the handler.
func lateness() scenario {
	return scenario{
		name:  "lateness",
		about: "jobs due in 3 to 4 s, at instants spread over that second: start of the handler less the time asked for",
		sides: []side{{name: sideLegwork}, {name: sideStock, stock: true, peer: true}},
		measure: func(ctx context.Context, p peer, h half) (measures, error) {
			n := h.count(lateJobs)
			if h.side.stock {
				n = h.count(lateJobsStock)
			}
			late := make(chan time.Duration, n)
			handle := func(_ context.Context, due time.Time) { late <- time.Since(due) }
			if err := p.start(ctx, work{concurrency: drainConcurrency, queues: []string{queue}, handle: handle, due: true}); err != nil {
				return nil, err
			}
			first := time.Now().Add(h.span(lateAhead))
			for i := range n {
				at := first.Add(lateSpread * time.Duration(i) / time.Duration(n)).Truncate(time.Microsecond)
				if err := p.enqueue(ctx, at); err != nil {
					return nil, err
				}
			}
			all := make([]time.Duration, n)
			for i := range all {
				select {
				case all[i] = <-late:
				case <-ctx.Done():
					return nil, fmt.Errorf("%d of %d jobs have run: %w", i, n, context.Cause(ctx))
				}
			}
			l := bench.LatencyOf(all)
			return measures{"p50": l.P50, "p99": l.P99, "earliest": millis(slices.Min(all))}, nil
		},
		metrics: []metric{
			{name: "p50", unit: "ms", lower: true, promise: &promise{most: true, bound: 10}},
			{name: "p99", unit: "ms", lower: true, promise: &promise{most: true, bound: 25}},
			{name: "earliest", unit: "ms", lower: true, promise: &promise{always: true, bound: 0}},
		},
	}
}
