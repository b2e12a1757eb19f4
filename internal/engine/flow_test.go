package engine_test

import (
	"context"
	"encoding/json"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

type sum struct {
	A int64 `json:"a"`
	B int64 `json:"b"`
}

// A job goes in, runs, and its result comes out, on every kind of Redis.
func TestJobRunsOnEveryRedis(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		r := newRig(t, inst, func(reg *jobs.Registry) {
			jobs.Handle(reg, "math.add", func(ctx context.Context, in sum) (map[string]any, error) {
				i := jobs.Info(ctx)
				return map[string]any{"sum": in.A + in.B, "attempt": i.Attempt, "tenant": i.Headers["tenant"], "tags": i.Tags}, nil
			}, jobs.Options{})
		})
		r.worker(nil)
		id := r.post(client.Enqueue{
			Type: "math.add", Payload: json.RawMessage(`{"a":9007199254740993,"b":1}`),
			Headers: map[string]string{"tenant": "acme"}, Tags: []string{"blue"},
		})
		later := r.post(client.Enqueue{Type: "math.add", Payload: json.RawMessage(`{"a":1,"b":1}`), Delay: ptr(client.Duration(1200 * time.Millisecond))})

		j := r.until(id, jobs.StateCompleted)
		want := `{"attempt":1,"sum":9007199254740994,"tags":["blue"],"tenant":"acme"}`
		if string(j.Result) != want || j.Attempt != 1 || j.FinishedAt == nil || j.LastError != "" {
			t.Errorf("job = %+v, result %s, want %s", j, j.Result, want)
		}
		if string(j.Payload) != `{"a":9007199254740993,"b":1}` {
			t.Errorf("payload = %s: big integers must survive", j.Payload)
		}
		if j := r.until(later, jobs.StateCompleted); j.FinishedAt.Before(j.RunAt) {
			t.Errorf("delayed job finished at %s, before its start time %s", j.FinishedAt, j.RunAt)
		}
		if list, err := r.inspect.Jobs(t.Context(), client.JobFilter{State: "completed"}); err != nil || len(list.Jobs) != 2 {
			t.Errorf("completed jobs = %+v, %v; want 2", list, err)
		}
	})
}

// Each thing a handler may return has its promised end.
func TestHandlerOutcomes(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	type mode struct {
		Mode string `json:"mode"`
	}
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.end", func(ctx context.Context, in mode) (string, error) {
			attempt := jobs.Info(ctx).Attempt
			switch in.Mode {
			case "retry":
				if attempt == 1 {
					return "", errors.New("no luck")
				}
			case "retry-after":
				if attempt == 1 {
					return "", jobs.RetryAfter(errors.New("busy"), 0)
				}
			case "permanent":
				return "", jobs.Permanent(errors.New("never"))
			case "discard":
				return "", jobs.Discard("too late")
			case "panic":
				panic("boom")
			case "goexit":
				runtime.Goexit()
			case "timeout":
				<-ctx.Done()
				return "", ctx.Err()
			case "unencodable":
				return strings.Repeat("x", 300<<10), nil
			}
			return "fine", nil
		}, jobs.Options{Backoff: quick()})
	})
	r.worker(nil)
	for _, c := range []struct {
		mode    string
		retries int
		state   jobs.State
		attempt int
		err     string
	}{
		{"ok", 3, jobs.StateCompleted, 1, ""},
		{"retry", 3, jobs.StateCompleted, 2, "no luck"},
		{"retry", 0, jobs.StateArchived, 1, "no luck"},
		{"retry-after", 3, jobs.StateCompleted, 2, "busy"},
		{"permanent", 3, jobs.StateArchived, 1, "never"},
		{"discard", 3, jobs.StateCompleted, 1, ""},
		{"panic", 0, jobs.StateArchived, 1, "panic: boom"},
		{"goexit", 0, jobs.StateArchived, 1, "runtime.Goexit"},
		{"timeout", 0, jobs.StateArchived, 1, "timeout after 1s"},
		{"unencodable", 3, jobs.StateArchived, 1, "the limit is 262144"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			t.Parallel()
			payload, _ := json.Marshal(mode{c.mode})
			id := r.post(client.Enqueue{Type: "test.end", Payload: payload, MaxRetries: &c.retries, Timeout: ptr(client.Duration(time.Second))})
			j := r.until(id, c.state)
			if j.Attempt != c.attempt || !strings.Contains(j.LastError, c.err) || (c.err == "") != (j.LastError == "") {
				t.Errorf("attempt %d, error %q; want %d, %q", j.Attempt, j.LastError, c.attempt, c.err)
			}
			if c.mode == "discard" && (j.Discarded != "too late" || j.Result != nil) {
				t.Errorf("discarded = %q, result %s", j.Discarded, j.Result)
			}
		})
	}
}

// Snooze uses up no attempt, not even the last one: asynq alone would archive
// such a job.
func TestSnoozeUsesNoAttempt(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	runs := make(chan int, 10)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		n := 0
		jobs.Handle(reg, "test.snooze", func(ctx context.Context, _ struct{}) (struct{}, error) {
			n++
			runs <- jobs.Info(ctx).Attempt
			if n < 3 {
				return struct{}{}, jobs.Snooze(time.Second)
			}
			return struct{}{}, nil
		}, jobs.Options{MaxRetries: jobs.NoRetries})
	})
	r.worker(nil)
	id := r.post(client.Enqueue{Type: "test.snooze"})
	for range 3 {
		if attempt := receive(t, runs); attempt != 1 {
			t.Errorf("attempt = %d, want 1 every time", attempt)
		}
	}
	if j := r.until(id, jobs.StateCompleted); j.Attempt != 1 || j.LastError != "" {
		t.Errorf("job = %+v", j)
	}
}

// A deadline ends the attempts: none runs beyond it, and none is scheduled there.
func TestDeadlineEndsAttempts(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.fail", func(_ context.Context, _ struct{}) (struct{}, error) {
			return struct{}{}, errors.New("no luck")
		}, jobs.Options{Backoff: jobs.Backoff{Initial: time.Hour}})
	})
	id := r.post(client.Enqueue{Type: "test.fail", Deadline: ptr(time.Now().Add(time.Minute))})
	passed := r.post(client.Enqueue{Type: "test.fail", Deadline: ptr(time.Now().Add(50 * time.Millisecond))})
	time.Sleep(60 * time.Millisecond) // the deadline itself is what is waited for
	r.worker(nil)
	if j := r.until(id, jobs.StateArchived); !strings.Contains(j.LastError, "no luck (no retry") {
		t.Errorf("last error = %q", j.LastError)
	}
	if j := r.until(passed, jobs.StateArchived); !strings.Contains(j.LastError, "deadline has passed") {
		t.Errorf("last error = %q", j.LastError)
	}
}

// A completed job goes when its retention has passed; retention zero keeps nothing.
func TestRetention(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.ok", func(context.Context, struct{}) (string, error) { return "kept", nil }, jobs.Options{})
	})
	gone := r.post(client.Enqueue{Type: "test.ok", Retention: ptr(client.Duration(0))})
	kept := r.post(client.Enqueue{Type: "test.ok"})
	r.worker(nil)
	if j := r.until(kept, jobs.StateCompleted); time.Duration(j.Retention) != 24*time.Hour {
		t.Errorf("retention = %s, want the default of 24h", j.Retention)
	}
	eventually(t, func() bool {
		_, err := r.inspect.Job(t.Context(), gone)
		return jobs.CodeOf(err) == jobs.CodeNotFound
	}, func() string { return "the job with retention 0s is still there" })
}
