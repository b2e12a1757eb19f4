package comparison

import (
	"context"
	"math/rand/v2"
	"time"

	"legwork/internal/bench"
)

const (
	pickupProbes      = 1000
	pickupProbesStock = 5 // each takes about a second
	// pickupPause is the longest pause before a probe. A pause of random length
	// keeps the probes from falling in with a poll.
	pickupPause      = 10 * time.Millisecond
	pickupPauseStock = time.Second
	idleConcurrency  = 10
)

// pickup hands in one job at a time on an idle system, in the process that runs
// it: from the call until the first line of its handler.
func pickup() scenario {
	return scenario{
		name:  "pickup",
		about: "idle system, one job at a time, from the call that hands it in to the first line of its handler",
		sides: []side{{name: sideLegwork}, {name: sideStock, stock: true, peer: true}},
		measure: func(ctx context.Context, p peer, h half) (measures, error) {
			started := make(chan time.Time, 1)
			err := p.start(ctx, work{concurrency: idleConcurrency, queues: []string{queue}, handle: func(context.Context, time.Time) {
				started <- time.Now()
			}})
			if err != nil {
				return nil, err
			}
			n, pause := h.count(pickupProbes), pickupPause
			if h.side.stock {
				n, pause = h.count(pickupProbesStock), h.span(pickupPauseStock)
			}
			if _, err := pickUp(ctx, p, started, 0); err != nil { // opens connections
				return nil, err
			}
			took := make([]time.Duration, n)
			for i := range took {
				if took[i], err = pickUp(ctx, p, started, rand.N(pause)); err != nil { //nolint:gosec // spreads probes, no secret
					return nil, err
				}
			}
			l := bench.LatencyOf(took)
			return measures{"p50": l.P50, "p99": l.P99}, nil
		},
		metrics: []metric{
			{name: "p50", unit: "ms", lower: true, compare: true, promise: &promise{most: true, bound: 1}},
			{name: "p99", unit: "ms", lower: true, compare: true, promise: &promise{most: true, bound: 2}},
		},
	}
}

// pickUp hands in one job after the pause and returns how long it took to start.
func pickUp(ctx context.Context, p peer, started <-chan time.Time, pause time.Duration) (time.Duration, error) {
	if err := sleep(ctx, pause); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := p.enqueue(ctx, time.Time{}); err != nil {
		return 0, err
	}
	select {
	case at := <-started:
		return at.Sub(began), nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// sleep waits for d, or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
