package comparison

import (
	"context"
	"time"
)

const (
	enqueueJobs = 100_000
	// enqueueWarm jobs are handed in first: connections are open then, scripts
	// loaded.
	enqueueWarm = 1000
)

// enqueue hands in jobs one by one from many goroutines, and nobody runs them.
// Legwork checks each payload against its schema.
func enqueue() scenario {
	return scenario{
		name:  "enqueue",
		about: "64 goroutines that hand in jobs of 100 bytes one by one; Legwork checks each against its schema",
		sides: []side{{name: sideLegwork}, {name: sideStock, stock: true, peer: true}},
		measure: func(ctx context.Context, p peer, h half) (measures, error) {
			if err := enqueueMany(ctx, p, h.count(enqueueWarm), time.Time{}); err != nil {
				return nil, err
			}
			before, err := h.usage(ctx)
			if err != nil {
				return nil, err
			}
			n := h.count(enqueueJobs)
			began := time.Now()
			if err := enqueueMany(ctx, p, n, time.Time{}); err != nil {
				return nil, err
			}
			m := measures{"rate": float64(n) / time.Since(began).Seconds()}
			return m, h.perJob(ctx, m, before, n)
		},
		metrics: []metric{
			{name: "rate", unit: "jobs/s", compare: true, promise: &promise{ratio: true, bound: 1.7}},
			{name: "redis_cpu", unit: "us/job", lower: true, compare: true},
			{name: "go_cpu", unit: "us/job", lower: true, compare: true},
		},
	}
}
