package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Reconfigure makes the worker's pools those of the options, by name. A pool whose
// options have changed is replaced: the new one takes jobs from then on, and the
// jobs of the old one run to their ends. Meanwhile, more jobs than the
// concurrency says may be running. No job is dropped or started again.
func (w *Worker) Reconfigure(ctx context.Context, pools []PoolOptions) error {
	w.life.Lock()
	defer w.life.Unlock()
	if err := checkPools(pools); err != nil {
		return err
	}
	if !w.started || w.stopped {
		return errors.New("reconfigure worker: it does not run")
	}
	w.hub.serve(ctx, queuesOfPools(slices.Concat(w.Pools, pools)))
	var keep, old []*pool
	for _, p := range w.pools {
		if slices.ContainsFunc(pools, p.same) {
			keep = append(keep, p)
		} else {
			old = append(old, p)
		}
	}
	w.pools = keep
	var errs []error
	for _, o := range pools {
		if !slices.ContainsFunc(keep, func(p *pool) bool { return p.Name == o.Name }) {
			if err := w.open(o); err != nil {
				errs = append(errs, fmt.Errorf("pool %q: %w", o.Name, err))
			}
		}
	}
	w.leader.Store(nil)
	if len(w.pools) > 0 {
		w.leader.Store(w.pools[0].seam)
	}
	for _, p := range old {
		w.retire(p)
	}
	w.Pools = pools
	w.publish()
	w.slots.Store(slotsOf(pools))
	w.hub.serve(ctx, queuesOfPools(pools))
	return errors.Join(errs...)
}

// retire lets the pool's jobs finish beside the new ones. The caller holds life.
func (w *Worker) retire(p *pool) {
	w.retired = slices.DeleteFunc(w.retired, func(old *pool) bool {
		select {
		case <-old.down:
			return true
		default:
			return false
		}
	})
	w.retired = append(w.retired, p)
	w.loops.Go(func() {
		p.retire(w.stopping)
		w.beats.forget(p.seam)
	})
}

// slotsOf is how many jobs the pools run at once.
func slotsOf(pools []PoolOptions) int64 {
	n := 0
	for _, p := range pools {
		n += p.Concurrency
	}
	return int64(n)
}

func checkPools(pools []PoolOptions) error {
	if len(pools) == 0 {
		return errors.New("a worker needs at least one pool")
	}
	names := map[string]bool{}
	for _, p := range pools {
		switch {
		case names[p.Name]:
			return fmt.Errorf("pool %q is given twice", p.Name)
		case len(p.Queues) == 0:
			return fmt.Errorf("pool %q serves no queue", p.Name)
		case p.Concurrency < 1:
			return fmt.Errorf("pool %q: concurrency %d: use at least 1", p.Name, p.Concurrency)
		}
		names[p.Name] = true
	}
	return nil
}
