package engine

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// coalesceWrites is how many writes may be under way: while Redis is at one,
	// this process prepares the next.
	coalesceWrites = 2
	// coalesceMax bounds the items of one coalesced write.
	coalesceMax = 256
	// coalesceShare is the part of its time that an item may lose to another one
	// of the same write: items whose times began further apart go separately.
	coalesceShare = 8
)

// errWritten ends the time of a group whose write has returned.
var errWritten = errors.New("written")

// coalescer merges what callers want written at the same time into one write:
// while a write is under way, the next one gathers. Alone, an item goes out at
// once. The write leaves each item's error in the item.
type coalescer[T any] struct {
	write   func(ctx context.Context, items []T)
	timeout time.Duration // of one write, and of a caller that waits for it
	wake    chan struct{} // holds a token while somebody may wait
	done    sync.WaitGroup

	mu      sync.Mutex
	waiting []*group[T] // guarded by mu; in the order of their coming
	closed  bool        // guarded by mu
}

// group is what goes into one write.
type group[T any] struct {
	items   []T
	callers []context.Context

	// Those that wait share one clock: one for each costs more than the rest of
	// the wait. ctx ends when the write has returned or the timeout of the caller
	// that began first is over.
	began   time.Time
	ctx     context.Context
	written func() // ends ctx with errWritten, unless it has ended
}

func newCoalescer[T any](write func(context.Context, []T), timeout time.Duration) *coalescer[T] {
	return &coalescer[T]{write: write, timeout: timeout, wake: make(chan struct{}, 1)}
}

// start begins to write, so many writes at a time; until then, items wait.
func (c *coalescer[T]) start(writes int) {
	for range writes {
		c.done.Go(c.run)
	}
}

// put writes the item together with whatever else waits. It returns nil when a
// write that had the item in it has returned, and else why none will: ctx has
// ended, the timeout is over for a caller that began then (or for one of the same
// write that began a little earlier), or the coalescer was closed. When it ends
// during the write, the item may still be written, and belongs to the write until
// then.
func (c *coalescer[T]) put(ctx context.Context, item T, began time.Time) error {
	g := c.join(ctx, item, began)
	if g == nil {
		return errStopped
	}
	select {
	case <-g.ctx.Done():
		if err := context.Cause(g.ctx); !errors.Is(err, errWritten) {
			return err
		}
	case <-ctx.Done():
	}
	return ctx.Err()
}

// join lines the item up and returns its group; nil when the coalescer is closed.
func (c *coalescer[T]) join(ctx context.Context, item T, began time.Time) *group[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil
	}
	g := c.open(began)
	g.items, g.callers = append(g.items, item), append(g.callers, ctx)
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return g
}

// open returns the last group, or a new one when that cannot take a caller that
// began then. c.mu is held.
func (c *coalescer[T]) open(began time.Time) *group[T] {
	if n := len(c.waiting); n > 0 {
		g := c.waiting[n-1]
		if len(g.items) < coalesceMax && began.Sub(g.began).Abs() <= c.timeout/coalesceShare {
			return g
		}
	}
	g := &group[T]{began: began}
	g.watch(began.Add(c.timeout))
	c.waiting = append(c.waiting, g)
	return g
}

func (g *group[T]) watch(until time.Time) {
	base, end := context.WithCancelCause(context.Background())
	ctx, cancel := context.WithDeadline(base, until)
	g.ctx, g.written = ctx, func() {
		end(errWritten)
		cancel()
	}
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
		for g := c.gather(); g != nil; g = c.gather() {
			c.flush(g)
		}
	}
}

// gather takes what waits right now, without waiting for more; nil when nothing
// does.
func (c *coalescer[T]) gather() *group[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		return nil
	}
	g := c.waiting[0]
	c.waiting[0] = nil
	c.waiting = c.waiting[1:]
	return g
}

// flush writes the group. Items whose callers have gone are not written.
func (c *coalescer[T]) flush(g *group[T]) {
	defer g.written()
	items := g.items[:0]
	for i, caller := range g.callers {
		if caller.Err() == nil {
			items = append(items, g.items[i])
		}
	}
	if len(items) > 0 && g.ctx.Err() == nil {
		c.write(g.ctx, items)
	}
}
