package inspect_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"legwork/client"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// draft checks edited jobs with the rig's engine.
func (r *rig) draft(ctx context.Context, q client.Enqueue, from string, front bool) (inspect.Draft, error) {
	d, err := r.engine.Draft(ctx, q, from, front)
	if err != nil {
		return nil, err
	}
	return d, nil
}

func payload(text string) client.JobEdit { return client.JobEdit{Payload: json.RawMessage(text)} }

// mustEdit retries an edited copy that must be accepted.
func (r *rig) mustEdit(id string, edit client.JobEdit) *client.Job {
	r.t.Helper()
	j, err := r.RetryEdited(context.Background(), id, edit, r.draft)
	if err != nil {
		r.t.Fatalf("edit %s: %v", id, err)
	}
	return j
}

// Promise: on every kind of Redis an edited copy of a dead letter runs, in another queue
// too, and has all that was not edited; the dead letter stays, and each names the other.
func TestRetryEditedOnEveryRedis(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		r := newRig(t, inst).spread("many", 3)
		r.t = t
		id := r.post(client.Enqueue{
			Type: "test.ok", Queue: "many", Delay: hours(1), Payload: json.RawMessage(`{"a":1}`), Tags: []string{"red"}, Headers: map[string]string{"X": "y"},
			MaxRetries: ptr(3), Timeout: hours(2), Retention: hours(3),
		})
		if _, err := r.Archive(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		before := r.job(id)
		edit := payload(`{ "a": 2 }`)
		edit.Queue, edit.MaxRetries = "other", ptr(4)
		made := r.mustEdit(id, edit)
		want := *before
		want.ID, want.Queue, want.State, want.MaxRetries, want.Payload, want.RetriedFrom = made.ID, "other", "pending", 4, json.RawMessage(`{ "a": 2 }`), id
		want.CreatedAt, want.RunAt, want.FinishedAt, want.LastError = made.CreatedAt, made.CreatedAt, nil, ""
		if diff := cmp.Diff(&want, made); diff != "" || made.ID == id || made.CreatedAt.Before(before.CreatedAt) {
			t.Errorf("copy, want (-), got (+)\n%s", diff)
		}
		after := *before
		after.RetriedAs = made.ID
		if diff := cmp.Diff(&after, r.job(id)); diff != "" {
			t.Errorf("the job itself, was (-), is (+)\n%s", diff)
		}
		if again := r.mustEdit(id, edit); again.ID != made.ID {
			t.Errorf("the same edit again made job %s, not %s", again.ID, made.ID)
		}
		r.pool("other")
		if j := r.until(made.ID, jobs.StateCompleted); j.Attempt != 1 || j.RetriedFrom != id {
			t.Errorf("copy = %+v", j)
		}
		if again := r.mustEdit(id, edit); again.ID != made.ID || again.State != "completed" {
			t.Errorf("the same edit of a copy that has ended = %+v", again)
		}
		if j := r.job(id); j.State != "archived" || j.RetriedAs != made.ID {
			t.Errorf("the job itself = %+v", j)
		}
	})
}

