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

// Job returns one job with its failed attempts. The error is a *[jobs.Error]: not_found or unavailable.
func (i *Inspector) Job(ctx context.Context, id string) (*client.Job, error) {
	r, err := i.find(ctx, id)
	if err != nil {
		return nil, err
	}
	return i.show(ctx, r)
}

// show puts the record into the words of the API, with its failed attempts.
func (i *Inspector) show(ctx context.Context, r *record) (*client.Job, error) {
	j := r.view()
	if err := i.addAttempts(ctx, r, &j); err != nil {
		return nil, err
	}
	return &j, nil
}

// find looks for the job, and reads when it is due.
func (i *Inspector) find(ctx context.Context, id string) (*record, error) {
	r, err := i.locate(ctx, id)
	if err != nil {
		return nil, err
	}
	return r, i.addDue(ctx, r)
}

// locate looks for the job in every shard of every queue, in one round trip. The id may
// be one that only another asynq client would choose.
func (i *Inspector) locate(ctx context.Context, id string) (*record, error) {
	if id == "" {
		return nil, notFound()
	}
	shards, err := i.shardNames(ctx)
	if err != nil {
		return nil, err
	}
	pipe := i.redis.Pipeline()
	cmds := make([]*redis.SliceCmd, len(shards))
	for n, q := range shards {
		cmds[n] = pipe.HMGet(ctx, store.KeysOf(q).Task(id), recordFields()...)
	}
	if len(shards) > 0 {
		_, _ = pipe.Exec(ctx) // each command carries its own error
	}
	for n, cmd := range cmds {
		values, err := cmd.Result()
		if err != nil {
			return nil, wrap("read the job", err)
		}
		if r, ok := newRecord(shards[n], id, values); ok {
			return r, nil
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

// shardNames returns the names that asynq knows queues by, sorted: those of shards.
func (i *Inspector) shardNames(ctx context.Context) ([]string, error) {
	names, err := i.redis.SMembers(ctx, store.KeyQueues).Result()
	if err != nil {
		return nil, wrap("list the queues", err)
	}
	slices.Sort(names)
	return names, nil
}

// shards returns the shards of every queue, in their order: those that hold or held
// jobs, and those that the next job may go to.
func (i *Inspector) shards(ctx context.Context) (map[string][]string, error) {
	pipe := i.redis.Pipeline()
	names, counts := pipe.SMembers(ctx, store.KeyQueues), pipe.HGetAll(ctx, store.KeyShards)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, wrap("list the queues", err)
	}
	return store.GroupShards(names.Val(), store.ShardCounts(counts.Val())), nil
}

func notFound() error { return &jobs.Error{Code: jobs.CodeNotFound, Message: "no such job"} }
