package bench

import (
	"context"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// settleEvery is how often the end of a load is looked for; a rate is wrong
	// by at most that share of the time it took.
	settleEvery = 10 * time.Millisecond
	// stallMax is how long a load may stand still before it counts as stuck.
	stallMax = 20 * time.Second
)

// Load is what one load came to. Rates are jobs per second.
type Load struct {
	Jobs      int     `json:"jobs"`      // handed in
	Enqueued  float64 `json:"enqueued"`  // from the first call to the last answer
	Completed float64 `json:"completed"` // from the first call until the last job was processed
	// Drained is the rate at which what still waited at the last answer was then
	// processed; nil when that was less than a tenth of the jobs.
	Drained *float64 `json:"drained"`
	Answer  Latency  `json:"answer_ms"` // of one call
}

// load hands in o.Jobs jobs, per at a time (rounded up to whole calls), and
// waits until they are processed.
func load(ctx context.Context, t Target, o Options, per int) (*Load, error) {
	before, err := t.queue(ctx, o.Queue)
	if err != nil {
		return nil, err
	}
	calls := (o.Jobs + per - 1) / per
	c := &calling{total: calls, per: per}
	if err := c.run(ctx, t, o); err != nil {
		return nil, err
	}
	out := &Load{Jobs: calls * per, Enqueued: rate(calls*per, c.ended.Sub(c.began)), Answer: LatencyOf(c.took)}
	s := settling{target: t, queue: o.Queue, goal: before.ProcessedTotal + int64(out.Jobs), failed: before.FailedTotal}
	left, err := s.wait(ctx)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	out.Completed = rate(out.Jobs, now.Sub(c.began))
	if left*10 >= int64(out.Jobs) {
		drained := rate(int(left), now.Sub(c.ended))
		out.Drained = &drained
	}
	return out, nil
}

// calling makes the calls of a load.
type calling struct {
	total, per   int // calls, and jobs of each
	began, ended time.Time
	took         []time.Duration // of each call
	next, done   atomic.Int64
}

// run makes the calls on all connections; the first failure ends all of them.
func (c *calling) run(ctx context.Context, t Target, o Options) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	senders, closeAll, err := t.senders(ctx, o, c.per)
	if err != nil {
		return err
	}
	defer closeAll()
	c.took = make([]time.Duration, c.total)
	c.began = time.Now()
	var wg sync.WaitGroup
	for _, s := range senders {
		wg.Go(func() {
			if err := c.send(ctx, s); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	c.ended = time.Now()
	if ctx.Err() != nil {
		return fmt.Errorf("after %d of %d jobs: %w", int(c.done.Load())*c.per, c.total*c.per, context.Cause(ctx))
	}
	return nil
}

// send makes calls on one connection while there are any left.
func (c *calling) send(ctx context.Context, s sender) error {
	for ctx.Err() == nil {
		n := int(c.next.Add(1)) - 1
		if n >= c.total {
			return nil
		}
		start := time.Now()
		if err := s(); err != nil {
			return err
		}
		c.took[n] = time.Since(start)
		c.done.Add(1)
	}
	return nil
}

// settling waits for the jobs of a load to be processed.
type settling struct {
	target Target
	queue  string
	goal   int64 // of the queue's processed counter
	failed int64 // of its failed counter, before the load
}

// wait returns how many jobs were left when it was called.
func (s *settling) wait(ctx context.Context) (left int64, err error) {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	left = -1
	var last int64
	moved := time.Now()
	for {
		q, err := s.target.queue(ctx, s.queue)
		switch {
		case err != nil:
			return 0, fmt.Errorf("while waiting for the jobs to be processed: %w", err)
		case q.FailedTotal > s.failed:
			return 0, fmt.Errorf("%d jobs of the queue failed", q.FailedTotal-s.failed)
		case left < 0:
			left = max(0, s.goal-q.ProcessedTotal)
		}
		if q.ProcessedTotal >= s.goal {
			return left, nil
		}
		if q.ProcessedTotal != last {
			last, moved = q.ProcessedTotal, time.Now()
		} else if time.Since(moved) > stallMax {
			return 0, fmt.Errorf("%d jobs are left, and none was processed for %s: does a worker serve queue %s?", s.goal-last, stallMax, s.queue)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return 0, fmt.Errorf("%d jobs were still to be processed: %w", s.goal-q.ProcessedTotal, context.Cause(ctx))
		}
	}
}

// rate is n per d, in whole jobs per second.
func rate(n int, d time.Duration) float64 {
	return math.Round(float64(n) / max(d, time.Microsecond).Seconds())
}
