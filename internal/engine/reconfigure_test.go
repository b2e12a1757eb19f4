package engine_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Pools are changed while jobs run and come in: none is lost, none runs twice, and
// those that run go on.
func TestReconfigureUnderLoad(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		var runs sync.Map
		var done atomic.Int64
		started, release := make(chan string, 1), make(chan struct{})
		r := newRig(t, inst, func(reg *jobs.Registry) {
			blocker(started, func(ctx context.Context) error {
				select {
				case <-release:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				}
			})(reg)
			jobs.Handle(reg, "test.count", func(ctx context.Context, _ struct{}) (struct{}, error) {
				n, _ := runs.LoadOrStore(jobs.Info(ctx).ID, new(atomic.Int64))
				n.(*atomic.Int64).Add(1)
				done.Add(1)
				return struct{}{}, nil
			}, jobs.Options{})
		})
		w := r.worker(nil)
		long := r.post(client.Enqueue{Type: "test.block"})
		receive(t, started)
		const rounds, each = 12, 100
		for i := range rounds {
			var batch []*client.Enqueue
			for n := range each {
				batch = append(batch, &client.Enqueue{Type: "test.count", Queue: []string{"a", "b", "default"}[n%3]})
			}
			for _, res := range r.EnqueueBatch(t.Context(), batch) {
				if res.Err != nil {
					t.Fatal(res.Err)
				}
			}
			pools := []engine.PoolOptions{
				{Name: "one", Queues: map[string]int{"a": 1, "default": 1 + i%2}, Concurrency: 1 + i%4},
				{Name: "two", Queues: map[string]int{"b": 1}, Concurrency: 2},
			}
			if i%3 == 2 {
				pools = pools[:1] // what waits in b waits on
			}
			if err := w.Reconfigure(t.Context(), pools); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Reconfigure(t.Context(), []engine.PoolOptions{{Name: "all", Queues: map[string]int{"a": 1, "b": 1, "default": 1}, Concurrency: 5}}); err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { return done.Load() >= rounds*each },
			func() string { return fmt.Sprintf("%d of %d jobs ran", done.Load(), rounds*each) })
		runs.Range(func(id, n any) bool {
			if n := n.(*atomic.Int64).Load(); n != 1 {
				t.Errorf("job %s ran %d times", id, n)
			}
			return true
		})
		close(release)
		if j := r.until(long, jobs.StateCompleted); j.Attempt != 1 {
			t.Errorf("the job that ran all the time = %+v", j)
		}
	})
}

// A worker refuses pools that cannot work, and stays as it is.
func TestReconfigureRefuses(t *testing.T) {
	t.Parallel()
	started := make(chan time.Time, 1)
	r := newRig(t, storetest.Redis(t), starts(started))
	w := r.worker(nil)
	q := map[string]int{"default": 1}
	for name, pools := range map[string][]engine.PoolOptions{
		"none":      {},
		"twice":     {{Name: "a", Queues: q, Concurrency: 1}, {Name: "a", Queues: q, Concurrency: 2}},
		"no queue":  {{Name: "a", Concurrency: 1}},
		"no slots":  {{Name: "a", Queues: q}},
		"negative ": {{Name: "a", Queues: q, Concurrency: -1}},
	} {
		if err := w.Reconfigure(t.Context(), pools); err == nil {
			t.Errorf("%s: not refused", name)
		}
	}
	r.post(client.Enqueue{Type: "test.start"})
	receive(t, started)
	if err := w.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := w.Reconfigure(t.Context(), []engine.PoolOptions{{Name: "a", Queues: q, Concurrency: 1}}); err == nil {
		t.Error("a stopped worker was reconfigured")
	}
}
