package engine_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: what a worker runs, since when and until when, is told within about two
// seconds, in all its pools; so is that it has ended, and then nothing more is sent.
func TestWorkerTellsWhatItRuns(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	started, release := make(chan string, 2), make(chan struct{})
	r := newRig(t, inst, blocker(started, func(context.Context) error { <-release; return nil }))
	w := r.announced(func(o *options) {
		for _, q := range []string{"a", "b"} {
			o.Pools = append(o.Pools, engine.PoolOptions{Name: "of " + q, Queues: map[string]int{q: 2}, Concurrency: 3})
		}
	})
	first := r.post(client.Enqueue{Type: "test.block", Queue: "a", Timeout: ptr(client.Duration(time.Hour))})
	receive(t, started)
	r.post(client.Enqueue{Type: "test.block", Queue: "b"})
	receive(t, started)
	told := time.Now()
	var got *client.Worker
	eventually(t, func() bool {
		got, _ = r.inspect.Worker(t.Context(), w.ID)
		return got != nil && got.Busy == 2
	}, func() string { return fmt.Sprintf("worker = %+v", got) })
	if took := time.Since(told); took > 5*time.Second {
		t.Errorf("told after %s", took)
	}
	if got.State != client.WorkerRunning || got.Slots != 6 || got.Host == "" || got.PID == 0 || got.Version != "v1" || got.StartedAt == nil || len(got.Types) != 1 {
		t.Errorf("worker = %+v", got)
	}
	if p := got.Pools; len(p) != 2 || p[0].Busy != 1 || p[1].Busy != 1 || p[1].Types["test.block"] != 1 || p[1].Queues["b"] != 2 || p[1].Concurrency != 3 {
		t.Errorf("pools = %+v", p)
	}
	j := got.Running[0]
	if j.ID != first || j.Type != "test.block" || j.Queue != "a" || j.Attempt != 1 || time.Since(j.StartedAt) > time.Minute || j.EndsAt.Sub(j.StartedAt).Round(time.Second) != time.Hour {
		t.Errorf("job = %+v", j)
	}
	close(release)
	eventually(t, func() bool {
		got, _ = r.inspect.Worker(t.Context(), w.ID)
		return got != nil && got.Busy == 0 && len(got.Running) == 0
	}, func() string { return fmt.Sprintf("worker = %+v", got) })
	if got.LastHeartbeat == nil || time.Since(*got.LastHeartbeat) > 20*time.Second {
		t.Errorf("last heartbeat %v", got.LastHeartbeat)
	}
}

// Promise: thousands of running jobs do not make a large status: the longest-running
// ones are named, all are counted.
func TestStatusIsBounded(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	const total = 2000
	started, release := make(chan string, total), make(chan struct{})
	defer close(release)
	r := newRig(t, inst, blocker(started, func(context.Context) error { <-release; return nil }))
	w := r.announced(func(o *options) { o.Concurrency = total })
	oldest := r.post(client.Enqueue{Type: "test.block"})
	receive(t, started)
	for range total/100 - 1 {
		batch := make([]*client.Enqueue, 100)
		for i := range batch {
			batch[i] = &client.Enqueue{Type: "test.block"}
		}
		r.EnqueueBatch(t.Context(), batch)
	}
	for range total - 100 {
		receive(t, started)
	}
	var got *client.Worker
	eventually(t, func() bool {
		got, _ = r.inspect.Worker(t.Context(), w.ID)
		return got != nil && got.Busy == total-99
	}, func() string { return fmt.Sprintf("%d busy", got.Busy) })
	if len(got.Running) != store.RunningMax || got.Running[0].ID != oldest || got.Pools[0].Types["test.block"] != total-99 {
		t.Errorf("%d running, the first is %+v", len(got.Running), got.Running[0])
	}
	if size := inst.Client.StrLen(t.Context(), store.KeyStatusPrefix+w.ID).Val(); size > 64<<10 {
		t.Errorf("the status has %d bytes", size)
	}
	list, err := r.inspect.Workers(t.Context())
	if err != nil || len(list) != 1 || len(list[0].Running) != 20 || list[0].Busy != total-99 {
		t.Errorf("list = %d workers, %v", len(list), err)
	}
}

