package inspect

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// Queues returns every queue by name: those that hold or held jobs, and those
// that the given weights name. Cost: two round trips. The error is a
// *[jobs.Error]: unavailable.
func (i *Inspector) Queues(ctx context.Context, weights map[string]int) ([]client.Queue, error) {
	names, err := i.queueNames(ctx)
	if err != nil {
		return nil, err
	}
	for q := range weights {
		if !slices.Contains(names, q) {
			names = append(names, q)
		}
	}
	slices.Sort(names)
	return i.queues(ctx, names, weights)
}

// Queue returns one queue. The error is a *[jobs.Error]: not_found or unavailable.
func (i *Inspector) Queue(ctx context.Context, name string, weights map[string]int) (*client.Queue, error) {
	if err := i.checkQueue(ctx, name, weights); err != nil {
		return nil, err
	}
	all, err := i.queues(ctx, []string{name}, weights)
	if err != nil {
		return nil, err
	}
	return &all[0], nil
}

// Pause stops workers from taking jobs of the queue; running ones go on. Pausing
// a paused queue changes nothing. Errors as [Inspector.Queue].
func (i *Inspector) Pause(ctx context.Context, name string, weights map[string]int) (*client.Queue, error) {
	if err := i.checkQueue(ctx, name, weights); err != nil {
		return nil, err
	}
	now := strconv.FormatInt(time.Now().Unix(), 10)
	if err := i.redis.SetArgs(ctx, store.KeysOf(name).Paused(), now, redis.SetArgs{Mode: "NX"}).Err(); err != nil && !errors.Is(err, redis.Nil) {
		return nil, wrap("pause the queue", err)
	}
	return i.Queue(ctx, name, weights)
}

// Resume ends a pause. Resuming a queue that is not paused changes nothing.
// Errors as [Inspector.Queue].
func (i *Inspector) Resume(ctx context.Context, name string, weights map[string]int) (*client.Queue, error) {
	if err := i.checkQueue(ctx, name, weights); err != nil {
		return nil, err
	}
	if err := i.redis.Del(ctx, store.KeysOf(name).Paused()).Err(); err != nil {
		return nil, wrap("resume the queue", err)
	}
	if err := i.redis.Publish(ctx, store.ChannelWake, "w"+name).Err(); err != nil {
		return nil, wrap("wake the workers of the queue", err)
	}
	return i.Queue(ctx, name, weights)
}

func (i *Inspector) checkQueue(ctx context.Context, name string, weights map[string]int) error {
	if _, served := weights[name]; served {
		return nil
	}
	names, err := i.queueNames(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(names, name) {
		return &jobs.Error{Code: jobs.CodeNotFound, Message: "no such queue: no job was ever sent to it, and no worker serves it"}
	}
	return nil
}

// queueReads are the commands that make one queue's picture.
type queueReads struct {
	sizes             map[jobs.State]*redis.IntCmd
	paused            *redis.IntCmd
	oldest            *redis.StringCmd
	processed, failed *redis.StringCmd
	since             *redis.StringCmd // set in the second round trip
}

func (i *Inspector) queues(ctx context.Context, names []string, weights map[string]int) ([]client.Queue, error) {
	reads := make([]*queueReads, len(names))
	pipe := i.redis.Pipeline()
	for n, q := range names {
		reads[n] = readQueue(ctx, pipe, store.KeysOf(q))
	}
	if err := exec(ctx, pipe, len(names)); err != nil {
		return nil, wrap("read the queues", err)
	}
	pipe = i.redis.Pipeline()
	for n, q := range names {
		if id := reads[n].oldest.Val(); id != "" {
			reads[n].since = pipe.HGet(ctx, store.KeysOf(q).Task(id), store.FieldPendingSince)
		}
	}
	if err := exec(ctx, pipe, pipe.Len()); err != nil {
		return nil, wrap("read the queues", err)
	}
	out := make([]client.Queue, len(names))
	for n, q := range names {
		out[n] = reads[n].view(q, weights[q])
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
	r.paused = pipe.Exists(ctx, k.Paused())
	r.oldest = pipe.LIndex(ctx, k.Pending(), -1)
	r.processed = pipe.Get(ctx, k.Processed())
	r.failed = pipe.Get(ctx, k.Failed())
	return r
}

func (r *queueReads) view(name string, weight int) client.Queue {
	q := client.Queue{Name: name, Weight: weight, Paused: r.paused.Val() > 0, States: map[string]int{}}
	for s, cmd := range r.sizes {
		q.States[string(s)] = int(cmd.Val())
	}
	q.ProcessedTotal, _ = r.processed.Int64()
	q.FailedTotal, _ = r.failed.Int64()
	if r.since != nil {
		if ns, err := r.since.Int64(); err == nil {
			age := max(0, time.Since(time.Unix(0, ns)))
			q.OldestPendingAge = client.Duration(age.Truncate(time.Millisecond))
		}
	}
	return q
}

// exec runs the pipeline; a missing key is not an error.
func exec(ctx context.Context, pipe redis.Pipeliner, commands int) error {
	if commands == 0 {
		return nil
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	return nil
}
