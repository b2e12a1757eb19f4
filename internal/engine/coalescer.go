package engine

import (
	"context"
	"sync"
	"time"
)

// coalesceMax bounds the jobs of one coalesced write.
const coalesceMax = 256

// coalescer merges the single jobs that callers enqueue at the same time into
// one write: while a write is under way, the next one gathers. Alone, a job
// goes out at once.
type coalescer struct {
	write   func(ctx context.Context, entries []*entry)
	timeout time.Duration // of one write
	wake    chan struct{} // holds a token while somebody may wait
	done    sync.WaitGroup

	mu      sync.Mutex
	waiting []*single // guarded by mu; in the order of their coming
	closed  bool      // guarded by mu
}

// single is one caller's job and where it waits.
type single struct {
	entry  *entry
	ctx    context.Context
	stored chan struct{}
}

func newCoalescer(write func(context.Context, []*entry), timeout time.Duration) *coalescer {
	c := &coalescer{write: write, timeout: timeout, wake: make(chan struct{}, 1)}
	c.done.Go(c.run)
	return c
}

// put writes the entry together with whatever else waits, and returns when it
// is stored or ctx ends. After ctx has ended the entry may still be stored.
func (c *coalescer) put(ctx context.Context, e *entry) error {
	s := &single{entry: e, ctx: ctx, stored: make(chan struct{})}
	if !c.join(s) {
		return errStopped
	}
	select {
	case <-s.stored:
		return e.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join lines the job up; false when the coalescer is closed.
func (c *coalescer) join(s *single) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.waiting = append(c.waiting, s)
	c.signal()
	return true
}

// signal leaves a token for run; the caller holds mu.
func (c *coalescer) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// close writes what waits and refuses new entries.
func (c *coalescer) close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.wake)
	}
	c.mu.Unlock()
	c.done.Wait()
}

func (c *coalescer) run() {
	for range c.wake {
		for batch := c.gather(); len(batch) > 0; batch = c.gather() {
			c.flush(batch)
		}
	}
}

// gather takes what waits right now, without waiting for more.
func (c *coalescer) gather() []*single {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.waiting), coalesceMax)
	batch := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	return batch
}

// flush writes the batch. Jobs whose callers have gone are not written.
func (c *coalescer) flush(batch []*single) {
	entries := make([]*entry, 0, len(batch))
	for _, s := range batch {
		if err := s.ctx.Err(); err != nil {
			s.entry.err = err
			continue
		}
		entries = append(entries, s.entry)
	}
	if len(entries) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
		c.write(ctx, entries)
		cancel()
	}
	for _, s := range batch {
		close(s.stored)
	}
}
