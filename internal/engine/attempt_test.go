package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// dies is a registry of types that fail in every way.
func dies(reg *jobs.Registry) {
	once := jobs.Options{MaxRetries: jobs.NoRetries}
	jobs.Handle(reg, "test.error", func(context.Context, struct{}) (struct{}, error) {
		return struct{}{}, jobs.RetryAfter(errors.New("no such customer "+strings.Repeat("x", 10_000)), 20*time.Millisecond)
	}, jobs.Options{MaxRetries: 1})
	jobs.Handle(reg, "test.panic", func(context.Context, struct{}) (struct{}, error) { panic("oh no") }, once)
	jobs.Handle(reg, "test.slow", func(ctx context.Context, _ struct{}) (struct{}, error) {
		<-ctx.Done()
		return struct{}{}, ctx.Err()
	}, jobs.Options{MaxRetries: jobs.NoRetries, Timeout: time.Second})
	jobs.Handle(reg, "test.again", func(context.Context, struct{}) (struct{}, error) {
		return struct{}{}, jobs.RetryAfter(errors.New("once more"), 0)
	}, jobs.Options{MaxRetries: store.AttemptsMax + 4})
}

// dead waits until the job is a dead letter, and returns it.
func (r *rig) dead(id string) *client.Job {
	r.t.Helper()
	var j *client.Job
	eventually(r.t, func() bool {
		var err error
		j, err = r.inspect.Job(context.Background(), id)
		return err == nil && j.State == string(jobs.StateArchived)
	}, func() string { return "the job does not become a dead letter" })
	return j
}

// Every failed attempt is kept with number, start, duration, worker, error, kind and
// the delay chosen, whatever made it fail.
func TestAttemptsAreKept(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, dies)
	began := time.Now().Add(-time.Millisecond)
	w := r.worker(nil)
	for _, c := range []struct {
		name, kind string
		attempts   int
	}{{"test.error", store.KindError, 2}, {"test.panic", store.KindPanic, 1}, {"test.slow", store.KindTimeout, 1}} {
		t.Run(c.kind, func(t *testing.T) {
			j := r.dead(r.post(client.Enqueue{Type: c.name}))
			if len(j.Attempts) != c.attempts || j.FailedAttempts != c.attempts {
				t.Fatalf("%d attempts kept, %d counted, want %d", len(j.Attempts), j.FailedAttempts, c.attempts)
			}
			for n, a := range j.Attempts {
				last := n == c.attempts-1
				if a.Number != n+1 || a.Kind != c.kind || a.Worker != w.ID || a.Host == "" || len(a.Fingerprint) != 16 || a.Final != last || (a.Delay == nil) != last {
					t.Errorf("attempt %d: %+v", n+1, a)
				}
				if a.StartedAt == nil || a.StartedAt.Before(began.Truncate(time.Millisecond)) || a.EndedAt.Before(*a.StartedAt) || len(a.Error) > 8<<10+6 || a.Error == "" {
					t.Errorf("attempt %d: started %v, ended %v, %d bytes of error", n+1, a.StartedAt, a.EndedAt, len(a.Error))
				}
			}
			first := j.Attempts[0]
			if c.kind == store.KindPanic && !strings.Contains(first.Stack, "attempt_test.go") {
				t.Errorf("the stack does not name the place of the panic:\n%s", first.Stack)
			}
			if c.kind == store.KindTimeout && time.Duration(first.Duration) < time.Second {
				t.Errorf("the attempt took %s", first.Duration)
			}
			if c.kind == store.KindError && time.Duration(*first.Delay) != 20*time.Millisecond {
				t.Errorf("the delay is %s", first.Delay)
			}
			indexed(t, inst, "archived", c.name, first.Fingerprint, j.ID)
		})
	}
}

// indexed checks that the job stands in the indexes of its state, once each.
func indexed(t *testing.T, inst storetest.Instance, state, jobType, fingerprint, id string) {
	t.Helper()
	k := store.KeysOf("default")
	score := inst.Client.ZScore(t.Context(), k.State(state), id).Val()
	for kind, value := range map[string]string{store.IndexType: jobType, store.IndexFingerprint: fingerprint} {
		got, err := inst.Client.ZScore(t.Context(), k.Index(state, kind, value), id).Result()
		if err != nil || got != score {
			t.Errorf("index of %s by %s %q: score %v, %v; the set has %v", state, kind, value, got, err, score)
		}
	}
}

