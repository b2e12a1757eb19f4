package inspect

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

const (
	actionMany   = 50        // jobs read, and done in one script, at a time
	actionBytes  = 512 << 10 // of messages in one script
	pendingReach = 200_000   // entries of pending lists that one script may look through
	shardsAtOnce = 8         // shards worked on at once
	sampleMany   = 10        // jobs shown of a dry run
	restShare    = 4         // after each part, a run rests for this share of the time that it took
	restMax      = 20 * time.Millisecond
)

// run is one process's work on an action.
type run struct {
	*Actions
	o      *order
	pace   pace
	dry    *counts      // of a dry run
	sample []client.Job // of a dry run
	export *exportRun   // of an export
	files  []string     // that an export has written

	mu    sync.Mutex
	sites map[string]*site // guarded by mu; by shard
}

// site is how far the action has come in one shard.
type site struct {
	shard string
	steps int // calls of bulk.lua that have arrived
	place int // ids of the plan that have been looked at
}

func newRun(a *Actions, o *order) *run {
	return &run{Actions: a, o: o, pace: pace{rate: o.Rate}, dry: &counts{}, sites: map[string]*site{}}
}

// all does what is left to do.
func (r *run) all(ctx context.Context) error {
	if err := r.readSites(ctx); err != nil {
		return err
	}
	if err := r.settleMoves(ctx); err != nil {
		return err
	}
	if r.o.Action == client.ActionExport && !r.o.DryRun {
		return r.exportAll(ctx)
	}
	return r.eachJob(ctx)
}

// eachJob looks at every job that is left, and does it.
func (r *run) eachJob(ctx context.Context) error {
	if r.o.Filter != nil {
		return r.walk(ctx, func(some []*sight) error { return r.part(ctx, some) })
	}
	return r.planned(ctx)
}

// readSites reads how far the action has come. Skips of a selection by filter are
// counted anew, for its jobs are looked at anew.
func (r *run) readSites(ctx context.Context) error {
	for _, shard := range r.o.shards {
		key := store.KeysOf(shard).Progress(r.o.id)
		if r.o.Filter != nil && !r.o.DryRun {
			fields := []string{}
			for _, why := range []string{skipNotFound, skipRunning, skipEnded, skipPending, skipGrouped, skipThere, skipEdited, skipDamaged} {
				fields = append(fields, "skipped:"+why)
			}
			if err := r.redis.HDel(ctx, key, fields...).Err(); err != nil {
				return wrap("read the progress of the action", err)
			}
		}
		values, err := r.redis.HMGet(ctx, key, "steps", "place").Result()
		if err != nil {
			return wrap("read the progress of the action", err)
		}
		s := &site{shard: shard}
		for n, into := range []*int{&s.steps, &s.place} {
			text, _ := values[n].(string)
			*into, _ = strconv.Atoi(text)
		}
		r.sites[shard] = s
	}
	return nil
}

