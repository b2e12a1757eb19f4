package engine_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// lockedBuffer is a log that a test reads while others write it.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// A handler that ignores its cancelled context is told of with its stack, and its
// job does not run again beside it; asynq alone runs it again at once.
func TestZombieIsHeld(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	var running, most atomic.Int64
	returns := make(chan struct{})
	r := newRig(t, storetest.Redis(t), func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.zombie", func(ctx context.Context, _ struct{}) (struct{}, error) {
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			if jobs.Info(ctx).Attempt == 1 {
				ignoreContext(returns)
				return struct{}{}, ctx.Err()
			}
			return struct{}{}, nil
		}, jobs.Options{Backoff: quick()})
	})
	r.worker(func(o *options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	id := r.post(client.Enqueue{Type: "test.zombie", Timeout: ptr(client.Duration(time.Second))})
	eventually(t, func() bool { return strings.Contains(log.String(), "ignores its cancelled context") },
		func() string { return "the zombie is not told of:\n" + log.String() })
	if text := log.String(); !strings.Contains(text, "ignoreContext") || !strings.Contains(text, id) {
		t.Errorf("the log lacks the stack or the job:\n%s", text)
	}
	select {
	case <-time.After(2 * time.Second): // longer than the backoff
	case <-returns:
	}
	if j := r.until(id, jobs.StateActive); j.Attempt != 1 {
		t.Errorf("job = %+v, want its first attempt held", j)
	}
	close(returns)
	if j := r.until(id, jobs.StateCompleted); j.Attempt != 2 {
		t.Errorf("attempt %d, want 2", j.Attempt)
	}
	if n := most.Load(); n != 1 {
		t.Errorf("%d copies of the job ran at once", n)
	}
}

// A handler that outlasts its timeout and succeeds has succeeded: its effects are
// there, and a second run would have them twice.
func TestLateSuccessCounts(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	r := newRig(t, storetest.Redis(t), func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.late", func(ctx context.Context, _ struct{}) (string, error) {
			runs.Add(1)
			<-ctx.Done()
			return "late", nil
		}, jobs.Options{Backoff: quick(), Timeout: time.Second})
	})
	r.worker(nil)
	if j := r.until(r.post(client.Enqueue{Type: "test.late"}), jobs.StateCompleted); string(j.Result) != `"late"` || runs.Load() != 1 {
		t.Errorf("job = %+v after %d runs", j, runs.Load())
	}
}

func ignoreContext(until <-chan struct{}) { <-until }

// A stop does not wait for zombies: their jobs go back to the queue.
func TestStopLeavesZombies(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	returns := make(chan struct{})
	defer close(returns)
	r := newRig(t, storetest.Redis(t), func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.zombie", func(context.Context, struct{}) (struct{}, error) {
			ignoreContext(returns)
			return struct{}{}, nil
		}, jobs.Options{})
	})
	p := r.worker(func(o *options) {
		o.Log, o.StopTimeout, o.CancelGrace = slog.New(slog.NewTextHandler(&log, nil)), 50*time.Millisecond, 50*time.Millisecond
	})
	id := r.post(client.Enqueue{Type: "test.zombie", Timeout: ptr(client.Duration(time.Second))})
	eventually(t, func() bool { return strings.Contains(log.String(), "ignores its cancelled context") },
		func() string { return "the zombie is not told of:\n" + log.String() })
	began := time.Now()
	if err := p.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the stop took %s", took)
	}
	r.until(id, jobs.StatePending)
}