// Promise: while the copy of one edit exists, the job is not retried again in any way;
// once it is deleted, the job can be, and is then as if it had never been edited.
func TestEditedJobIsLeftToItsCopy(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	a, _ := r.crew()
	id := r.dead("q", 1)[0]
	made := r.mustEdit(id, payload(`1`))
	_, other := r.RetryEdited(t.Context(), id, payload(`2`), r.draft)
	_, plain := r.Retry(t.Context(), id)
	for what, err := range map[string]error{"another edit": other, "a plain retry": plain} {
		if code(err) != jobs.CodeConflict || !strings.Contains(err.Error(), made.ID) {
			t.Errorf("%s: %v, want a conflict that names %s", what, err, made.ID)
		}
	}
	for _, q := range []client.ActionRequest{
		{Action: client.ActionRetry, IDs: []string{id}}, {Action: client.ActionReschedule, IDs: []string{id}, Delay: hours(1)},
		{Action: client.ActionRetry, Filter: &client.JobFilter{Queue: "q", State: "archived"}},
	} {
		if out := ended(t, a, order(t, a, q).ID); out.Done != 0 || out.Reasons["edited"] != 1 {
			t.Errorf("%s: %+v", q.Action, out)
		}
	}
	if err := r.Delete(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := r.RetryEdited(t.Context(), id, payload(`1`), r.draft); code(err) != jobs.CodeConflict || !strings.Contains(err.Error(), "not kept any more") {
		t.Errorf("the same edit after its copy was deleted: %v", err)
	}
	second := r.mustEdit(id, payload(`2`))
	if second.ID == made.ID {
		t.Error("another edit has the id of the first")
	}
	if err := r.Delete(t.Context(), second.ID); err != nil {
		t.Fatal(err)
	}
	j, err := r.RetryFirst(t.Context(), id)
	if err != nil || j.State != "pending" || j.RetriedAs != "" {
		t.Errorf("plain retry after the copies were deleted: %+v %v", j, err)
	}
	if j := r.job(id); j.RetriedAs != "" {
		t.Errorf("job = %+v", j)
	}
}

// Promise: a job that has not ended, or is no more, is refused, and nothing is noted.
func TestEditRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	stop := r.pool("work")
	for state, id := range r.eachState("edit") {
		_, err := r.RetryEdited(t.Context(), id, payload(`1`), r.draft)
		if want := !state.Final(); want != (code(err) == jobs.CodeConflict) {
			t.Errorf("%s: %v", state, err)
		}
		if j := r.job(id); (j.RetriedAs != "") != state.Final() {
			t.Errorf("%s = %+v", state, j)
		}
	}
	close(r.release)
	stop()
	if _, err := r.RetryEdited(t.Context(), "nobody", payload(`1`), r.draft); code(err) != jobs.CodeNotFound {
		t.Errorf("no job: %v", err)
	}
	id := r.dead("q", 1)[0]
	for name, edit := range map[string]client.JobEdit{
		"a queue that cannot be": {Queue: "No!"}, "retries": {MaxRetries: ptr(-1)}, "times": {Delay: hours(1), RunAt: ptr(r.job(id).CreatedAt)},
		"timeout": {Timeout: ptr(client.Duration(1))}, "deadline": {Deadline: ptr(r.job(id).CreatedAt)},
		"size": payload(`"` + strings.Repeat("x", 300<<10) + `"`),
	} {
		if _, err := r.RetryEdited(t.Context(), id, edit, r.draft); code(err) != jobs.CodeInvalidRequest && code(err) != jobs.CodeTooLarge {
			t.Errorf("%s: %v", name, err)
		}
	}
	if raw := r.redis.HGet(t.Context(), store.KeysOf("q").Task(id), store.FieldRetriedAs).Val(); raw != "" {
		t.Errorf("noted: %q", raw)
	}
}

