package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/failure"
	"legwork/internal/store"
	"legwork/jobs"
)

const (
	// reindexEvery is how often the sizes of the indexes are compared with those of
	// their states, reindexWhole how often every entry is.
	reindexEvery = time.Minute
	reindexWhole = time.Hour
	// reindexLot is how many jobs one call looks at, readLot how many it reads whole.
	reindexLot = 200
	readLot    = 20
	// reindexRest is how much longer it rests than a call took, to leave Redis to others.
	reindexRest = 2
)

// reindexer mends the indexes of dead letters and retries. Legwork's own scripts keep
// them, but other clients of asynq move jobs with asynq's scripts, which know nothing
// of them; and jobs may be older than the indexes.
type reindexer struct {
	redis     redis.UniversalClient
	queues    func(context.Context) ([]string, error)
	wrong     *complaints
	log       *slog.Logger
	unindexed *redis.Script
	reindex   *redis.Script
	prune     *redis.Script
	whole     time.Time // when every entry was last compared
}

func newReindexer(c redis.UniversalClient, queues func(context.Context) ([]string, error), wrong *complaints, log *slog.Logger) *reindexer {
	return &reindexer{
		redis: c, queues: queues, wrong: wrong, log: log, whole: time.Now(),
		unindexed: store.Script(luaFiles, "unindexed"), reindex: store.Script(luaFiles, "reindex"), prune: store.Script(luaFiles, "prune"),
	}
}

// run mends at once, and again and again until ctx ends.
func (r *reindexer) run(ctx context.Context) {
	r.round(ctx)
	every(ctx, reindexEvery, func() { r.round(ctx) })
}

// round looks after the indexes of every queue. What is wrong with one queue does not
// keep the others from it.
func (r *reindexer) round(ctx context.Context) {
	whole := time.Since(r.whole) >= reindexWhole
	if whole {
		r.whole = time.Now()
	}
	queues, err := r.queues(ctx)
	for _, q := range queues {
		for _, state := range []jobs.State{jobs.StateRetry, jobs.StateArchived} {
			switch err := r.tend(ctx, q, string(state), whole); {
			case faulty(err):
				r.wrong.about(ctx, q, err)
			case err != nil && ctx.Err() == nil:
				r.log.DebugContext(ctx, "indexes not looked after, trying again", "queue", q, "state", state, "error", err)
			}
		}
	}
	if err != nil && ctx.Err() == nil {
		r.log.DebugContext(ctx, "indexes not looked after, trying again", "error", err)
	}
}

// tend mends the indexes of one state of a queue, if they do not have its size or all
// is to be looked at.
func (r *reindexer) tend(ctx context.Context, queue, state string, whole bool) error {
	names, same, err := r.compare(ctx, queue, state)
	if err != nil || same && !whole {
		return err
	}
	pruned := 0
	for _, name := range names {
		n, err := r.pruneIndex(ctx, queue, state, name)
		if err != nil {
			return err
		}
		pruned += n
	}
	added, err := r.add(ctx, queue, state)
	if pruned+added > 0 {
		r.log.InfoContext(ctx, "indexes mended: another client has moved jobs, or they are older", "queue", queue, "state", state, "added", added, "removed", pruned)
	}
	return err
}

// compare returns the names of a state's indexes, and whether those by type hold as
// many jobs as the state.
func (r *reindexer) compare(ctx context.Context, queue, state string) (names []string, same bool, err error) {
	k := store.KeysOf(queue)
	if names, err = store.IndexNames(ctx, r.redis, k, state); err != nil {
		return nil, false, fmt.Errorf("read the names of the indexes of %s: %w", queue, err)
	}
	if same, err = store.IndexesWhole(ctx, r.redis, k, state, store.ByType(state, names)); err != nil {
		return nil, false, fmt.Errorf("read the sizes of the indexes of %s: %w", queue, err)
	}
	return names, same, nil
}

