package inspect_test

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// Promise: when the process that runs an action ends, another goes on where it was:
// no job is left out and none is done twice.
func TestActionIsTakenOver(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t)).spread("q", 2)
	ids := r.dead("q", 300)
	first := client.ActionRequest{Action: client.ActionReschedule, IDs: append([]string{"nobody"}, ids...), Delay: hours(5), Rate: 600}
	second := client.ActionRequest{Action: client.ActionArchive, Filter: &client.JobFilter{Queue: "q"}, Rate: 600}
	for _, q := range []client.ActionRequest{first, second} {
		a, stop := r.crew()
		id := order(t, a, q).ID
		part := 0
		for n := range 4 { // three processes that end half way, and one that does not
			eventually(t, func() bool {
				now, err := a.Action(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				done := now.Done > part || now.Finished()
				part = now.Done
				return done
			}, func() string { return "the action does not go on" })
			if n < 3 {
				stop()
				a, stop = r.crew()
			}
		}
		out := ended(t, a, id)
		if out.State != client.ActionDone || out.Done != 300 || out.Failed != 0 || out.Skipped != len(q.IDs)-len(q.IDs)/301*300 {
			t.Errorf("%s = %+v", q.Action, out)
		}
		stop()
	}
	if n := len(r.list(client.JobFilter{State: "archived", Queue: "q"})); n != 300 {
		t.Errorf("%d jobs are archived", n)
	}
}

// Promise: an unfinished action forbids another with the same selection, and names
// itself; a dry run does not count. It can be aborted once, and then the selection is
// free.
func TestSameSelectionTwice(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	a, _ := r.crew()
	ids := r.dead("q", 50)
	slow := client.ActionRequest{Action: client.ActionRetry, IDs: ids, Rate: 5}
	first := order(t, a, slow)
	order(t, a, client.ActionRequest{Action: client.ActionRetry, IDs: ids, DryRun: true})
	slices.Reverse(slow.IDs)
	if _, err := a.Order(t.Context(), slow); code(err) != jobs.CodeConflict || !strings.Contains(err.Error(), first.ID) {
		t.Errorf("same selection: %v", err)
	}
	eventually(t, func() bool {
		out, err := a.Action(t.Context(), first.ID)
		return err == nil && out.Done > 0
	}, func() string { return "the action does nothing" })
	if out, err := a.Abort(t.Context(), first.ID); err != nil || !out.Aborting || out.State != client.ActionRunning {
		t.Errorf("abort = %+v, %v", out, err)
	}
	if _, err := a.Abort(t.Context(), first.ID); code(err) != jobs.CodeConflict {
		t.Errorf("second abort: %v", err)
	}
	out := ended(t, a, first.ID)
	if out.State != client.ActionAborted || out.Done == 0 || out.Done == 50 || out.Done != len(r.list(client.JobFilter{State: "pending"})) {
		t.Errorf("aborted = %+v", out)
	}
	if _, err := a.Abort(t.Context(), first.ID); code(err) != jobs.CodeConflict || !strings.Contains(err.Error(), "aborted") {
		t.Errorf("abort after the end: %v", err)
	}
	slow.Rate = 0
	if out := ended(t, a, order(t, a, slow).ID); out.Done+out.Skipped != 50 || out.Reasons["pending"] != out.Skipped {
		t.Errorf("again = %+v", out)
	}
}

// Promise: actions that overlap do no job twice; what one has done, the other skips.
func TestOverlappingActions(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t)).spread("q", 2)
	ids := r.dead("q", 400)
	var all []*client.Action
	var mu sync.Mutex
	var crews sync.WaitGroup
	for n := range 4 {
		a, _ := r.crew()
		crews.Go(func() {
			out := ended(t, a, order(t, a, client.ActionRequest{Action: client.ActionRetry, IDs: ids[n:]}).ID)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, out)
		})
	}
	crews.Wait()
	done := 0
	for _, out := range all {
		done += out.Done
		if out.State != client.ActionDone || out.Done+out.Skipped != out.IDs {
			t.Errorf("action = %+v", out)
		}
	}
	pending := r.list(client.JobFilter{State: "pending", Queue: "q"})
	if slices.Sort(pending); done != 400 || len(slices.Compact(pending)) != 400 {
		t.Errorf("%d jobs were done, %d are pending", done, len(pending))
	}
}

