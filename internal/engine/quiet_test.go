package engine_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// ask asks a worker for something, as the control plane does, and waits for its word.
func (r *rig) ask(w *engine.Worker, what string) *client.Worker {
	r.t.Helper()
	wish, err := r.inspect.Ask(context.Background(), w.ID, what)
	if err != nil {
		r.t.Fatal(err)
	}
	got, err := r.inspect.Confirmed(context.Background(), w.ID, wish, 20*time.Second)
	if err != nil || got.Asked != "" {
		r.t.Fatalf("%s is not confirmed: %+v, %v", what, got, err)
	}
	return got
}

// announced starts a worker, and announces it.
func (r *rig) announced(change func(*options)) *engine.Worker {
	r.t.Helper()
	w := r.worker(change)
	a := engine.NewAnnouncer(engine.AnnouncerOptions{
		Redis: w.Redis, Registry: r.reg, ID: w.ID, Version: "v1", Pools: w.Pools, State: w.State, Unknown: w.Unknown, Log: w.Log,
	})
	if err := a.Start(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = a.Stop(context.Background()) })
	return w
}

// Promise: a quiet worker takes nothing from the moment when it has confirmed, gives
// back what it took ahead, and finishes what runs; asked again it says so again; once
// it resumes, the jobs run. So does one that leaves dequeues to asynq.
func TestQuiet(t *testing.T) {
	t.Parallel()
	for name, plain := range map[string][]engine.Behaviour{"hub": nil, "plain asynq": {engine.Dequeue}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			var runs atomic.Int64
			release := make(chan struct{})
			r := newRig(t, inst, func(reg *jobs.Registry) {
				jobs.Handle(reg, "test.hold", func(context.Context, struct{}) (struct{}, error) {
					runs.Add(1)
					<-release
					return struct{}{}, nil
				}, jobs.Options{})
			})
			w := r.announced(func(o *options) { o.Concurrency, o.Plain = 2, plain })
			var ids []string
			for range 20 {
				ids = append(ids, r.post(client.Enqueue{Type: "test.hold"}))
			}
			eventually(t, func() bool { return runs.Load() == 2 }, func() string { return fmt.Sprintf("%d jobs run", runs.Load()) })
			for range 2 {
				if got := r.ask(w, store.WishQuiet); got.State != client.WorkerQuiet || w.State() != store.WorkerQuiet {
					t.Errorf("worker = %+v", got)
				}
			}
			k := store.KeysOf("default")
			if n := inst.Client.LLen(t.Context(), k.Pending()).Val(); n != 18 {
				t.Errorf("%d jobs are pending, want all but the two that run", n)
			}
			close(release)
			eventually(t, func() bool { return inst.Client.LLen(t.Context(), k.Active()).Val() == 0 }, func() string { return "what ran is not finished" })
			ids = append(ids, r.post(client.Enqueue{Type: "test.hold"}))
			time.Sleep(1500 * time.Millisecond) // longer than a look, and than asynq's poll
			if n := runs.Load(); n != 2 {
				t.Errorf("%d jobs were started by a quiet worker", n-2)
			}
			if got := r.ask(w, store.WishResume); got.State != client.WorkerRunning {
				t.Errorf("worker = %+v", got)
			}
			for _, id := range ids {
				r.until(id, jobs.StateCompleted)
			}
		})
	}
}

// Promise: a worker stays quiet when Redis goes away and comes back, even without
// what it held; the wish that it missed meanwhile is found with its next pulse.
func TestQuietOutlastsReconnects(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	proxy, far := proxied(t, inst, store.Options{})
	var runs atomic.Int64
	r := newRig(t, inst, counted(&runs))
	w := r.announced(func(o *options) { o.Redis = far })
	r.ask(w, store.WishQuiet)
	proxy.Cut()
	id := r.post(client.Enqueue{Type: "test.count"})
	proxy.Heal()
	if err := inst.Client.Del(t.Context(), store.KeyWishPrefix+w.ID, store.KeyStatusPrefix+w.ID).Err(); err != nil {
		t.Fatal(err)
	}
	var got *client.Worker
	var err error
	eventually(t, func() bool {
		got, err = r.inspect.Worker(t.Context(), w.ID)
		return err == nil && got.State == client.WorkerQuiet && inst.Client.Exists(t.Context(), store.KeyStatusPrefix+w.ID).Val() == 1
	}, func() string { return fmt.Sprintf("worker = %+v, %v", got, err) })
	if runs.Load() != 0 {
		t.Error("the job ran although the only worker is quiet")
	}
	proxy.Cut()
	wish, err := r.inspect.Ask(t.Context(), w.ID, store.WishResume)
	if err != nil {
		t.Fatal(err)
	}
	got, err = r.inspect.Confirmed(t.Context(), w.ID, wish, 100*time.Millisecond)
	if err != nil || got.Asked != store.WishResume || got.State != client.WorkerQuiet {
		t.Errorf("while it cannot be reached: %+v, %v", got, err)
	}
	proxy.Heal()
	r.until(id, jobs.StateCompleted)
	if got, err = r.inspect.Confirmed(t.Context(), w.ID, wish, 20*time.Second); err != nil || got.Asked != "" || got.State != client.WorkerRunning {
		t.Errorf("afterwards: %+v, %v", got, err)
	}
}

// Promise: quieting and resuming under load, again and again, loses no job and runs
// none twice.
func TestQuietUnderLoad(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	r := newRig(t, storetest.Redis(t), counted(&runs))
	w := r.announced(nil)
	const total = 4000
	posted := make(chan error, 1)
	go func() {
		for range total / 100 {
			batch := make([]*client.Enqueue, 100)
			for i := range batch {
				batch[i] = &client.Enqueue{Type: "test.count", Retention: new(client.Duration)}
			}
			for _, res := range r.EnqueueBatch(context.Background(), batch) {
				if res.Err != nil {
					posted <- res.Err
					return
				}
			}
		}
		posted <- nil
	}()
	for range 10 {
		r.ask(w, store.WishQuiet)
		before := runs.Load()
		k := store.KeysOf("default")
		eventually(t, func() bool { return r.redis.LLen(context.Background(), k.Active()).Val() == 0 }, func() string { return "jobs stay active" })
		if after := runs.Load(); after-before > 10 {
			t.Errorf("%d jobs were started by a quiet worker with 10 slots", after-before)
		}
		r.ask(w, store.WishResume)
	}
	if err := receive(t, posted); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return runs.Load() >= total }, func() string { return fmt.Sprintf("%d of %d jobs ran", runs.Load(), total) })
	if n := runs.Load(); n != total {
		t.Errorf("%d runs of %d jobs", n, total)
	}
}
