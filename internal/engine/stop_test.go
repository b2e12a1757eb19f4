package engine_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// blocker registers a type whose handler says that it runs and then does what
// the test tells it.
func blocker(started chan<- string, behave func(ctx context.Context) error) func(*jobs.Registry) {
	return func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.block", func(ctx context.Context, _ struct{}) (struct{}, error) {
			started <- jobs.Info(ctx).ID
			return struct{}{}, behave(ctx)
		}, jobs.Options{MaxRetries: jobs.NoRetries})
	}
}

// Stop lets running jobs finish.
func TestStopLetsRunningJobsFinish(t *testing.T) {
	t.Parallel()
	started, release := make(chan string, 1), make(chan struct{})
	r := newRig(t, storetest.Redis(t), blocker(started, func(context.Context) error { <-release; return nil }))
	p := r.worker(nil)
	id := r.post(client.Enqueue{Type: "test.block"})
	receive(t, started)
	stopped := make(chan error, 1)
	go func() { stopped <- p.Stop(context.Background()) }()
	close(release)
	if err := receive(t, stopped); err != nil {
		t.Fatal(err)
	}
	r.until(id, jobs.StateCompleted)
	late := r.post(client.Enqueue{Type: "test.block"})
	if j := r.until(late, jobs.StatePending); j.Attempt != 0 {
		t.Errorf("a job that came after the stop was started: %+v", j)
	}
}

// What outlasts the stop timeout is cancelled and goes back to its queue without
// using up an attempt, whether its handler heeds the context or not.
func TestStopGivesBackWhatOutlastsIt(t *testing.T) {
	t.Parallel()
	for name, behave := range map[string]func(done <-chan struct{}) func(context.Context) error{
		"heeds its context": func(<-chan struct{}) func(context.Context) error {
			return func(ctx context.Context) error { <-ctx.Done(); return fmt.Errorf("interrupted: %w", ctx.Err()) }
		},
		"ignores its context": func(done <-chan struct{}) func(context.Context) error {
			return func(context.Context) error { <-done; return nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			started, done := make(chan string, 1), make(chan struct{})
			defer close(done)
			r := newRig(t, storetest.Redis(t), blocker(started, behave(done)))
			p := r.worker(func(o *options) {
				o.StopTimeout, o.CancelGrace = 50*time.Millisecond, 50*time.Millisecond
			})
			id := r.post(client.Enqueue{Type: "test.block"})
			receive(t, started)
			if err := p.Stop(context.Background()); err != nil {
				t.Fatal(err)
			}
			if j := r.until(id, jobs.StatePending); j.Attempt != 0 || j.LastError != "" {
				t.Errorf("job = %+v; want no attempt used and no error", j)
			}
		})
	}
}

// A stop under load loses nothing and runs nothing twice.
func TestStopUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	var ran atomic.Int64
	r := newRig(t, storetest.Redis(t), func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.count", func(context.Context, struct{}) (struct{}, error) {
			ran.Add(1)
			return struct{}{}, nil
		}, jobs.Options{})
	})
	const total = 2000
	batch := make([]*client.Enqueue, total)
	for i := range batch {
		batch[i] = &client.Enqueue{Type: "test.count"}
	}
	for i, res := range r.EnqueueBatch(t.Context(), batch) {
		if res.Err != nil {
			t.Fatalf("job %d: %v", i, res.Err)
		}
	}
	completed := func() int {
		qs, err := r.inspect.Queues(t.Context(), nil)
		if err != nil || len(qs) != 1 {
			t.Fatalf("queues = %v, %v", qs, err)
		}
		return qs[0].States["completed"]
	}
	for round := 1; completed() < total; round++ {
		p := r.worker(nil)
		eventually(t, func() bool { return completed() >= min(total, round*300) }, func() string { return "no progress" })
		if err := p.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if n := ran.Load(); n != total {
		t.Errorf("%d runs of %d jobs", n, total)
	}
}

// Start and Stop may be called twice, and Stop before Start.
func TestPoolLifeIsSafe(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), blocker(make(chan string, 1), func(context.Context) error { return nil }))
	p := r.worker(nil)
	for range 2 {
		if err := p.Start(t.Context()); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		if err := p.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if err := p.Start(t.Context()); err == nil {
		t.Error("a stopped pool started again")
	}
	unstarted := engine.NewWorker(r.options().WorkerOptions)
	if err := unstarted.Stop(context.Background()); err != nil {
		t.Error(err)
	}
}

// Cancel ends a running job without a retry, and a handler that finishes all
// the same counts.
func TestCancelRunningJob(t *testing.T) {
	t.Parallel()
	started := make(chan string, 1)
	r := newRig(t, storetest.Redis(t), func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.block", func(ctx context.Context, _ struct{}) (struct{}, error) {
			started <- jobs.Info(ctx).ID
			<-ctx.Done()
			return struct{}{}, ctx.Err()
		}, jobs.Options{MaxRetries: 5})
	})
	r.worker(nil)
	id := r.post(client.Enqueue{Type: "test.block"})
	receive(t, started)
	if _, err := r.inspect.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if j := r.until(id, jobs.StateArchived); j.LastError != "cancelled by request" || j.Attempt != 1 {
		t.Errorf("job = %+v", j)
	}
}