// Promise: jobs that die after the action was asked for are left alone.
func TestActionIsBoundedByItsStart(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	a, _ := r.crew()
	ids := r.dead("q", 40)
	later := ids[0] // as if it had died a minute from now
	k := store.KeysOf("q")
	if err := r.redis.ZIncrBy(t.Context(), k.Archived(), 60, later).Err(); err != nil {
		t.Fatal(err)
	}
	out := ended(t, a, order(t, a, client.ActionRequest{Action: client.ActionRetry, Filter: &client.JobFilter{Queue: "q"}}).ID)
	if out.Done != 39 || out.Matched != 39 || r.job(later).State != "archived" {
		t.Errorf("retry = %+v", out)
	}
}

// Promise: on every kind of Redis jobs move to another queue with all that is kept of
// them, in the state they had, and are in no other place.
func TestMoveToAnotherQueue(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		r := newRig(t, inst)
		r.t = t
		a, _ := r.crew()
		stop := r.pool("work")
		made := r.eachState("x")
		if _, err := r.Pause(t.Context(), "work", nil); err != nil {
			t.Fatal(err)
		}
		before := map[jobs.State]*client.Job{}
		var ids []string
		for from, id := range made {
			before[from] = r.job(id)
			ids = append(ids, id)
		}
		target := r.post(client.Enqueue{Type: "test.ok", Queue: "new"})
		r.redis.Set(t.Context(), store.KeysOf("work").Tokens(), 1000, 0)
		out := ended(t, a, order(t, a, client.ActionRequest{Action: client.ActionMove, IDs: append(ids, target), Queue: "new"}).ID)
		if out.State != client.ActionDone || out.Done != 4 || out.Reasons["running"] != 1 || out.Reasons["ended"] != 1 || out.Reasons["there"] != 1 {
			t.Errorf("move = %+v", out)
		}
		for from, id := range made {
			if from == jobs.StateActive || from == jobs.StateCompleted {
				continue
			}
			r.agree(t, "new", id, from)
			for _, q := range []string{"work", "idle"} {
				if at := r.places(q, id); len(at) != 0 || r.redis.Exists(t.Context(), store.KeysOf(q).Task(id)).Val() != 0 {
					t.Errorf("%s job is still in %s: %v", from, q, at)
				}
			}
			got, want := r.job(id), before[from]
			if want.Queue = "new"; got.Attempt != want.Attempt || got.Queue != "new" || got.LastError != want.LastError || len(got.Attempts) != len(want.Attempts) {
				t.Errorf("moved job = %+v, was %+v", got, want)
			}
		}
		r.indexed("work")
		r.indexed("new")
		if n := r.redis.Get(t.Context(), store.KeysOf("new").Tokens()).Val(); n != "1000" {
			t.Errorf("tokens of the new queue = %s", n)
		}
		if n := r.redis.HLen(t.Context(), store.KeysOf("work").Moving()).Val(); n != 0 {
			t.Errorf("%d jobs are between two queues", n)
		}
		r.pool("new")
		r.until(made[jobs.StatePending], jobs.StateCompleted)
		close(r.release)
		stop()
	})
}

// runActions is a process that runs actions until it is killed.
func runActions(c redis.UniversalClient, jobs int) {
	log := slog.New(slog.DiscardHandler)
	a := inspect.NewActions(inspect.New(c, log), inspect.ActionsOptions{Look: 10 * time.Millisecond, Lease: time.Second, Log: log})
	if err := a.Start(context.Background()); err != nil {
		panic(err)
	}
	for told := false; ; {
		list, err := a.List(context.Background(), 1, "")
		if err != nil {
			panic(err)
		}
		if len(list.Actions) > 0 && list.Actions[0].Done >= jobs && !told {
			_, _ = os.Stdout.WriteString("written\n")
			told = true
		}
	}
}

