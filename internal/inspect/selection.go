package inspect

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"

	"github.com/redis/go-redis/v9"

	"legwork/client"
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

// walk yields the jobs that the order's filter selects, many of some shards at a time,
// until yield returns an error. What yield takes out of its place is not looked at
// again; what it leaves there may be. What cannot be read, because something else stands
// under its key, is an error once the others are through.
func (r *run) walk(ctx context.Context, yield func([]*sight) error) error {
	m, err := newMatcher(*r.o.Filter)
	if err != nil {
		return err
	}
	var faults []client.Fault
	for _, state := range r.o.states() {
		for shards := range slices.Chunk(r.o.shards, shardsAtOnce) {
			s := newSection(m, state, shards)
			if err := r.walkSection(ctx, m, s, yield); err != nil {
				return err
			}
			faults = append(faults, s.faults()...)
		}
	}
	if len(faults) > 0 {
		return jobs.Errorf(jobs.CodeConflict, "queue %s cannot be read, the others are through: %s", faults[0].Queue, faults[0].Detail)
	}
	return nil
}

func (r *run) walkSection(ctx context.Context, m *matcher, s *section, yield func([]*sight) error) error {
	if err := r.lookUp(ctx, m, s); err != nil {
		return wrap("look for the jobs", err)
	}
	for lanes := s.lanes; ; {
		lanes = slices.DeleteFunc(slices.Clone(lanes), func(l *lane) bool { return l.dry })
		if len(lanes) == 0 {
			return nil
		}
		if err := r.read(ctx, s, lanes, actionMany); err != nil {
			return wrap("look for the jobs", err)
		}
		seen := make([][]*sight, len(lanes))
		err := each(lanes, func(n int, l *lane) (err error) {
			seen[n], err = r.sights(ctx, l.shard, l.targets(s.state))
			return err
		})
		if err != nil {
			return err
		}
		selected := slices.DeleteFunc(slices.Concat(seen...), func(v *sight) bool { return !m.selects(v) || r.o.late(v) || v.action == r.o.id })
		if len(selected) == 0 {
			continue
		}
		if err := yield(selected); err != nil {
			return err
		}
	}
}

// targets takes what the lane has read. It remembers no ids of a list: to look for them
// takes long, and to look at some jobs again does no harm.
func (l *lane) targets(state jobs.State) []target {
	var all []target
	for _, ref := range l.refs {
		all = append(all, target{shard: l.shard, id: ref.id, state: state, score: ref.score, ahead: min(ref.ahead, ref.tail), tail: ref.tail < ref.ahead})
	}
	if l.refs = nil; isList(state) && l.from != nil {
		l.from = &mark{tail: l.from.tail, since: math.MaxInt64}
	}
	return all
}

// selects reports whether the job is still where it was found and passes the filter;
// a job without a body passes one that asks for nothing in it.
func (m *matcher) selects(s *sight) bool {
	if s.r == nil {
		return !m.reading
	}
	return s.r.state == s.state && m.passes(s.r)
}

// sights reads the jobs in one round trip.
func (a *Actions) sights(ctx context.Context, shard string, targets []target) ([]*sight, error) {
	if len(targets) == 0 {
		return nil, nil
	}
	k := store.KeysOf(shard)
	pipe := a.redis.Pipeline()
	reads := make([]*redis.SliceCmd, len(targets))
	fields := append(recordFields(), store.FieldAction)
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
			out[n].action, _ = values[len(values)-1].(string)
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
