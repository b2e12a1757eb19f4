package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

const (
	wholesMany = 20        // jobs read whole in one round trip
	dropMany   = 100       // letters of one call of drop.lua
	dropSize   = 512 << 10 // bytes of one call, unless one letter has more
)

// wholes reads jobs with all that is kept of them, in the order of the ids. What is
// under the key of a job and is none has nil fields and an error beside it.
func (i *Inspector) wholes(ctx context.Context, shard string, refs []ref) ([]*whole, []error, error) {
	k := store.KeysOf(shard)
	out, errs := make([]*whole, 0, len(refs)), make([]error, 0, len(refs))
	for chunk := range slices.Chunk(refs, wholesMany) {
		pipe := i.redis.Pipeline()
		cmds := make([]*redis.MapStringStringCmd, len(chunk))
		for n, r := range chunk {
			cmds[n] = pipe.HGetAll(ctx, k.Task(r.id))
		}
		_, _ = pipe.Exec(ctx) // each command carries its own error
		for n, cmd := range cmds {
			if cmd.Err() != nil && !store.WrongType(cmd.Err()) {
				return nil, nil, fmt.Errorf("read jobs of %s: %w", shard, cmd.Err())
			}
			out = append(out, &whole{shard: shard, id: chunk[n].id, score: chunk[n].score, fields: cmd.Val()})
			errs = append(errs, cmd.Err())
		}
	}
	return out, errs, nil
}

// letterRef is a dead letter's place.
type letterRef struct {
	ref
	shard string
}

// oldest returns up to n dead letters of a queue, the oldest of all its shards first.
// Of each shard the first skip[shard] are passed over.
func (i *Inspector) oldest(ctx context.Context, shards []string, skip map[string]int, n int) ([]letterRef, error) {
	pipe := i.redis.Pipeline()
	cmds := make([]*redis.ZSliceCmd, len(shards))
	for k, s := range shards {
		cmds[k] = pipe.ZRangeWithScores(ctx, store.KeysOf(s).Archived(), int64(skip[s]), int64(skip[s]+n-1))
	}
	if err := exec(ctx, pipe); err != nil {
		return nil, fmt.Errorf("read the oldest dead letters: %w", err)
	}
	var all []letterRef
	for k, cmd := range cmds {
		for _, z := range cmd.Val() {
			id, _ := z.Member.(string)
			all = append(all, letterRef{ref: ref{id: id, score: z.Score}, shard: shards[k]})
		}
	}
	slices.SortStableFunc(all, func(a, b letterRef) int { return cmp.Compare(a.score, b.score) })
	return all[:min(n, len(all))], nil
}

// drop deletes dead letters of one shard, if they are still as they were read, and
// reports which it did.
func (i *Inspector) drop(ctx context.Context, shard string, letters []*whole) ([]bool, error) {
	k := store.KeysOf(shard)
	out := make([]bool, 0, len(letters))
	for len(letters) > 0 {
		args, size, n := []any{k.Prefix()}, 0, 0
		for n < min(dropMany, len(letters)) && (n == 0 || size+len(letters[n].fields[store.FieldMessage]) < dropSize) {
			msg := letters[n].fields[store.FieldMessage]
			args = append(args, letters[n].id, msg, letters[n].fields[store.FieldFails])
			size += len(msg)
			n++
		}
		codes, err := i.shed.Run(ctx, i.redis, []string{k.Archived()}, args...).Int64Slice()
		if err != nil {
			return out, fmt.Errorf("delete dead letters of %s: %w", shard, err)
		}
		for _, code := range codes {
			out = append(out, code == 1)
		}
		letters = letters[n:]
	}
	return out, nil
}

// dead reports whether a job that stands among the dead letters is one.
func (w *whole) dead() bool { return w.state() == jobs.StateArchived }

// lines returns an export's lines of jobs of one shard, in the order of the ids. Jobs
// that are gone have none, nor has what is no job; of a dead letter whose body is gone,
// the line says so.
func (i *Inspector) lines(ctx context.Context, shard string, ids []string) ([][]byte, error) {
	k := store.KeysOf(shard)
	out := make([][]byte, 0, len(ids))
	for chunk := range slices.Chunk(ids, wholesMany) {
		pipe := i.redis.Pipeline()
		hashes, deaths := make([]*redis.MapStringStringCmd, len(chunk)), make([]*redis.FloatCmd, len(chunk))
		for n, id := range chunk {
			hashes[n], deaths[n] = pipe.HGetAll(ctx, k.Task(id)), pipe.ZScore(ctx, k.Archived(), id)
		}
		_, _ = pipe.Exec(ctx) // each command carries its own error
		for n, id := range chunk {
			for _, err := range []error{hashes[n].Err(), deaths[n].Err()} {
				if err != nil && !errors.Is(err, redis.Nil) && !store.WrongType(err) {
					return nil, fmt.Errorf("read jobs of %s: %w", shard, err)
				}
			}
			if dead := deaths[n].Err() == nil; len(hashes[n].Val()) > 0 || dead && hashes[n].Err() == nil {
				w := &whole{shard: shard, id: id, score: deaths[n].Val(), fields: hashes[n].Val()}
				out = append(out, w.line())
			}
		}
	}
	return out, nil
}
