package inspect

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// Queues returns every queue by name: those that hold or held jobs, and those
// that the given weights name. Cost: two round trips, and a third one once a second. The error is a
// *[jobs.Error]: unavailable.
func (i *Inspector) Queues(ctx context.Context, weights map[string]int) ([]client.Queue, error) {
	shards, err := i.shards(ctx)
	if err != nil {
		return nil, err
	}
	for q := range weights {
		if shards[q] == nil {
			shards[q] = []string{q}
		}
	}
	return i.queues(ctx, shards, weights)
}

// Queue returns one queue. The error is a *[jobs.Error]: not_found or unavailable.
func (i *Inspector) Queue(ctx context.Context, name string, weights map[string]int) (*client.Queue, error) {
	shards, err := i.shardsOf(ctx, name, weights)
	if err != nil {
		return nil, err
	}
	all, err := i.queues(ctx, map[string][]string{name: shards}, weights)
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}

// Pause stops workers from taking jobs of the queue; running ones go on. Pausing
// a paused queue changes nothing. Errors as [Inspector.Queue].
func (i *Inspector) Pause(ctx context.Context, name string, weights map[string]int) (*client.Queue, error) {
	now := strconv.FormatInt(time.Now().Unix(), 10)
	return i.turn(ctx, name, weights, func(shards ...string) error {
		pipe := i.redis.Pipeline()
		for _, s := range shards {
			pipe.SetArgs(ctx, store.KeysOf(s).Paused(), now, redis.SetArgs{Mode: "NX"})
		}
		return wrap("pause the queue", exec(ctx, pipe))
	})
}

// Resume ends a pause. Resuming a queue that is not paused changes nothing.
// Errors as [Inspector.Queue].
func (i *Inspector) Resume(ctx context.Context, name string, weights map[string]int) (*client.Queue, error) {
	return i.turn(ctx, name, weights, func(shards ...string) error {
		pipe := i.redis.Pipeline()
		for _, s := range shards {
			pipe.Del(ctx, store.KeysOf(s).Paused())
		}
		if err := exec(ctx, pipe); err != nil {
			return wrap("resume the queue", err)
		}
		pipe = i.redis.Pipeline()
		for _, s := range shards {
			pipe.Publish(ctx, store.ChannelWake, "w"+s)
		}
		return wrap("wake the workers of the queue", exec(ctx, pipe))
	})
}

// turn does something to all shards of a queue: to shard 0 first, and then to those
// there are at that time, so that shards which are added meanwhile come out as the
// others ([store.Shards] looks at shard 0 after it has added them).
func (i *Inspector) turn(ctx context.Context, name string, weights map[string]int, do func(shards ...string) error) (*client.Queue, error) {
	if _, err := i.shardsOf(ctx, name, weights); err != nil {
		return nil, err
	}
	if err := do(name); err != nil {
		return nil, err
	}
	shards, err := i.shardsOf(ctx, name, weights)
	if err != nil {
		return nil, err
	}
	if err := do(shards[1:]...); err != nil {
		return nil, err
	}
	return i.Queue(ctx, name, weights)
}

// shardsOf returns the shards of one queue, shard 0 first.
func (i *Inspector) shardsOf(ctx context.Context, name string, weights map[string]int) ([]string, error) {
	all, err := i.shards(ctx)
	if err != nil {
		return nil, err
	}
	if shards := all[name]; shards != nil {
		return shards, nil
	}
	if _, served := weights[name]; !served {
		return nil, &jobs.Error{Code: jobs.CodeNotFound, Message: "no such queue: no job was ever sent to it, and no worker serves it"}
	}
	return []string{name}, nil
}

// queueReads are the commands that make the picture of one shard.
type queueReads struct {
	sizes             map[jobs.State]*redis.IntCmd
	due               [2]*redis.IntCmd // scheduled and retry
	paused            *redis.IntCmd
	oldest            *redis.StringCmd
	processed, failed *redis.StringCmd
	since             *redis.StringCmd // set in the second round trip
}

// queues returns the given queues, by name, from what their shards hold together.
func (i *Inspector) queues(ctx context.Context, shards map[string][]string, weights map[string]int) ([]client.Queue, error) {
	reads := map[string]*queueReads{}
	pipe := i.redis.Pipeline()
	for _, names := range shards {
		for _, s := range names {
			reads[s] = readQueue(ctx, pipe, store.KeysOf(s))
		}
	}
	if err := exec(ctx, pipe); err != nil {
		return nil, wrap("read the queues", err)
	}
	pipe = i.redis.Pipeline()
	for s, r := range reads {
		if id := r.oldest.Val(); id != "" {
			r.since = pipe.HGet(ctx, store.KeysOf(s).Task(id), store.FieldPendingSince)
		}
	}
	if err := exec(ctx, pipe); err != nil {
		return nil, wrap("read the queues", err)
	}
	rates, err := i.ratesOf(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]client.Queue, 0, len(shards))
	for _, name := range slices.Sorted(maps.Keys(shards)) {
		q := client.Queue{Name: name, Weight: weights[name], States: map[string]int{}}
		for _, s := range shards[name] {
			reads[s].addTo(&q)
		}
		rates[name].tell(&q)
		out = append(out, q)
	}
	return out, nil
}

func readQueue(ctx context.Context, pipe redis.Pipeliner, k store.Keys) *queueReads {
	r := &queueReads{sizes: map[jobs.State]*redis.IntCmd{}}
	for _, s := range jobs.States() {
		if isList(s) {
			r.sizes[s] = pipe.LLen(ctx, k.State(string(s)))
		} else {
			r.sizes[s] = pipe.ZCard(ctx, k.State(string(s)))
		}
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	r.due = [2]*redis.IntCmd{pipe.ZCount(ctx, k.Scheduled(), "-inf", now), pipe.ZCount(ctx, k.Retry(), "-inf", now)}
	r.paused = pipe.Exists(ctx, k.Paused())
	r.oldest = pipe.LIndex(ctx, k.Pending(), -1)
	r.processed = pipe.Get(ctx, k.Processed())
	r.failed = pipe.Get(ctx, k.Failed())
	return r
}

// addTo adds a shard to the picture of its queue. The queue counts as paused when
// a single shard is: jobs of it wait then, until somebody resumes the queue.
func (r *queueReads) addTo(q *client.Queue) {
	q.Paused = q.Paused || r.paused.Val() > 0
	for s, cmd := range r.sizes {
		q.States[string(s)] += int(cmd.Val())
	}
	q.Backlog += int(r.sizes[jobs.StatePending].Val() + r.due[0].Val() + r.due[1].Val())
	processed, _ := r.processed.Int64()
	failed, _ := r.failed.Int64()
	q.ProcessedTotal += processed
	q.FailedTotal += failed
	if r.since == nil {
		return
	}
	if ns, err := r.since.Int64(); err == nil {
		age := client.Duration(time.Since(time.Unix(0, ns)).Truncate(time.Millisecond))
		q.OldestPendingAge = max(q.OldestPendingAge, age)
	}
}

// exec runs the pipeline; a missing key is not an error.
func exec(ctx context.Context, pipe redis.Pipeliner) error {
	if pipe.Len() == 0 {
		return nil
	}
	cmds, err := pipe.Exec(ctx)
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	for _, c := range cmds {
		if err := c.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
	}
	return nil
}