// Promise: whichever call of an edit is lost, or its answer, asking for the same edit
// again makes it once: one copy, which runs once, also when nothing is kept of it.
func TestEditWhenCallsAreLost(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst)
	inst.Client = inst.Open()
	inst.Client.AddHook(&faults{})
	shaky := newRig(t, inst)
	stop := r.pool("copies")
	const many = 60
	ids := r.dead("q", many/2)
	for range many / 2 {
		id := r.post(client.Enqueue{Type: "test.gone", Queue: "q", Delay: hours(1)})
		if _, err := r.Archive(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	for n, id := range ids {
		edit := payload(strconv.Itoa(n))
		edit.Queue = "copies"
		seen := map[string]bool{}
		eventually(t, func() bool {
			if as := r.job(id).RetriedAs; as != "" {
				seen[as] = true
			}
			_, err := shaky.RetryEdited(t.Context(), id, edit, shaky.draft)
			if err == nil {
				return true
			}
			gone := n >= many/2 && code(err) == jobs.CodeConflict && strings.Contains(err.Error(), "not kept any more")
			if code(err) != jobs.CodeUnavailable && !gone {
				t.Fatalf("edit: %v", err)
			}
			return gone
		}, func() string { return "the edit does not succeed" })
		if seen[r.job(id).RetriedAs] = true; len(seen) != 1 {
			t.Errorf("%s came to have the copies %v", id, seen)
		}
	}
	k := store.KeysOf("copies")
	ran := func() int { return number(r.redis.Get(t.Context(), k.Processed()).Val()) }
	eventually(t, func() bool {
		return ran() >= many && len(r.list(client.JobFilter{Queue: "copies", State: "pending"})) == 0
	},
		func() string { return "the copies do not run" })
	stop()
	if n := ran(); n != many {
		t.Errorf("%d copies ran, want %d", n, many)
	}
	if kept := r.list(client.JobFilter{Queue: "copies"}); len(kept) != many/2 {
		t.Errorf("%d copies are kept, want %d", len(kept), many/2)
	}
}

// Promise: of edits and plain retries of one job at the same time one wins, the others
// are told so, and the job runs once, as one of them.
func TestEditsAtTheSameTime(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	for _, id := range r.dead("q", 30) {
		var all sync.WaitGroup
		results := make([]string, 9) // id of the job that it came to
		for n := range results {
			all.Go(func() {
				var j *client.Job
				var err error
				if n%3 == 2 {
					j, err = r.Retry(t.Context(), id)
				} else {
					j, err = r.RetryEdited(t.Context(), id, payload(strconv.Itoa(n%3)), r.draft)
				}
				switch {
				case err == nil:
					results[n] = j.ID
				case code(err) != jobs.CodeConflict:
					t.Errorf("%v", err)
				}
			})
		}
		all.Wait()
		winners := map[string]bool{}
		for _, w := range results {
			if w != "" {
				winners[w] = true
			}
		}
		if pending := r.list(client.JobFilter{Queue: "q", State: "pending"}); len(winners) != 1 || len(pending) != 1 || !winners[pending[0]] {
			t.Fatalf("%v won; pending are %v", winners, pending)
		}
		for w := range winners {
			if err := r.Delete(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Promise: a full Redis refuses an edited copy as it refuses a new job, and the dead
// letter is as before; with room again the same and any other edit succeed.
func TestEditOnFullRedis(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst)
	ids := r.dead("q", 2)
	fill := func(limit string) {
		if err := inst.Client.ConfigSet(t.Context(), "maxmemory", limit).Err(); err != nil {
			t.Fatal(err)
		}
	}
	fill("1")
	for _, id := range ids {
		_, err := r.RetryEdited(t.Context(), id, payload(`1`), r.draft)
		if code(err) != jobs.CodeUnavailable {
			t.Errorf("%v, want that Redis is full", err)
		}
		if as := inst.Client.HExists(t.Context(), store.KeysOf("q").Task(id), store.FieldRetriedAs).Val(); as {
			t.Error("a copy is noted that was not stored")
		}
	}
	fill("0")
	for n, id := range ids {
		eventually(t, func() bool {
			_, err := r.RetryEdited(t.Context(), id, payload(strconv.Itoa(n+1)), r.draft)
			return err == nil
		}, func() string { return "Redis stays full" })
	}
}

// Promise: a copy that was announced and never came is made by the same edit at once,
// and bars another one for a minute only.
func TestEditAfterACrash(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	crash := func(ctx context.Context, q client.Enqueue, from string, front bool) (inspect.Draft, error) {
		d, err := r.draft(ctx, q, from, front)
		return lost{d}, err
	}
	ids := r.dead("q", 2)
	for _, id := range ids {
		if _, err := r.RetryEdited(t.Context(), id, payload(`1`), crash); !errors.Is(err, errLostDraft) {
			t.Fatalf("%v", err)
		}
		_, other := r.RetryEdited(t.Context(), id, payload(`2`), r.draft)
		_, plain := r.Retry(t.Context(), id)
		if code(other) != jobs.CodeConflict || code(plain) != jobs.CodeConflict {
			t.Errorf("another edit: %v, plain retry: %v", other, plain)
		}
	}
	announced := r.job(ids[0]).RetriedAs
	if j := r.mustEdit(ids[0], payload(`1`)); j.ID != announced {
		t.Errorf("the same edit made %s, not %s", j.ID, announced)
	}
	const old = "01900000-0000-7000-8000-000000000000" // of 2024
	key := store.KeysOf("q").Task(ids[1])
	r.redis.HSet(t.Context(), key, store.FieldRetriedAs, strings.Replace(r.redis.HGet(t.Context(), key, store.FieldRetriedAs).Val(), r.job(ids[1]).RetriedAs, old, 1))
	if j := r.mustEdit(ids[1], payload(`2`)); j.ID == old {
		t.Error("another edit went on with the first one's id")
	}
}

var errLostDraft = &jobs.Error{Code: jobs.CodeUnavailable, Message: "the process died"}

// lost is a draft whose process dies before it is stored.
type lost struct{ inspect.Draft }

func (lost) Store(context.Context) error { return errLostDraft }