// Promise: a stopping worker says so, with what it still runs, and is gone once it
// has stopped.
func TestStoppingWorkerIsShown(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	started, release := make(chan string, 1), make(chan struct{})
	r := newRig(t, inst, blocker(started, func(context.Context) error { <-release; return nil }))
	w := r.announced(nil)
	id := r.post(client.Enqueue{Type: "test.block"})
	receive(t, started)
	stopped := make(chan error, 1)
	go func() { stopped <- w.Stop(context.Background()) }()
	var got *client.Worker
	eventually(t, func() bool {
		got, _ = r.inspect.Worker(t.Context(), w.ID)
		return got != nil && got.State == client.WorkerStopping && got.Busy == 1
	}, func() string { return fmt.Sprintf("worker = %+v", got) })
	if _, err := r.inspect.Ask(t.Context(), w.ID, store.WishQuiet); jobs.CodeOf(err) != jobs.CodeConflict {
		t.Errorf("quiet: %v", err)
	}
	close(release)
	if err := receive(t, stopped); err != nil {
		t.Fatal(err)
	}
	r.until(id, jobs.StateCompleted)
	if n := inst.Client.Exists(t.Context(), store.KeyStatusPrefix+w.ID).Val(); n != 0 {
		t.Error("the status outlives the worker")
	}
}

// Promise: the worker acknowledges that it has ended the context of a job's handler;
// of one that ignores it, the worker shows a zombie.
func TestCancelIsAcknowledged(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		started, release := make(chan string, 1), make(chan struct{})
		r := newRig(t, inst, blocker(started, func(ctx context.Context) error {
			<-ctx.Done()
			<-release
			return errors.Join(ctx.Err(), context.Cause(ctx))
		}))
		w := r.announced(func(o *options) { o.ZombieLimit = 5 })
		id := r.post(client.Enqueue{Type: "test.block"})
		receive(t, started)
		j, err := r.inspect.Cancel(t.Context(), id)
		if err != nil || j.Cancel == nil || time.Since(j.Cancel.AskedAt) > time.Minute {
			t.Fatalf("cancel: %+v, %v", j, err)
		}
		j, err = r.inspect.Acknowledged(t.Context(), j)
		if err != nil || j.State != "active" || j.Cancel.AcknowledgedAt == nil || j.Cancel.Worker != w.ID {
			t.Fatalf("acknowledged: %+v, %+v, %v", j, j.Cancel, err)
		}
		var got *client.Worker
		eventually(t, func() bool {
			got, _ = r.inspect.Worker(t.Context(), w.ID)
			return got != nil && got.Zombies == 1 && got.Running[0].Zombie && got.Running[0].Cancelled
		}, func() string { return fmt.Sprintf("worker = %+v", got) })
		close(release)
		if j := r.until(id, jobs.StateArchived); j.Cancel != nil || j.LastError != "cancelled by request" {
			t.Errorf("job = %+v", j)
		}
	})
}

// Promise: a worker that cannot be reached has not acknowledged, and the job says so;
// once it can be reached it makes up for the message that it missed.
func TestMissedCancelIsMadeUpFor(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	proxy, far := proxied(t, inst, store.Options{})
	started := make(chan string, 1)
	r := newRig(t, inst, blocker(started, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }))
	r.announced(func(o *options) { o.Redis = far })
	id := r.post(client.Enqueue{Type: "test.block"})
	receive(t, started)
	proxy.Cut()
	j, err := r.inspect.Cancel(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if j, err = r.inspect.Acknowledged(ctx, j); err != nil || j.State != "active" || j.Cancel == nil || j.Cancel.AcknowledgedAt != nil {
		t.Errorf("while it cannot be reached: %+v, %v", j, err)
	}
	proxy.Heal()
	if j := r.until(id, jobs.StateArchived); j.LastError != "cancelled by request" {
		t.Errorf("job = %+v", j)
	}
}
