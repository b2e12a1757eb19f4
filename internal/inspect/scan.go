package inspect

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

// Bounds of what a scan reads at once. It begins with what may be enough.
const (
	scanChunkMin = 200
	scanChunkMax = 500
	scanBytes    = 4 << 20 // of messages, about
)

// open returns what the filter covers: a section for each of its states, in their order,
// over the shards of its queues. The error is a *[jobs.Error].
func (i *Inspector) open(ctx context.Context, m *matcher) ([]*section, error) {
	groups, err := i.shards(ctx)
	if err != nil {
		return nil, err
	}
	var shards []string
	for queue, some := range groups {
		if m.filter.Queue == "" || m.filter.Queue == queue {
			shards = append(shards, some...)
		}
	}
	slices.SortFunc(shards, compareShards)
	var all []*section
	for _, state := range m.states() {
		all = append(all, newSection(m, state, shards))
	}
	return all, nil
}

// compareShards orders shards by their queues, then by their numbers.
func compareShards(a, b string) int {
	return cmp.Or(strings.Compare(store.QueueOf(a), store.QueueOf(b)), cmp.Compare(store.ShardNumber(a), store.ShardNumber(b)), strings.Compare(a, b))
}

// scan yields the section's jobs in order, some at a time: first as many as asked for,
// then more. From then on the next are read while the caller looks at those before. An
// error, which is Redis's, ends it.
func (i *Inspector) scan(ctx context.Context, s *section, n int) iter.Seq2[[]*entry, error] {
	type answer struct {
		some []*entry
		err  error
	}
	return func(yield func([]*entry, error) bool) {
		var ahead chan answer
		for first := true; ; first = false {
			var got answer
			if ahead != nil {
				got = <-ahead
			} else {
				got.some, got.err = i.next(ctx, s, n)
			}
			if got.err != nil || len(got.some) == 0 {
				if got.err != nil {
					yield(nil, got.err)
				}
				return
			}
			n = chunkAfter(got.some, n)
			if !first {
				ahead = make(chan answer, 1)
				go func() {
					some, err := i.next(ctx, s, n)
					ahead <- answer{some, err}
				}()
			}
			if !yield(got.some, nil) {
				if ahead != nil {
					<-ahead
				}
				return
			}
		}
	}
}

// chunkAfter is how many jobs to read after some: twice as many, within bounds.
func chunkAfter(some []*entry, n int) int {
	size := 0
	for _, e := range some {
		if e.r != nil {
			size += len(e.r.raw)
		}
	}
	n = min(max(2*n, scanChunkMin), scanChunkMax)
	if size > 0 {
		n = min(n, max(1, scanBytes*len(some)/size))
	}
	return n
}

// records reads the jobs of the entries in one round trip; one that is gone is nil, and
// one whose key holds something else has nothing but its id.
func (i *Inspector) records(ctx context.Context, state jobs.State, some []*entry) error {
	pipe := i.redis.Pipeline()
	cmds := make([]*redis.SliceCmd, len(some))
	fields := recordFields()
	for n, e := range some {
		if !e.again {
			cmds[n] = pipe.HMGet(ctx, store.KeysOf(e.lane.shard).Task(e.id), fields...)
		}
	}
	if pipe.Len() == 0 {
		return nil
	}
	_, _ = pipe.Exec(ctx) // each command carries its own error
	var missing []*entry
	for n, e := range some {
		if cmds[n] == nil {
			continue
		}
		switch err := cmds[n].Err(); {
		case store.WrongType(err):
			e.r = e.ghost(state, textAlien)
		case err != nil:
			return err
		default:
			if r, ok := newRecord(e.lane.shard, e.id, cmds[n].Val()); ok {
				r.due = e.score
				e.r = r
			} else {
				missing = append(missing, e)
			}
		}
	}
	return i.ghosts(ctx, state, missing)
}
