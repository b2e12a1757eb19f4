package inspect_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/hibiken/asynq"

	"legwork/client"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// act is an action on one job.
type act func(*rig, string) error

func actions() map[string]act {
	return map[string]act{
		"retry":   func(r *rig, id string) error { _, err := r.Retry(context.Background(), id); return err },
		"cancel":  func(r *rig, id string) error { _, err := r.Cancel(context.Background(), id); return err },
		"archive": func(r *rig, id string) error { _, err := r.Archive(context.Background(), id); return err },
		"delete":  func(r *rig, id string) error { return r.Delete(context.Background(), id) },
	}
}

// outcome is the state that an action leaves a job in; "" for gone, and the
// state it was in for a conflict.
func outcome(action string, from jobs.State) (to jobs.State, refused bool) {
	waits := from == jobs.StatePending || from == jobs.StateScheduled || from == jobs.StateRetry
	switch {
	case action == "delete" && from != jobs.StateActive:
		return "", false
	case action == "retry" && from != jobs.StateActive && from != jobs.StatePending:
		return jobs.StatePending, false
	case (action == "cancel" || action == "archive") && waits:
		return jobs.StateArchived, false
	case action == "cancel" && from == jobs.StateActive:
		return from, false
	}
	return from, true
}

// eachState makes a job in each state for the action and returns their ids.
func (r *rig) eachState(action string) map[jobs.State]string {
	r.t.Helper()
	ids := map[jobs.State]string{}
	for state, q := range map[jobs.State]client.Enqueue{
		jobs.StateCompleted: {Type: "test.ok"}, jobs.StateArchived: {Type: "test.die"}, jobs.StateRetry: {Type: "test.fail"},
		jobs.StateActive: {Type: "test.hold"}, jobs.StatePending: {Type: "test.ok", Queue: "idle"}, jobs.StateScheduled: {Type: "test.ok", Delay: hours(1)},
	} {
		q.ID = action + "-" + string(state)
		if q.Queue == "" {
			q.Queue = "work"
		}
		ids[state] = r.post(q)
	}
	for state, id := range ids {
		r.until(id, state)
	}
	return ids
}

// Promise: on every kind of Redis each action moves a job from each state where
// it should, or leaves it alone; asynq's own inspector agrees on the result, and
// what is pending then runs.
func TestActionsOnEveryRedis(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		r := newRig(t, inst)
		r.t = t
		stop := r.pool("work")
		made := map[string]map[jobs.State]string{}
		for action := range actions() {
			made[action] = r.eachState(action)
		}
		if _, err := r.Pause(t.Context(), "work", nil); err != nil {
			t.Fatal(err)
		}
		var pending []string
		for action, do := range actions() {
			for from, id := range made[action] {
				to, refused := outcome(action, from)
				if err := do(r, id); refused != (err != nil) || refused && jobs.CodeOf(err) != jobs.CodeConflict {
					t.Errorf("%s %s: %v", action, from, err)
				}
				queue := "work"
				if from == jobs.StatePending {
					queue = "idle"
				}
				if from != jobs.StateActive {
					r.agree(t, queue, id, to)
				}
				if to == jobs.StatePending {
					pending = append(pending, id)
				}
			}
		}
		r.until("cancel-active", jobs.StateArchived)
		close(r.release)
		if _, err := r.Resume(t.Context(), "work", nil); err != nil {
			t.Fatal(err)
		}
		r.pool("idle")
		for _, id := range pending {
			want := jobs.StateCompleted
			switch {
			case strings.HasSuffix(id, "archived"):
				want = jobs.StateArchived
			case strings.HasSuffix(id, "-retry"):
				want = jobs.StateRetry
			}
			r.until(id, want)
		}
		stop()
	})
}

// agree checks the job's place against its state, and with asynq's inspector.
func (r *rig) agree(t *testing.T, queue, id string, want jobs.State) {
	t.Helper()
	r.sound(queue, id)
	info, err := r.asynq.GetTaskInfo(queue, id)
	if want == "" {
		if !errors.Is(err, asynq.ErrTaskNotFound) || code(func() error { _, err := r.Job(t.Context(), id); return err }()) != jobs.CodeNotFound {
			t.Errorf("job %s is still there: %+v %v", id, info, err)
		}
		return
	}
	if err != nil || info.State.String() != string(want) {
		t.Fatalf("asynq on job %s: %+v %v, want %s", id, info, err, want)
	}
	if j := r.job(id); j.State != string(want) || j.MaxRetries != info.MaxRetry || j.Type != info.Type || j.LastError != info.LastErr {
		t.Errorf("job = %+v, asynq says %+v", j, info)
	}
}

// Promise: asynq counts the same jobs in the same states as the inspector does,
// and pauses and resumes with it.
func TestQueuesAgreeWithAsynq(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	r.pool("work")
	r.eachState("x")
	for _, paused := range []bool{true, true, false, false} {
		change := r.Resume
		if paused {
			change = r.Pause
		}
		if _, err := change(t.Context(), "work", nil); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"work", "idle"} {
			q, err := r.Queue(t.Context(), name, nil)
			if err != nil {
				t.Fatal(err)
			}
			info, err := r.asynq.GetQueueInfo(name)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]int{
				"pending": info.Pending, "active": info.Active, "scheduled": info.Scheduled, "retry": info.Retry, "archived": info.Archived, "completed": info.Completed,
			}
			if fmt.Sprint(want) != fmt.Sprint(q.States) || q.Paused != info.Paused || int(q.ProcessedTotal) != info.ProcessedTotal || int(q.FailedTotal) != info.FailedTotal {
				t.Errorf("queue = %+v, asynq says %+v", q, info)
			}
			if (name == "idle") != (q.OldestPendingAge > 0) || q.Paused != (paused && name == "work") {
				t.Errorf("queue = %+v", q)
			}
		}
	}
}

// Promise: a dead letter that is retried has its attempts again, keeps its last
// error until it ends, and may die again; a job that waits for its next attempt
// goes on counting.
func TestRetryStartsAfresh(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	stop := r.pool("default")
	dead := r.post(client.Enqueue{Type: "test.fail", MaxRetries: ptr(1)})
	if j := r.until(dead, jobs.StateRetry); j.Attempt != 1 {
		t.Errorf("attempt = %d", j.Attempt)
	}
	again, err := r.Retry(t.Context(), dead)
	if err != nil || again.State != "pending" || again.Attempt != 1 || again.LastError != "no luck" || again.NextRunAt != nil {
		t.Errorf("retry = %+v, %v", again, err)
	}
	if j := r.until(dead, jobs.StateArchived); j.Attempt != 2 || j.LastError != "no luck" || j.FinishedAt == nil {
		t.Errorf("dead letter = %+v", j)
	}
	fresh, err := r.Retry(t.Context(), dead)
	if err != nil || fresh.State != "pending" || fresh.Attempt != 0 || fresh.FinishedAt != nil {
		t.Errorf("retry = %+v, %v", fresh, err)
	}
	if j := r.until(dead, jobs.StateRetry); j.Attempt != 1 {
		t.Errorf("attempt = %d, want the count to begin again", j.Attempt)
	}
	done := r.post(client.Enqueue{Type: "test.ok"})
	r.until(done, jobs.StateCompleted)
	stop()
	j, err := r.Retry(t.Context(), done)
	if err != nil || j.State != "pending" || j.Attempt != 0 || j.Result != nil || j.FinishedAt != nil {
		t.Errorf("retry of a completed job = %+v, %v", j, err)
	}
}
