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
	waiting chan *single
	quit    chan struct{}
	stop    sync.Once
	done    sync.WaitGroup
}

// single is one caller's job and where it waits.
type single struct {
	entry  *entry
	ctx    context.Context
	stored chan struct{}
}

func newCoalescer(write func(context.Context, []*entry), timeout time.Duration) *coalescer {
	c := &coalescer{write: write, timeout: timeout, waiting: make(chan *single), quit: make(chan struct{})}
	c.done.Go(c.run)
	return c
}

// put writes the entry together with whatever else waits, and returns when it
// is stored or ctx ends. After ctx has ended the entry may still be stored.
func (c *coalescer) put(ctx context.Context, e *entry) error {
	s := &single{entry: e, ctx: ctx, stored: make(chan struct{})}
	select {
	case c.waiting <- s:
	case <-ctx.Done():
		return ctx.Err()
	case <-c.quit:
		return errStopped
	}
	select {
	case <-s.stored:
		return e.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// close lets the write under way finish and refuses new entries.
func (c *coalescer) close() {
	c.stop.Do(func() { close(c.quit) })
	c.done.Wait()
}

func (c *coalescer) run() {
	for {
		select {
		case first := <-c.waiting:
			c.flush(c.gather(first))
		case <-c.quit:
			return
		}
	}
}

// gather takes what waits right now, without waiting for more.
func (c *coalescer) gather(first *single) []*single {
	batch := []*single{first}
	for len(batch) < coalesceMax {
		select {
		case s := <-c.waiting:
			batch = append(batch, s)
		default:
			return batch
		}
	}
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
