package inspect_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: on every kind of Redis a job that waits is changed where it is, and nothing
// else of it; one that runs or has ended is refused.
func TestAmendOnEveryRedis(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		r := newRig(t, inst)
		r.t = t
		stop := r.pool("work")
		ids := r.eachState("amend")
		for state, id := range ids {
			before := r.job(id)
			j, err := r.Amend(t.Context(), id, payload(`{"new":1}`), r.draft)
			if state.Final() || state == jobs.StateActive {
				if code(err) != jobs.CodeConflict {
					t.Errorf("%s: %v", state, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", state, err)
				continue
			}
			if diff := cmp.Diff(before, j, cmpopts.IgnoreFields(client.Job{}, "Payload")); diff != "" || string(j.Payload) != `{"new":1}` {
				t.Errorf("%s, was (-), is (+) %s\n%s", state, j.Payload, diff)
			}
			if diff := cmp.Diff(j, r.job(id)); diff != "" {
				t.Errorf("%s, told (-), is (+)\n%s", state, diff)
			}
		}
		later := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Second)
		for state, want := range map[jobs.State]jobs.State{jobs.StatePending: jobs.StateScheduled, jobs.StateScheduled: jobs.StateScheduled, jobs.StateRetry: jobs.StateRetry} {
			j, err := r.Amend(t.Context(), ids[state], client.JobEdit{RunAt: &later, MaxRetries: ptr(7)}, r.draft)
			if err != nil || j.State != string(want) || !j.NextRunAt.Equal(later) || !j.RunAt.Equal(later) || j.MaxRetries != 7 {
				t.Errorf("%s to %s: %+v %v", state, later, j, err)
			}
			if diff := cmp.Diff(j, r.job(ids[state])); diff != "" {
				t.Errorf("%s, told (-), is (+)\n%s", state, diff)
			}
		}
		for _, queue := range []string{"work", "idle"} {
			r.indexed(queue)
			for _, id := range ids {
				r.sound(queue, id)
			}
		}
		close(r.release)
		for _, state := range []jobs.State{jobs.StateScheduled, jobs.StateRetry} {
			if _, err := r.Amend(t.Context(), ids[state], client.JobEdit{Delay: ptr(client.Duration(0))}, r.draft); err != nil {
				t.Errorf("%s at once: %v", state, err)
			}
		}
		r.until(ids[jobs.StateScheduled], jobs.StateCompleted)
		eventually(t, func() bool { return r.job(ids[jobs.StateRetry]).FailedAttempts == 2 }, func() string { return "the retry is not brought forward" })
		stop()
	})
}

// Promise: what a change cannot mean is refused with the field that is wrong.
func TestAmendRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	id := r.post(client.Enqueue{Type: "test.ok", Queue: "q", Delay: hours(1)})
	before := r.redis.HGetAll(t.Context(), store.KeysOf("q").Task(id)).Val()
	for pointer, edit := range map[string]client.JobEdit{
		"/queue":       {Queue: "other"},
		"/front":       {Front: true, MaxRetries: ptr(1)},
		"to change":    {},
		"/delay":       {Delay: hours(-1)},
		"/run_at":      {RunAt: ptr(time.Unix(0, 0))},
		"/max_retries": {MaxRetries: ptr(-1)},
		"/timeout":     {Timeout: ptr(client.Duration(1))},
		"/deadline":    {Deadline: ptr(time.Now().Add(-time.Hour))},
	} {
		if _, err := r.Amend(t.Context(), id, edit, r.draft); code(err) != jobs.CodeInvalidRequest || !strings.Contains(err.Error(), pointer) {
			t.Errorf("%s: %v", pointer, err)
		}
	}
	if _, err := r.Amend(t.Context(), "nobody", payload(`1`), r.draft); code(err) != jobs.CodeNotFound {
		t.Errorf("no job: %v", err)
	}
	if diff := cmp.Diff(before, r.redis.HGetAll(t.Context(), store.KeysOf("q").Task(id)).Val()); diff != "" {
		t.Errorf("was (-), is (+)\n%s", diff)
	}
}
