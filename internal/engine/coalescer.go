package engine

import (
	"context"
	"sync"
	"time"
)

// coalesceMax bounds the items of one coalesced write.
const coalesceMax = 256

// coalescer merges what callers want written at the same time into one write:
// while a write is under way, the next one gathers. Alone, an item goes out at
// once. The write leaves each item's error in the item.
type coalescer[T any] struct {
	write   func(ctx context.Context, items []T)
	timeout time.Duration // of one write
	wake    chan struct{} // holds a token while somebody may wait
	done    sync.WaitGroup

	mu      sync.Mutex
	waiting []*single[T] // guarded by mu; in the order of their coming
	closed  bool         // guarded by mu
}

// single is one caller's item and where it waits.
type single[T any] struct {
	item    T
	ctx     context.Context
	written chan error
}

func newCoalescer[T any](write func(context.Context, []T), timeout time.Duration) *coalescer[T] {
	return &coalescer[T]{write: write, timeout: timeout, wake: make(chan struct{}, 1)}
}

// start begins to write; until then, items wait.
func (c *coalescer[T]) start() { c.done.Go(c.run) }

// put writes the item together with whatever else waits. It returns nil when a
// write that had the item in it has returned, and else why none will: ctx has
// ended, or the coalescer was closed. When ctx ends during the write, the item
// may still be written, and belongs to the write until then.
func (c *coalescer[T]) put(ctx context.Context, item T) error {
	s := &single[T]{item: item, ctx: ctx, written: make(chan error, 1)}
	if !c.join(s) {
		return errStopped
	}
	select {
	case err := <-s.written:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// join lines the item up; false when the coalescer is closed.
func (c *coalescer[T]) join(s *single[T]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.waiting = append(c.waiting, s)
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return true
}

// close writes what waits and refuses new items.
func (c *coalescer[T]) close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.wake)
	}
	c.mu.Unlock()
	c.done.Wait()
}

func (c *coalescer[T]) run() {
	for range c.wake {
		for batch := c.gather(); len(batch) > 0; batch = c.gather() {
			c.flush(batch)
		}
	}
}

// gather takes what waits right now, without waiting for more.
func (c *coalescer[T]) gather() []*single[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := min(len(c.waiting), coalesceMax)
	batch := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	return batch
}

// flush writes the batch. Items whose callers have gone are not written.
func (c *coalescer[T]) flush(batch []*single[T]) {
	items := make([]T, 0, len(batch))
	for _, s := range batch {
		if s.ctx.Err() == nil {
			items = append(items, s.item)
		}
	}
	if len(items) > 0 {
		ctx, cancel := context.WithTimeout(context.Background(), c.timeout)
		c.write(ctx, items)
		cancel()
	}
	for _, s := range batch {
		s.written <- s.ctx.Err()
	}
}
