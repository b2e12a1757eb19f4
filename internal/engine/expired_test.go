package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// The clock of a worker is behind by two minutes, so that the leases of its jobs, in
// its own time, have ended long ago for others: the jobs stay its own. Asynq's
// recoverer takes them, and they run twice at once.
func TestClockBehindKeepsItsJobs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		other func(t *testing.T, r *rig)
		want  jobs.State
	}{
		"asynq": {func(t *testing.T, r *rig) {
			stock(t, r.redis, asynq.Config{}, func(context.Context, *asynq.Task) error { return nil })
		}, jobs.StateRetry},
		"legwork": {func(_ *testing.T, r *rig) {
			r.worker(nil)
		}, jobs.StateActive},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			started, release := make(chan string, 10), make(chan struct{})
			defer close(release)
			r := newRig(t, inst, func(reg *jobs.Registry) {
				jobs.Handle(reg, "test.block", func(ctx context.Context, _ struct{}) (struct{}, error) {
					started <- jobs.Info(ctx).ID
					<-release
					return struct{}{}, nil
				}, jobs.Options{})
			})
			r.worker(nil)
			id := r.post(client.Enqueue{Type: "test.block"})
			receive(t, started)
			k := store.KeysOf("default")
			behind := time.Now().Add(-2*time.Minute + 30*time.Second)
			if err := inst.Client.ZAddXX(t.Context(), k.Lease(), redisZ(float64(behind.Unix()), id)).Err(); err != nil {
				t.Fatal(err)
			}
			c.other(t, r) // its recoverer looks at once
			select {
			case <-started:
				t.Error("the job runs twice at once")
			case <-time.After(1500 * time.Millisecond):
			}
			if got := inst.Client.HGet(t.Context(), k.Task(id), store.FieldState).Val(); got != string(c.want) {
				t.Errorf("the job is %s, want %s", got, c.want)
			}
		})
	}
}

// The clock of the producer is ahead of, or behind, the worker's: a delayed job
// starts late or early by that much and never gets lost, and jobs without a delay
// know nothing of it. Tokens are counted and grow with each take, whatever the clocks
// say.
func TestClocksThatDiffer(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	tokens := make(chan int64, 10)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.token", func(ctx context.Context, _ struct{}) (struct{}, error) {
			tokens <- jobs.Info(ctx).Token
			if jobs.Info(ctx).Attempt == 1 {
				return struct{}{}, jobs.RetryAfter(context.DeadlineExceeded, time.Hour)
			}
			return struct{}{}, nil
		}, jobs.Options{})
	})
	k := store.KeysOf("default")
	r.worker(nil)
	id := r.post(client.Enqueue{Type: "test.token"})
	first := receive(t, tokens)
	r.until(id, jobs.StateRetry)
	// A minute passes, as it were, and then the clock is set back by it: what was due
	// in an hour is due a minute earlier, or was due a minute ago.
	inst.Client.ZAdd(t.Context(), k.Retry(), redisZ(float64(time.Now().Add(-time.Minute).Unix()), id))
	if second := receive(t, tokens); second <= first {
		t.Errorf("token %d after %d", second, first)
	}
	r.until(id, jobs.StateCompleted)
	early := r.post(client.Enqueue{Type: "test.token", Delay: ptr(client.Duration(time.Minute))})
	select {
	case <-tokens:
		t.Error("a job started before its time by the worker's clock")
	case <-time.After(time.Second):
	}
	r.until(early, jobs.StateScheduled)
}