// Promise: when the process that runs an action is killed, another one takes the action
// over once its lease is over, and every job is done once.
func TestActionOfKilledProcess(t *testing.T) {
	t.Parallel()
	for name, q := range map[string]client.ActionRequest{
		"retry": {Action: client.ActionRetry, Filter: &client.JobFilter{Queue: "q", State: "archived"}, Rate: 2000},
		"move":  {Action: client.ActionMove, Filter: &client.JobFilter{Queue: "q"}, Queue: "to", Rate: 2000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			r := newRig(t, inst)
			r.t = t
			r.dead("q", 1500)
			r.post(client.Enqueue{Type: "test.ok", Queue: "to", Delay: hours(1)})
			a := inspect.NewActions(r.Inspector, inspect.ActionsOptions{}) // not started: it only orders
			id := order(t, a, q).ID
			for _, jobs := range []string{"100", "500", "900"} {
				kill(t, inst.URL, "actions", jobs)
			}
			part, err := a.Action(t.Context(), id)
			if err != nil || part.Finished() || part.Done < 900 {
				t.Errorf("after three kills = %+v, %v", part, err)
			}
			b, _ := r.crew()
			out := ended(t, b, id)
			queue, state := "q", "pending"
			if name == "move" {
				queue, state = "to", "archived"
			}
			ids := r.list(client.JobFilter{Queue: queue, State: state, Limit: 500})
			if slices.Sort(ids); out.State != client.ActionDone || out.Done != 1500 || len(ids) != 1500 || len(slices.Compact(ids)) != 1500 {
				t.Errorf("action = %+v, %d jobs are %s in %s", out, len(ids), state, queue)
			}
			if left := r.list(client.JobFilter{Queue: "q", State: "archived"}); len(left) != 0 {
				t.Errorf("%d jobs were left out", len(left))
			}
		})
	}
}

// faults makes one script in four fail: half of them before they arrive, half after, as
// if the answer was lost.
type faults struct{}

func (*faults) DialHook(next redis.DialHook) redis.DialHook { return next }
func (*faults) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (*faults) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() != "evalsha" {
			return next(ctx, cmd)
		}
		switch rand.IntN(8) {
		case 0:
			cmd.SetErr(io.EOF)
			return io.EOF
		case 1:
			_ = next(ctx, cmd)
			cmd.SetErr(io.EOF)
			return io.EOF
		}
		return next(ctx, cmd)
	}
}

// Promise: whichever call of a move is lost, or its answer, each job ends in one queue
// and is counted once; a job whose id is taken there goes back to where it was.
func TestMoveWhenCallsAreLost(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst)
	ids := r.dead("from", 650)
	r.post(client.Enqueue{Type: "test.ok", Queue: "to", Delay: hours(1)})
	taken := store.KeysOf("to").Task(ids[7]) // as another asynq client may do it
	if err := r.redis.HSet(t.Context(), taken, store.FieldMessage, "x", store.FieldState, "completed").Err(); err != nil {
		t.Fatal(err)
	}
	c, err := store.Open(store.Options{URL: inst.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	c.AddHook(&faults{})
	lossy := *r
	lossy.Inspector = inspect.New(c, slog.New(slog.DiscardHandler))
	a := inspect.NewActions(r.Inspector, inspect.ActionsOptions{})
	id := order(t, a, client.ActionRequest{Action: client.ActionMove, Filter: &client.JobFilter{Queue: "from"}, Queue: "to"}).ID
	_, stop := lossy.crew()
	out := ended(t, a, id)
	stop()
	moved := r.list(client.JobFilter{Queue: "to", State: "archived", Limit: 500})
	if slices.Sort(moved); out.State != client.ActionDone || out.Done != 649 || out.Failed != 1 || len(moved) != 649 || len(slices.Compact(moved)) != 649 {
		t.Errorf("move = %+v, %d jobs are there", out, len(moved))
	}
	if left := r.list(client.JobFilter{Queue: "from"}); !slices.Equal(left, ids[7:8]) || len(out.Errors) != 1 || out.Errors[0].ID != ids[7] {
		t.Errorf("still there: %v, errors %v", left, out.Errors)
	}
	r.indexed("from")
	r.indexed("to")
}

// Promise: a queue that vanishes while jobs move to it ends the move, and the others
// stay where they were.
func TestMoveToQueueThatVanishes(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	a, _ := r.crew()
	r.dead("from", 300)
	r.post(client.Enqueue{Type: "test.ok", Queue: "to", Delay: hours(1)})
	id := order(t, a, client.ActionRequest{Action: client.ActionMove, Filter: &client.JobFilter{Queue: "from"}, Queue: "to", Rate: 200}).ID
	eventually(t, func() bool {
		now, err := a.Action(t.Context(), id)
		return err == nil && now.Done > 0
	}, func() string { return "the move does not begin" })
	eventually(t, func() bool { // a job on its way at that moment makes it known again
		r.redis.SRem(t.Context(), store.KeyQueues, "to")
		now, err := a.Action(t.Context(), id)
		return err == nil && now.Finished()
	}, func() string { return "the move goes on" })
	out := ended(t, a, id)
	left := len(r.list(client.JobFilter{Queue: "from", State: "archived"}))
	if out.State != client.ActionFailed || !strings.Contains(out.Error, "is no more") || out.Done+left != 300 || left == 0 {
		t.Errorf("move = %+v, %d jobs are left", out, left)
	}
}
