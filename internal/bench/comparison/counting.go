package comparison

import (
	"context"
	"time"
)

const sideUncounted = "Legwork, nothing counted"

// counting tells what the statistics cost: the same backlog with and without them.
func counting() scenario {
	return scenario{
		name:  "counting",
		about: "a backlog of 100,000 no-op jobs of 100 bytes, with statistics and without",
		sides: []side{
			{name: sideLegwork, concurrency: drainConcurrency},
			{name: sideUncounted, peer: true, concurrency: drainConcurrency, uncounted: true},
		},
		fill: func(ctx context.Context, p peer, h half) error {
			return p.fill(ctx, h.count(drainJobs), time.Time{})
		},
		measure: func(ctx context.Context, p peer, h half) (measures, error) {
			m, _, err := drainBacklog(ctx, p, h, h.count(drainJobs), time.Time{})
			return m, err
		},
		metrics: []metric{
			{name: "rate", unit: "jobs/s", compare: true, promise: &promise{ratio: true, bound: 0.97}},
			{name: "redis_cpu", unit: "us/job", lower: true, compare: true},
			{name: "go_cpu", unit: "us/job", lower: true, compare: true},
		},
	}
}
