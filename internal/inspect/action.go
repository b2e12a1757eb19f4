package inspect

import (
	"context"
	"strconv"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// actionTries bounds how often an action is tried again because the job changed
// between reading and moving it.
const actionTries = 4

// Error texts that actions leave with a job.
const (
	textCancelled = "cancelled by request"
	textArchived  = "archived by request"
)

// Retry makes a job pending now, whatever it was waiting for. A dead letter or a
// completed job starts again with fresh attempts. The error is a *[jobs.Error]:
// not_found, unavailable, or conflict when the job is pending or running.
// A job that was retried as an edited copy is left to that, as long as the copy exists.
func (i *Inspector) Retry(ctx context.Context, id string) (*client.Job, error) {
	return i.retry(ctx, id, false)
}

// RetryFirst is [Inspector.Retry], and puts the job first in line.
func (i *Inspector) RetryFirst(ctx context.Context, id string) (*client.Job, error) {
	return i.retry(ctx, id, true)
}

func (i *Inspector) retry(ctx context.Context, id string, front bool) (*client.Job, error) {
	return i.act(ctx, id, func(r *record) (plan, error) {
		switch r.state {
		case jobs.StateScheduled, jobs.StateRetry:
		case jobs.StateArchived, jobs.StateCompleted:
			if err := i.superseded(ctx, r); err != nil {
				return plan{}, err
			}
			r.msg.Retried, r.msg.CompletedAt = 0, 0
		default:
			return plan{}, conflict(r, "it runs by itself")
		}
		return plan{to: jobs.StatePending, front: front}, nil
	})
}

// Cancel ends a job: one that waits is archived, one that runs has its context
// cancelled and is archived when its handler returns an error;
// [Inspector.Acknowledged] waits until its worker has heard of it. Errors as
// [Inspector.Retry], with conflict when the job has ended.
func (i *Inspector) Cancel(ctx context.Context, id string) (*client.Job, error) {
	return i.act(ctx, id, func(r *record) (plan, error) {
		switch {
		case r.state == jobs.StateActive:
			return plan{cancel: true}, nil
		case r.state.Final():
			return plan{}, conflict(r, "it has ended")
		}
		r.msg.Error, r.msg.LastFailedAt = textCancelled, time.Now().Unix()
		return plan{to: jobs.StateArchived}, nil
	})
}

// Archive makes a job that waits a dead letter. Errors as [Inspector.Retry], with
// conflict when the job runs or has ended.
func (i *Inspector) Archive(ctx context.Context, id string) (*client.Job, error) {
	return i.act(ctx, id, func(r *record) (plan, error) {
		switch {
		case r.state == jobs.StateActive:
			return plan{}, conflict(r, "cancel it instead")
		case r.state.Final():
			return plan{}, conflict(r, "it has ended")
		}
		if r.msg.Error == "" {
			r.msg.Error = textArchived
		}
		r.msg.LastFailedAt = time.Now().Unix()
		return plan{to: jobs.StateArchived}, nil
	})
}

// Delete removes a job that is not running, with everything kept of it. Errors
// as [Inspector.Retry], with conflict when the job runs.
func (i *Inspector) Delete(ctx context.Context, id string) error {
	for range actionTries {
		r, err := i.find(ctx, id)
		if err != nil {
			return err
		}
		k := store.KeysOf(r.queue)
		set := k.State(string(r.state))
		switch {
		case set == "":
			return grouped(r)
		case r.state == jobs.StateActive:
			return conflict(r, "cancel it first")
		}
		n, err := i.remove.Run(ctx, i.redis, []string{k.Task(id), set}, id, string(r.state), k.Prefix()).Int()
		if err != nil {
			return wrap("delete the job", err)
		}
		if n == 1 {
			return nil
		}
	}
	return busy()
}

// plan is what to do with a job.
type plan struct {
	to     jobs.State
	cancel bool // tell the worker that runs it
	front  bool // first in line
}

// act reads the job, lets decide change its message and choose what to do, and
// does it if the job has not changed in between.
func (i *Inspector) act(ctx context.Context, id string, decide func(*record) (plan, error)) (*client.Job, error) {
	for range actionTries {
		r, err := i.find(ctx, id)
		if err != nil {
			return nil, err
		}
		switch {
		case store.KeysOf(r.queue).State(string(r.state)) == "":
			return nil, grouped(r)
		case r.msg == nil:
			return nil, conflict(r, "its message is damaged; delete it")
		}
		todo, err := decide(r)
		if err != nil {
			return nil, err
		}
		if todo.cancel {
			running, err := i.signal(ctx, r)
			if err != nil {
				return nil, wrap("cancel the job", err)
			}
			if running {
				return i.show(ctx, r)
			}
			continue
		}
		moved, err := i.move(ctx, r, todo)
		if err != nil {
			return nil, wrap("move the job", err)
		}
		if moved {
			r.moveTo(todo.to)
			return i.show(ctx, r)
		}
	}
	return nil, busy()
}

func (i *Inspector) move(ctx context.Context, r *record, todo plan) (bool, error) {
	k, to, side := store.KeysOf(r.queue), todo.to, "LPUSH"
	if todo.front {
		side = "RPUSH"
	}
	now := time.Now()
	keys := []string{k.Task(r.id), k.State(string(r.state)), k.State(string(to))}
	n, err := i.transition.Run(ctx, i.redis, keys,
		r.id, string(r.state), r.raw, string(to), r.msg.Encode(), now.Unix(), now.UnixNano(),
		r.queue, store.ChannelWake, k.Prefix(), r.msg.Type, r.as, side).Int()
	return n == 1, err
}

// moveTo makes the record what transition.lua has made of the job. To read it
// again would show what became of it since, which may be nothing at all.
func (r *record) moveTo(to jobs.State) {
	r.state, r.unstarted = to, to == jobs.StateArchived
	r.result, r.discarded, r.as, r.finished, r.due = "", "", "", 0, 0
}

// signal asks the worker that runs the job to cancel it, and reports whether the
// job still runs. The mark in the job's hash makes up for a lost message: a
// worker looks at it when it hears the channel again, and when the attempt fails.
func (i *Inspector) signal(ctx context.Context, r *record) (bool, error) {
	now := strconv.FormatInt(time.Now().UnixMilli(), 10)
	marked, err := i.mark.Run(ctx, i.redis, []string{store.KeysOf(r.queue).Task(r.id)}, now).Int()
	if err != nil || marked == 0 {
		return false, err
	}
	r.cancel = now
	return true, i.redis.Publish(ctx, store.ChannelCancel, r.id).Err()
}

func conflict(r *record, why string) error {
	return jobs.Errorf(jobs.CodeConflict, "the job is %s: %s", r.state, why)
}

func grouped(r *record) error { return conflict(r, "an asynq group holds it") }

func busy() error {
	return jobs.Errorf(jobs.CodeConflict, "the job keeps changing; look at it and try again")
}
