package comparison

import (
	"context"
	"runtime"
	"time"
)

const (
	memoryJobs   = 1_000_000
	memorySettle = 3 * time.Second
)

// memory looks at a worker whose handlers are all blocked, with a long backlog
// and with none.
func memory() scenario {
	return scenario{
		name:  "memory",
		about: "a worker process whose 10 handlers are blocked, while 1,000,000 jobs wait and while none does: memory in use, its peak, the heap",
		sides: []side{{name: sideLegwork}, {name: "Legwork, no jobs", peer: true}},
		fill: func(ctx context.Context, p peer, h half) error {
			n := h.count(memoryJobs)
			if h.side.peer {
				n = idleConcurrency
			}
			return p.fill(ctx, n, time.Time{})
		},
		measure: func(ctx context.Context, p peer, h half) (measures, error) {
			crowd := newCrowd(idleConcurrency)
			if err := p.start(ctx, work{concurrency: idleConcurrency, queues: []string{queue}, handle: crowd.join}); err != nil {
				return nil, err
			}
			return crowd.weigh(ctx, h.span(memorySettle))
		},
		metrics: []metric{
			{name: "rss", unit: "MB", lower: true, compare: true, promise: &promise{ratio: true, most: true, bound: 1.1}},
			{name: "rss_peak", unit: "MB", lower: true, compare: true},
			{name: "heap", unit: "MB", lower: true, compare: true},
		},
	}
}

const sleepers = 10_000

// sleeping looks at a worker with very many handlers that wait.
func sleeping() scenario {
	return scenario{
		name:  "sleeping",
		about: "a worker process with 10,000 handlers that sleep at the same time: memory in use, its peak, the heap",
		sides: []side{{name: sideLegwork}, {name: sideStock, stock: true, peer: true}},
		fill: func(ctx context.Context, p peer, h half) error {
			return p.fill(ctx, h.count(sleepers), time.Time{})
		},
		measure: func(ctx context.Context, p peer, h half) (measures, error) {
			n := h.count(sleepers)
			crowd := newCrowd(n)
			if err := p.start(ctx, work{concurrency: n, queues: []string{queue}, handle: crowd.join}); err != nil {
				return nil, err
			}
			return crowd.weigh(ctx, h.span(memorySettle))
		},
		metrics: []metric{
			{name: "rss_peak", unit: "MB", lower: true, compare: true, promise: &promise{most: true, bound: 300}},
			{name: "rss", unit: "MB", lower: true, compare: true},
			{name: "heap", unit: "MB", lower: true, compare: true},
		},
	}
}

// crowd is a number of handlers that wait at the same time.
type crowd struct {
	here  chan struct{} // one for each handler that has come
	size  int
	leave chan struct{}
}

func newCrowd(size int) *crowd {
	return &crowd{here: make(chan struct{}, size), size: size, leave: make(chan struct{})}
}

// join is a handler; those beyond the crowd's size come when it has left.
func (c *crowd) join(ctx context.Context, _ time.Time) {
	select {
	case c.here <- struct{}{}:
	case <-c.leave:
	}
	select {
	case <-c.leave:
	case <-ctx.Done():
	}
}

// weigh waits until all have come, and some time more, looks how much memory the
// process uses, and lets them go.
func (c *crowd) weigh(ctx context.Context, settle time.Duration) (measures, error) {
	defer close(c.leave)
	for range c.size {
		select {
		case <-c.here:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if err := sleep(ctx, settle); err != nil {
		return nil, err
	}
	now, peak, err := resident()
	if err != nil {
		return nil, err
	}
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return measures{"rss": now, "rss_peak": peak, "heap": float64(s.HeapAlloc) / 1e6}, nil
}
