package comparison

import (
	"context"
	"time"
)

const (
	idleSettle = 2 * time.Second // what a start costs has passed then
	idleSpan   = 20 * time.Second
)

// idle watches a process with three queues that has nothing to do.
func idle() scenario {
	return scenario{
		name:  "idle",
		about: "a process with 3 empty queues, watched for 20 s: commands that it sends, the same with those inside scripts, and CPU in percent of one",
		sides: []side{{name: sideLegwork}, {name: sideStock, stock: true, peer: true}},
		measure: func(ctx context.Context, p peer, h half) (measures, error) {
			w := work{concurrency: idleConcurrency, queues: []string{queue, queue + "-2", queue + "-3"}, handle: func(context.Context, time.Time) {}}
			if err := p.start(ctx, w); err != nil {
				return nil, err
			}
			if err := sleep(ctx, h.span(idleSettle)); err != nil {
				return nil, err
			}
			before, err := h.usage(ctx)
			if err != nil {
				return nil, err
			}
			began := time.Now()
			sent, all, err := h.redis.watch(ctx, h.span(idleSpan))
			if err != nil {
				return nil, err
			}
			after, err := h.usage(ctx)
			if err != nil {
				return nil, err
			}
			span := time.Since(began)
			return measures{
				"commands": float64(sent) / span.Seconds(), "commands_and_inside": float64(all) / span.Seconds(),
				"go_cpu":    100 * float64(after.process-before.process) / float64(span),
				"redis_cpu": 100 * float64(after.redis-before.redis) / float64(span),
			}, nil
		},
		metrics: []metric{
			{name: "commands", unit: "1/s", lower: true, compare: true},
			{name: "commands_and_inside", unit: "1/s", lower: true, compare: true, promise: &promise{most: true, bound: 10}},
			{name: "go_cpu", unit: "%", lower: true, compare: true, promise: &promise{most: true, bound: 1}},
			{name: "redis_cpu", unit: "%", lower: true},
		},
	}
}
