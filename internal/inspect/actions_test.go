package inspect_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// crew returns Actions that look often; they run until the test ends or stop is called.
func (r *rig) crew() (a *inspect.Actions, stop func()) {
	r.t.Helper()
	a = inspect.NewActions(r.Inspector, inspect.ActionsOptions{Look: 20 * time.Millisecond, Lease: time.Second, Log: slog.New(slog.DiscardHandler)})
	if err := a.Start(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	stop = func() { _ = a.Stop(context.Background()) }
	r.t.Cleanup(stop)
	return a, stop
}

// order orders an action that must be accepted.
func order(t testing.TB, a *inspect.Actions, q client.ActionRequest) *client.Action {
	t.Helper()
	out, err := a.Order(context.Background(), q)
	if err != nil {
		t.Fatalf("order %+v: %v", q, err)
	}
	return out
}

// ended waits for the action's end.
func ended(t testing.TB, a *inspect.Actions, id string) *client.Action {
	t.Helper()
	var last *client.Action
	eventually(t, func() bool {
		var err error
		if last, err = a.Action(context.Background(), id); err != nil {
			t.Fatalf("action %s: %v", id, err)
		}
		return last.Finished()
	}, func() string { return fmt.Sprintf("action is still %+v", last) })
	return last
}

// dead makes n dead letters of a queue, and returns their ids.
func (r *rig) dead(queue string, n int) []string {
	r.t.Helper()
	var ids []string
	for range n {
		ids = append(ids, r.post(client.Enqueue{Type: "test.ok", Queue: queue, Delay: hours(1)}))
	}
	for _, id := range ids {
		if _, err := r.Archive(context.Background(), id); err != nil {
			r.t.Fatal(err)
		}
	}
	return ids
}

// Promise: on every kind of Redis each action does to many jobs, named or filtered,
// what it does to one, counts each once, and leaves each in one place and the indexes
// as they should be.
func TestActionsOverManyJobs(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		r := newRig(t, inst)
		r.t = t
		a, _ := r.crew()
		stop := r.pool("work")
		for _, verb := range []string{client.ActionRetry, client.ActionArchive, client.ActionDelete, client.ActionCancel} {
			made := r.eachState(verb)
			if verb == client.ActionCancel { // the one in work runs on
				delete(made, jobs.StateActive)
			}
			ids := []string{"nobody"}
			want := counted{skipped: 1}
			for from, id := range made {
				ids = append(ids, id, id)
				if _, refused := outcome(verb, from); refused {
					want.skipped++
				} else {
					want.done++
				}
			}
			if _, err := r.Pause(t.Context(), "work", nil); err != nil {
				t.Fatal(err)
			}
			out := ended(t, a, order(t, a, client.ActionRequest{Action: verb, IDs: ids}).ID)
			if out.State != client.ActionDone || out.Done != want.done || out.Skipped != want.skipped || out.Failed != 0 {
				t.Errorf("%s = %+v, want %+v", verb, out, want)
			}
			for from, id := range made {
				to, _ := outcome(verb, from)
				queue := "work"
				if from == jobs.StatePending {
					queue = "idle"
				}
				r.agree(t, queue, id, to)
			}
			r.indexed("work")
			if _, err := r.Resume(t.Context(), "work", nil); err != nil {
				t.Fatal(err)
			}
		}
		close(r.release)
		stop()
	})
}

type counted struct{ done, skipped int }

// indexed fails the test unless the indexes of dead letters and retries hold what the
// sets hold.
func (r *rig) indexed(queue string) {
	r.t.Helper()
	ctx := context.Background()
	k := store.KeysOf(queue)
	for _, state := range []string{"archived", "retry"} {
		want := r.redis.ZRange(ctx, k.State(state), 0, -1).Val()
		var got []string
		for _, name := range r.redis.SMembers(ctx, k.Indexes()).Val() {
			if len(name) > len(state) && name[:len(state)+3] == state+":t:" {
				got = append(got, r.redis.ZRange(ctx, k.Index(state, "t", name[len(state)+3:]), 0, -1).Val()...)
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(want, got) {
			r.t.Errorf("%s of %s: index has %v, the set %v", state, queue, got, want)
		}
	}
}

// Promise: a retry by filter takes all shards of the queue, gives the dead letters
// their attempts again, leaves other jobs alone, and a dry run tells beforehand what it
// will do, and does nothing.
func TestRetryByFilter(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t)).spread("many", 3)
	a, _ := r.crew()
	ids := r.dead("many", 450)
	other := r.dead("other", 3)
	filter := &client.JobFilter{Queue: "many", State: "archived"}
	dry := ended(t, a, order(t, a, client.ActionRequest{Action: client.ActionRetry, Filter: filter, DryRun: true}).ID)
	if dry.State != client.ActionDone || dry.Matched != 450 || dry.Done != 0 || len(dry.Sample) != 10 || dry.Sample[0].State != "archived" || dry.Total == nil || *dry.Total != 450 {
		t.Errorf("dry run = %+v", dry)
	}
	if n := len(r.list(client.JobFilter{State: "archived"})); n != 453 {
		t.Fatalf("%d dead letters after a dry run", n)
	}
	out := ended(t, a, order(t, a, client.ActionRequest{Action: client.ActionRetry, Filter: filter}).ID)
	if out.State != client.ActionDone || out.Matched != 450 || out.Done != 450 || out.Skipped+out.Failed != 0 || out.FinishedAt == nil {
		t.Errorf("retry = %+v", out)
	}
	pending := r.list(client.JobFilter{State: "pending", Queue: "many"})
	slices.Sort(pending)
	slices.Sort(ids)
	if !slices.Equal(pending, ids) {
		t.Errorf("%d jobs are pending, want %d", len(pending), len(ids))
	}
	for _, id := range other {
		if j := r.job(id); j.State != "archived" {
			t.Errorf("job of another queue is %s", j.State)
		}
	}
	r.pool("many", "many~1", "many~2")
	for _, id := range ids[:20] {
		r.until(id, jobs.StateCompleted)
	}
}

// Promise: retried dead letters go to the front of their queue when asked to, in order,
// and else to its end.
func TestRetryToTheFront(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	a, _ := r.crew()
	dead := r.dead("line", 3)
	waits := r.post(client.Enqueue{Type: "test.ok", Queue: "line"})
	ended(t, a, order(t, a, client.ActionRequest{Action: client.ActionRetry, IDs: dead[:2], Front: true}).ID)
	ended(t, a, order(t, a, client.ActionRequest{Action: client.ActionRetry, IDs: dead[2:]}).ID)
	got := r.redis.LRange(t.Context(), store.KeysOf("line").Pending(), 0, -1).Val()
	slices.Reverse(got) // the next one to run is on the right
	if want := []string{dead[0], dead[1], waits, dead[2]}; !slices.Equal(got, want) {
		t.Errorf("the line is %v, want %v", got, want)
	}
}
