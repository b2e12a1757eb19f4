package engine_test

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"legwork/client"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// An idle server polls: a job waits for most of a second. Promise: TestIdlePoolIsWoken.
func TestAsynqPolls(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	started := make(chan time.Time, 1)
	stock(t, inst.Client, asynq.Config{}, func(context.Context, *asynq.Task) error {
		started <- time.Now()
		return nil
	})
	var waits []time.Duration
	for i := range 7 {
		time.Sleep(time.Duration(i*37) * time.Millisecond)
		began := time.Now()
		enqueueStock(t, inst.Client, asynq.NewTask("test.start", nil))
		waits = append(waits, receive(t, started).Sub(began))
	}
	slices.Sort(waits)
	if median := waits[len(waits)/2]; median < 200*time.Millisecond {
		t.Errorf("median wait %s: asynq has become event-driven", median)
	}
}

// Start times are cut to the second: a job starts before its time. Promise:
// TestNeverEarly. With its defaults asynq is also up to five seconds late.
func TestAsynqStartsEarly(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	started := make(chan time.Time, 1)
	stock(t, inst.Client, brisk(1), func(context.Context, *asynq.Task) error {
		started <- time.Now()
		return nil
	})
	due := time.Now().Truncate(time.Second).Add(2*time.Second + 900*time.Millisecond)
	enqueueStock(t, inst.Client, asynq.NewTask("test.due", nil), asynq.ProcessAt(due))
	if early := due.Sub(receive(t, started)); early <= 0 {
		t.Errorf("the job started %s late: asynq keeps fractions of a second", -early)
	}
}

// A timeout under a second is none, and so becomes half an hour. Promise:
// TestRefusals refuses it at the door.
func TestAsynqDropsShortTimeouts(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	left := make(chan time.Duration, 1)
	stock(t, inst.Client, brisk(1), func(ctx context.Context, _ *asynq.Task) error {
		deadline, _ := ctx.Deadline()
		left <- time.Until(deadline)
		return nil
	})
	enqueueStock(t, inst.Client, asynq.NewTask("test.short", nil), asynq.Timeout(500*time.Millisecond))
	if d := receive(t, left); d < 29*time.Minute {
		t.Errorf("%s left of a timeout of 500 ms", d)
	}
	r := newRig(t, inst, noop)
	_, err := r.Enqueue(t.Context(), client.Enqueue{Type: "test.ok", Timeout: ptr(client.Duration(500 * time.Millisecond))}, "")
	if jobs.CodeOf(err) != jobs.CodeInvalidRequest {
		t.Errorf("a timeout of 500 ms in Legwork: %v", err)
	}
}

// A handler that ignores its context runs beside the retry of its job. Promise:
// TestZombieIsHeld.
func TestAsynqRunsCopiesAtOnce(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	var running atomic.Int64
	copies, release := make(chan int64, 10), make(chan struct{})
	defer close(release)
	stock(t, inst.Client, brisk(4), func(context.Context, *asynq.Task) error {
		copies <- running.Add(1)
		<-release
		return nil
	})
	enqueueStock(t, inst.Client, asynq.NewTask("test.zombie", nil), asynq.Timeout(time.Second))
	receive(t, copies)
	if n := receive(t, copies); n != 2 {
		t.Errorf("%d copies at once", n)
	}
}

// runtime.Goexit in a handler blocks its slot until the job's timeout. Promise:
// TestHandlerOutcomes.
func TestAsynqLosesSlotsToGoexit(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	started := make(chan string, 2)
	stock(t, inst.Client, brisk(1), func(_ context.Context, task *asynq.Task) error {
		started <- task.Type()
		if task.Type() == "test.goexit" {
			runtime.Goexit()
		}
		return nil
	})
	enqueueStock(t, inst.Client, asynq.NewTask("test.goexit", nil), asynq.Timeout(time.Hour))
	receive(t, started)
	enqueueStock(t, inst.Client, asynq.NewTask("test.next", nil))
	select {
	case next := <-started:
		t.Errorf("%s was started: asynq frees the slot", next)
	case <-time.After(time.Second):
	}
}
