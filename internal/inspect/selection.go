package inspect

import (
	"context"
	"errors"
	"sync"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

// locateMany bounds the ids looked for in one round trip.
const locateMany = 500

// target is a job that an action is to look at.
type target struct {
	shard, id string
	state     jobs.State // where it was found by a filter; "" by id
	score     float64    // in the set of that state
	ahead     int64      // in a list found by a filter: entries between it and the end it is nearer to
	tail      bool       // in a list: that end is the right one
}

// side is the end of a list that LREM is to look from.
func (t *target) side() string {
	if t.tail {
		return "-1"
	}
	return "1"
}

// locate finds the shards of the jobs that the order names. A job that changes shards
// from then on is looked for in vain.
func (a *Actions) locate(ctx context.Context, o *order) (plan map[string][]string, missing int, err error) {
	plan = map[string][]string{}
	for ids := o.IDs; len(ids) > 0 && len(o.shards) > 0; {
		n := min(len(ids), max(1, locateMany/len(o.shards)))
		pipe := a.redis.Pipeline()
		there := make([]*redis.IntCmd, 0, n*len(o.shards))
		for _, id := range ids[:n] {
			for _, shard := range o.shards {
				there = append(there, pipe.Exists(ctx, store.KeysOf(shard).Task(id)))
			}
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, 0, wrap("look for the jobs", err)
		}
		for k, id := range ids[:n] {
			at := -1
			for s := range o.shards {
				if there[k*len(o.shards)+s].Val() == 1 {
					at = s
					break
				}
			}
			if at < 0 {
				missing++
				continue
			}
			plan[o.shards[at]] = append(plan[o.shards[at]], id)
		}
		ids = ids[n:]
	}
	if len(o.shards) == 0 {
		missing = len(o.IDs)
	}
	return plan, missing, nil
}

// estimate is about how many jobs the order has to look at, or -1 when only looking
// tells.
func (a *Actions) estimate(ctx context.Context, o *order) (int, error) {
	f := *o.Filter
	f.State, f.Queue = "", ""
	if !filterEmpty(f) || len(o.shards) == 0 {
		return -1, nil
	}
	pipe := a.redis.Pipeline()
	var sizes []*redis.IntCmd
	for _, shard := range o.shards {
		for _, state := range o.states() {
			if key := store.KeysOf(shard).State(string(state)); isList(state) {
				sizes = append(sizes, pipe.LLen(ctx, key))
			} else {
				sizes = append(sizes, pipe.ZCard(ctx, key))
			}
		}
	}
	_, _ = pipe.Exec(ctx) // each command carries its own error
	total := 0
	for _, s := range sizes {
		if err := s.Err(); err != nil && !store.WrongType(err) {
			return 0, wrap("count the jobs", err)
		}
		total += int(s.Val())
	}
	return total, nil
}

// stretch is a part of one shard's jobs in one state.
type stretch struct {
	shard string
	last  *mark // the last job looked at; nil: none yet
	dry   bool  // nothing is behind it
}

// walk yields the jobs that the order's filter selects, many of some shards at a time,
// until yield returns an error. What yield takes out of its place is not looked at
// again; what it leaves there may be.
func (r *run) walk(ctx context.Context, yield func([]*sight) error) error {
	for _, state := range r.o.states() {
		for shards := r.o.shards; len(shards) > 0; {
			n := min(len(shards), shardsAtOnce)
			var some []*stretch
			for _, shard := range shards[:n] {
				some = append(some, &stretch{shard: shard})
			}
			shards = shards[n:]
			if err := r.walkStretches(ctx, state, some, yield); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) walkStretches(ctx context.Context, state jobs.State, some []*stretch, yield func([]*sight) error) error {
	m, err := newMatcher(*r.o.Filter)
	if err != nil {
		return err
	}
	for {
		seen := make([][]*sight, len(some))
		err := each(some, func(n int, s *stretch) (err error) {
			seen[n], err = r.next(ctx, state, s)
			return err
		})
		if err != nil {
			return err
		}
		var selected []*sight
		left := false
		for n, s := range some {
			left = left || !s.dry
			for _, v := range seen[n] {
				if m.selects(v) && !r.o.late(v) && v.action != r.o.id {
					selected = append(selected, v)
				}
			}
		}
		if len(selected) > 0 {
			if err := yield(selected); err != nil {
				return err
			}
		}
		if !left {
			return nil
		}
	}
}

// selects reports whether the job is still where it was found and passes the filter;
// a job without a body passes one that asks for nothing in it.
func (m *matcher) selects(s *sight) bool {
	if s.r == nil {
		return !m.reading
	}
	return s.r.state == s.state && m.passes(s.r)
}

// next reads the jobs that follow in the stretch.
func (r *run) next(ctx context.Context, state jobs.State, s *stretch) ([]*sight, error) {
	if s.dry {
		return nil, nil
	}
	start, err := r.startOf(ctx, state, s)
	if err != nil {
		return nil, wrap("look for the jobs", err)
	}
	refs, err := r.refs(ctx, state, &lane{shard: s.shard}, start, actionMany)
	if err != nil {
		return nil, wrap("look for the jobs", err)
	}
	s.dry = len(refs) < actionMany
	targets := make([]target, len(refs))
	for n, ref := range refs {
		place := start + int64(n)
		targets[n] = target{shard: s.shard, id: ref.id, state: state, score: ref.score, ahead: min(place, ref.tail), tail: ref.tail < place}
		s.last = &mark{ID: ref.id, Tail: ref.tail}
		if !isList(state) {
			s.last.Score = scoreText(ref.score)
		}
	}
	return r.sights(ctx, s.shard, targets)
}

// startOf is [Inspector.start], without looking for the last job in a list: it may be
// long, and to look at some jobs again does no harm.
func (r *run) startOf(ctx context.Context, state jobs.State, s *stretch) (int64, error) {
	key := store.KeysOf(s.shard).State(string(state))
	switch {
	case s.last == nil:
		return 0, nil
	case isList(state):
		size, err := r.redis.LLen(ctx, key).Result()
		return max(0, size-s.last.Tail), err
	}
	return r.startInSet(ctx, key, s.last, !newestLast(state))
}

// sights reads the jobs in one round trip.
func (a *Actions) sights(ctx context.Context, shard string, targets []target) ([]*sight, error) {
	if len(targets) == 0 {
		return nil, nil
	}
	k := store.KeysOf(shard)
	pipe := a.redis.Pipeline()
	reads := make([]*redis.SliceCmd, len(targets))
	fields := append(recordFields(), store.FieldAction, store.FieldRetriedAs)
	for n, t := range targets {
		reads[n] = pipe.HMGet(ctx, k.Task(t.id), fields...)
	}
	_, _ = pipe.Exec(ctx) // each command carries its own error
	out := make([]*sight, len(targets))
	for n, read := range reads {
		values, err := read.Result()
		out[n] = &sight{target: targets[n]}
		switch {
		case err == nil:
			if rec, ok := newRecord(shard, targets[n].id, values); ok {
				rec.due = targets[n].score
				out[n].r = rec
			}
			out[n].action, _ = values[len(values)-2].(string)
			out[n].copied = values[len(values)-1] != nil
		case !store.WrongType(err):
			return nil, wrap("read the jobs", err)
		}
	}
	return out, nil
}

// each calls do for every one of them at once, and returns their errors.
func each[T any](all []T, do func(int, T) error) error {
	if len(all) == 1 {
		return do(0, all[0])
	}
	errs := make([]error, len(all))
	var calls sync.WaitGroup
	for n, one := range all {
		calls.Go(func() { errs[n] = do(n, one) })
	}
	calls.Wait()
	return errors.Join(errs...)
}
