package inspect_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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

// Promise: an action that has moved a job says so, even if a worker has ended
// and deleted the job before the answer is made.
func TestRetryOfAJobThatEndsAtOnce(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst)
	r.pool("default")
	id := r.post(client.Enqueue{Type: "test.gone", Delay: hours(1)})
	slow := inst.Open()
	slow.AddHook(afterScript{func() {
		eventually(t, func() bool {
			_, err := r.Job(t.Context(), id)
			return code(err) == jobs.CodeNotFound
		}, func() string { return "the job does not end" })
	}})
	j, err := inspect.New(slow, slog.New(slog.DiscardHandler)).Retry(t.Context(), id)
	if err != nil || j.ID != id || j.State != "pending" || j.NextRunAt != nil {
		t.Errorf("retry = %+v, %v", j, err)
	}
}

// afterScript calls a function after each script that a client has run.
type afterScript struct{ call func() }

func (afterScript) DialHook(next redis.DialHook) redis.DialHook { return next }

func (afterScript) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func (a afterScript) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if strings.HasPrefix(cmd.Name(), "eval") && err == nil {
			a.call()
		}
		return err
	}
}

// Promise: an action that races with a worker, and with other actions, leaves
// the job in one place, and is refused with a conflict at worst.
func TestActionsRaceWithWorkers(t *testing.T) {
	t.Parallel()
	for name, do := range actions() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, storetest.Redis(t))
			r.pool("default")
			types := []string{"test.ok", "test.fail", "test.die", "test.gone"}
			for i := range 50 {
				id := r.post(client.Enqueue{Type: types[i%len(types)], ID: fmt.Sprint("race-", i)})
				var both sync.WaitGroup
				for range 2 {
					both.Go(func() {
						for range 3 {
							switch code(do(r, id)) {
							case "", jobs.CodeConflict, jobs.CodeNotFound:
							default:
								t.Errorf("%s %s: %v", name, id, do(r, id))
							}
						}
					})
				}
				both.Wait()
			}
			r.rest(t)
			for i := range 50 {
				r.sound("default", fmt.Sprint("race-", i))
			}
		})
	}
}

// rest waits until nothing is pending or active.
func (r *rig) rest(t *testing.T) {
	t.Helper()
	var q *client.Queue
	eventually(t, func() bool {
		var err error
		if q, err = r.Queue(t.Context(), "default", nil); err != nil {
			t.Fatal(err)
		}
		return q.States["pending"] == 0 && q.States["active"] == 0
	}, func() string { return fmt.Sprintf("queue = %+v", q) })
}

// Promise: a running job that somebody cancels ends as a dead letter even if
// the message to its worker is lost, once its attempt fails; a handler that
// answers the cancellation with a snooze is cancelled all the same.
func TestCancelOfARunningJob(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	fail, started := make(chan struct{}), make(chan struct{}, 2)
	jobs.Handle(r.reg, "test.deaf", func(context.Context, any) (string, error) {
		started <- struct{}{}
		<-fail
		return "", errors.New("too late")
	}, jobs.Options{})
	jobs.Handle(r.reg, "test.sleepy", func(ctx context.Context, _ any) (string, error) {
		started <- struct{}{}
		<-ctx.Done()
		return "", jobs.Snooze(time.Hour)
	}, jobs.Options{})
	r.pool("default")
	deaf := r.post(client.Enqueue{Type: "test.deaf"})
	<-started
	if n, err := r.redis.HSet(t.Context(), store.KeysOf("default").Task(deaf), store.FieldCancel, "1").Result(); n != 1 || err != nil {
		t.Fatal(n, err) // what a cancellation leaves whose message is lost
	}
	close(fail)
	sleepy := r.post(client.Enqueue{Type: "test.sleepy"})
	<-started
	if j, err := r.Cancel(t.Context(), sleepy); err != nil || j.State != "active" {
		t.Errorf("cancel = %+v, %v", j, err)
	}
	for _, id := range []string{deaf, sleepy} {
		if j := r.until(id, jobs.StateArchived); j.LastError != "cancelled by request" || j.Attempt != 1 {
			t.Errorf("job = %+v", j)
		}
	}
}