// The last 50 attempts of a job are kept, and all are counted; they go with the job.
func TestAttemptsAreBounded(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, dies)
	r.worker(nil)
	j := r.dead(r.post(client.Enqueue{Type: "test.again"}))
	if len(j.Attempts) != store.AttemptsMax || j.FailedAttempts != store.AttemptsMax+5 {
		t.Fatalf("%d attempts kept, %d counted", len(j.Attempts), j.FailedAttempts)
	}
	for n, a := range j.Attempts {
		if a.Number != n+6 {
			t.Fatalf("attempt %d stands at place %d", a.Number, n)
		}
	}
	if err := r.inspect.Delete(t.Context(), j.ID); err != nil {
		t.Fatal(err)
	}
	for _, key := range inst.Client.Keys(t.Context(), "asynq:{default}:lw_by:*").Val() {
		t.Errorf("%s is left", key)
	}
	if n := inst.Client.SCard(t.Context(), store.KeysOf("default").Indexes()).Val(); n != 0 {
		t.Errorf("%d indexes are named and none is left", n)
	}
}

// A job that somebody cancels while it runs has an attempt that says so, and a dead
// letter that is retried leaves the index.
func TestCancelledAttempt(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, dies)
	w := r.worker(nil)
	id := r.post(client.Enqueue{Type: "test.slow", Timeout: ptr(client.Duration(time.Minute))})
	eventually(t, func() bool { return startedOf(t, inst, id) }, func() string { return "the job does not start" })
	if _, err := r.inspect.Cancel(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	j := r.dead(id)
	if len(j.Attempts) != 1 || j.Attempts[0].Kind != store.KindCancelled {
		t.Fatalf("attempts: %+v", j.Attempts)
	}
	if err := w.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := r.inspect.Retry(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if n := inst.Client.Exists(t.Context(), store.KeysOf("default").Index("archived", store.IndexType, "test.slow")).Val(); n != 0 {
		t.Error("a job that was retried is still among the dead letters of its type")
	}
}

// Attempts that asynq's own scripts end are recorded, too.
func TestAttemptEndedByAsynq(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, dies)
	r.worker(func(o *options) { o.Plain = []engine.Behaviour{engine.Acknowledge} })
	id := r.post(client.Enqueue{Type: "test.panic"})
	eventually(t, func() bool {
		j, err := r.inspect.Job(t.Context(), id)
		return err == nil && len(j.Attempts) == 1 && j.Attempts[0].Final && strings.Contains(j.Attempts[0].Error, "oh no")
	}, func() string { return "the attempt is not recorded" })
}

// While a job waits for its next attempt it is indexed as such, and not afterwards.
func TestRetryIndex(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.twice", func(ctx context.Context, _ struct{}) (struct{}, error) {
			if jobs.Info(ctx).Attempt > 1 {
				return struct{}{}, nil
			}
			return struct{}{}, jobs.RetryAfter(errors.New("not yet"), time.Second)
		}, jobs.Options{})
	})
	r.worker(nil)
	id := r.post(client.Enqueue{Type: "test.twice", Retention: ptr(client.Duration(time.Hour))})
	var j *client.Job
	eventually(t, func() bool {
		j, _ = r.inspect.Job(t.Context(), id)
		return j != nil && j.State == string(jobs.StateRetry)
	}, func() string { return "the job does not wait for its next attempt" })
	indexed(t, inst, "retry", "test.twice", j.Attempts[0].Fingerprint, id)
	eventually(t, func() bool {
		j, _ = r.inspect.Job(t.Context(), id)
		return j != nil && j.State == string(jobs.StateCompleted)
	}, func() string { return "the job does not run again" })
	if keys := inst.Client.Keys(t.Context(), "asynq:{default}:lw_by:*").Val(); len(keys) > 0 {
		t.Errorf("left behind: %v", keys)
	}
}