// pruneIndex takes what does not belong into an index out of it.
func (r *reindexer) pruneIndex(ctx context.Context, queue, state, name string) (pruned int, err error) {
	k := store.KeysOf(queue)
	keys := []string{k.State(state), k.IndexNamed(name), k.Indexes()}
	err = r.walk(ctx, k.IndexNamed(name), func(ids []any) error {
		n, err := r.prune.Run(ctx, r.redis, keys, append([]any{k.Prefix(), name}, ids...)...).Int()
		pruned += n
		return err
	})
	return pruned, err
}

// add puts every job of a state into the indexes that it is missing in.
func (r *reindexer) add(ctx context.Context, queue, state string) (added int, err error) {
	k := store.KeysOf(queue)
	err = r.walk(ctx, k.State(state), func(ids []any) error {
		missing, err := r.unindexed.Run(ctx, r.redis, []string{k.State(state)}, append([]any{k.Prefix(), state}, ids...)...).StringSlice()
		if err != nil {
			return err
		}
		for len(missing) > 0 && err == nil {
			lot := missing[:min(readLot, len(missing))]
			missing = missing[len(lot):]
			var n int
			n, err = r.addLot(ctx, k, state, lot)
			added += n
		}
		return err
	})
	return added, err
}

func (r *reindexer) addLot(ctx context.Context, k store.Keys, state string, ids []string) (int, error) {
	pipe := r.redis.Pipeline()
	cmds := make([]*redis.SliceCmd, len(ids))
	for i, id := range ids {
		cmds[i] = pipe.HMGet(ctx, k.Task(id), store.FieldMessage, store.FieldFails)
	}
	if _, err := pipe.Exec(ctx); err != nil && !faulty(err) {
		return 0, err
	}
	args := []any{k.Prefix(), state}
	for i, id := range ids {
		jobType, fingerprint, err := r.under(ctx, k.Task(id), cmds[i].Val())
		if err != nil {
			return 0, err
		}
		args = append(args, id, jobType, fingerprint)
	}
	return r.reindex.Run(ctx, r.redis, []string{k.State(state)}, args...).Int()
}

// under returns the type and the fingerprint of a job's last failure, from its message
// and its count of failed attempts. A job that cannot be read has the type "".
func (r *reindexer) under(ctx context.Context, key string, fields []any) (jobType, fingerprint string, err error) {
	if len(fields) != 2 {
		return "", "", nil
	}
	raw, _ := fields[0].(string)
	msg, err := store.Decode([]byte(raw))
	if err != nil {
		return "", "", nil //nolint:nilerr // a ghost, or no job at all
	}
	if text, ok := fields[1].(string); ok {
		fails, _ := strconv.Atoi(text)
		record, err := r.redis.HGet(ctx, key, store.FieldFailPrefix+strconv.Itoa(fails%store.AttemptsMax)).Bytes()
		if err != nil && !errors.Is(err, redis.Nil) && !faulty(err) {
			return "", "", err
		}
		var a store.Attempt
		if json.Unmarshal(record, &a) == nil && failure.Valid(a.Fingerprint) {
			return msg.Type, a.Fingerprint, nil
		}
	}
	if msg.Error == "" {
		return msg.Type, "", nil
	}
	return msg.Type, failure.Fingerprint(msg.Type, kindOfAsynqs(msg.Error), msg.Error, ""), nil
}

// walk calls step with every member of a sorted set that is in it all the time, and
// rests between.
func (r *reindexer) walk(ctx context.Context, key string, step func(ids []any) error) error {
	for cursor := uint64(0); ; {
		began := time.Now()
		pairs, next, err := r.redis.ZScan(ctx, key, cursor, "", reindexLot).Result()
		if err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		var ids []any
		for i := 0; i < len(pairs); i += 2 {
			ids = append(ids, pairs[i])
		}
		if len(ids) > 0 {
			if err := step(ids); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(reindexRest * time.Since(began)):
		}
	}
}
