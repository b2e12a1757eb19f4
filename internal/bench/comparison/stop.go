package comparison

import (
	"context"
	"time"
)

// stopSettle is how long a process has nothing to do before it is stopped.
const stopSettle = time.Second

// stop ends a process that has nothing to do.
func stop() scenario {
	return scenario{
		name:  "stop",
		about: "the stop of a worker that has run a job and then had nothing to do for a second",
		sides: []side{{name: sideLegwork}, {name: sideStock, stock: true, peer: true}},
		measure: func(ctx context.Context, p peer, h half) (measures, error) {
			started := make(chan time.Time, 1)
			err := p.start(ctx, work{concurrency: idleConcurrency, queues: []string{queue}, handle: func(context.Context, time.Time) {
				started <- time.Now()
			}})
			if err != nil {
				return nil, err
			}
			if _, err := pickUp(ctx, p, started, 0); err != nil {
				return nil, err
			}
			if err := sleep(ctx, h.span(stopSettle)); err != nil {
				return nil, err
			}
			began := time.Now()
			err = p.stop(ctx)
			return measures{"took": millis(time.Since(began))}, err
		},
		metrics: []metric{{name: "took", unit: "ms", lower: true, compare: true, promise: &promise{most: true, bound: 50}}},
	}
}
