package inspect

import (
	"context"
	"errors"
	"slices"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// Job returns one job. The error is a *[jobs.Error]: not_found or unavailable.
func (i *Inspector) Job(ctx context.Context, id string) (*client.Job, error) {
	r, err := i.find(ctx, id)
	if err != nil {
		return nil, err
	}
	j := r.view()
	return &j, nil
}

// find looks for the job in every queue, in one round trip, and in a second one
// reads when it is due. The id may be one that only another asynq client would
// choose.
func (i *Inspector) find(ctx context.Context, id string) (*record, error) {
	if id == "" {
		return nil, notFound()
	}
	queues, err := i.queueNames(ctx)
	if err != nil {
		return nil, err
	}
	pipe := i.redis.Pipeline()
	cmds := make([]*redis.SliceCmd, len(queues))
	for n, q := range queues {
		cmds[n] = pipe.HMGet(ctx, store.KeysOf(q).Task(id), recordFields()...)
	}
	if len(queues) > 0 {
		_, _ = pipe.Exec(ctx) // each command carries its own error
	}
	for n, cmd := range cmds {
		values, err := cmd.Result()
		if err != nil {
			return nil, wrap("read the job", err)
		}
		if r, ok := newRecord(queues[n], id, values); ok {
			return r, i.addDue(ctx, r)
		}
	}
	return nil, notFound()
}

func (i *Inspector) addDue(ctx context.Context, r *record) error {
	if r.state != jobs.StateScheduled && r.state != jobs.StateRetry {
		return nil
	}
	due, err := i.redis.ZScore(ctx, store.KeysOf(r.queue).State(string(r.state)), r.id).Result()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	r.due = due
	return wrap("read the job's time", err)
}

// queueNames returns the names of all queues, sorted.
func (i *Inspector) queueNames(ctx context.Context) ([]string, error) {
	queues, err := i.redis.SMembers(ctx, store.KeyQueues).Result()
	if err != nil {
		return nil, wrap("list the queues", err)
	}
	slices.Sort(queues)
	return queues, nil
}

func notFound() error { return &jobs.Error{Code: jobs.CodeNotFound, Message: "no such job"} }