// planned does the jobs that were named, in each shard from its place on.
func (r *run) planned(ctx context.Context) error {
	raw, err := r.redis.HGetAll(ctx, store.ActionKeysOf(r.o.id).Plan()).Result()
	if err != nil {
		return wrap("read the plan of the action", err)
	}
	plan := map[string][]string{}
	for shard, text := range raw {
		var ids []string
		if err := json.Unmarshal([]byte(text), &ids); err != nil || r.sites[shard] == nil {
			return fmt.Errorf("read the plan of action %s for %s: %w", r.o.id, shard, errors.Join(err, store.ErrCorrupt))
		}
		plan[shard] = ids[min(len(ids), r.sites[shard].place):]
	}
	for len(plan) > 0 {
		var some []*sight
		for shard, ids := range plan {
			n := min(len(ids), actionMany)
			targets := make([]target, n)
			for k, id := range ids[:n] {
				targets[k] = target{shard: shard, id: id}
			}
			seen, err := r.sights(ctx, shard, targets)
			if err != nil {
				return err
			}
			some = append(some, seen...)
			if plan[shard] = ids[n:]; len(ids) == n {
				delete(plan, shard)
			}
		}
		if err := r.part(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// part does some jobs, those of several shards at once, at the pace asked for.
func (r *run) part(ctx context.Context, some []*sight) error {
	for len(some) > 0 {
		n := len(some)
		if r.o.Rate > 0 {
			n = min(n, max(1, r.o.Rate/10))
		}
		if err := r.pace.wait(ctx, n); err != nil {
			return err
		}
		if err := r.lot(ctx, some[:n]); err != nil {
			return err
		}
		some = some[n:]
	}
	return nil
}

// lot does some jobs at once, and rests, so that live jobs have their turn.
func (r *run) lot(ctx context.Context, some []*sight) error {
	if r.o.DryRun {
		r.pretend(some)
		return ctx.Err()
	}
	began := time.Now()
	if r.export != nil {
		if err := r.exportLot(ctx, some); err != nil {
			return err
		}
		return pause(ctx, min(time.Since(began)/restShare, restMax))
	}
	byShard := map[string][]*sight{}
	var shards []string
	for _, s := range some {
		if byShard[s.shard] == nil {
			shards = append(shards, s.shard)
		}
		byShard[s.shard] = append(byShard[s.shard], s)
	}
	for group := range slices.Chunk(shards, shardsAtOnce) {
		if err := ctx.Err(); err != nil {
			return err
		}
		// What has begun is brought to its end, so that the count is that of what was done.
		if err := each(group, func(_ int, shard string) error { return r.inShard(context.WithoutCancel(ctx), shard, byShard[shard]) }); err != nil {
			return err
		}
	}
	return pause(ctx, min(time.Since(began)/restShare, restMax))
}

// pretend counts what would be done.
func (r *run) pretend(some []*sight) {
	now := time.Now()
	for _, s := range some {
		if _, skip := r.o.decide(s, now); skip != "" {
			r.dry.skip(skip, 1)
			continue
		}
		r.dry.Matched++
		if len(r.sample) < sampleMany && s.r != nil {
			if fresh, ok := s.again(); ok {
				r.sample = append(r.sample, fresh.view())
			}
		}
	}
}

// again reads the record once more: to decide has changed its message.
func (s *sight) again() (*record, bool) {
	r := *s.r
	msg, err := store.Decode([]byte(r.raw))
	r.msg = msg
	return &r, err == nil
}

// pace keeps to a number of jobs per second; 0 is as fast as it goes.
type pace struct {
	rate int
	next time.Time // when the next job may be done
}

// wait waits until n jobs may be done.
func (p *pace) wait(ctx context.Context, n int) error {
	if p.rate <= 0 {
		return ctx.Err()
	}
	now := time.Now()
	if p.next.Before(now) {
		p.next = now
	}
	until := p.next
	p.next = p.next.Add(time.Duration(n) * time.Second / time.Duration(p.rate))
	return pause(ctx, time.Until(until))
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// inShard does jobs of one shard, a script's worth at a time.
func (r *run) inShard(ctx context.Context, shard string, all []*sight) error {
	r.mu.Lock()
	at := r.sites[shard]
	r.mu.Unlock()
	if at == nil {
		return nil // a shard that is younger than the action
	}
	size := int64(-1)
	for len(all) > 0 {
		b := newBatch(r, at)
		if size < 0 && slices.ContainsFunc(all, func(s *sight) bool { return s.r != nil && s.r.state == jobs.StatePending }) {
			var err error
			if size, err = r.redis.LLen(ctx, b.keys.Pending()).Result(); err != nil {
				return wrap("read the length of the queue", err)
			}
		}
		if r.o.Action == client.ActionMove {
			var err error
			if b.shard, err = r.destination(ctx, at.steps); err != nil {
				return err
			}
		}
		n := 0
		for n < len(all) && b.room() {
			b.add(all[n], size)
			n++
		}
		all = all[n:]
		if err := b.send(ctx, n); err != nil {
			return err
		}
	}
	return nil
}
