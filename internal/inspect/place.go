package inspect

import (
	"context"
	"errors"
	"strconv"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

// ref is one entry of a state's list or set.
type ref struct {
	id     string
	score  float64 // in a sorted set
	offset int64   // in a list
}

// isList reports whether the state's jobs are kept in a list, newest first; the
// others are in sorted sets.
func isList(s jobs.State) bool { return s == jobs.StatePending || s == jobs.StateActive }

// newestLast reports whether the state's sorted set is read from its start: the
// next due comes first there.
func newestLast(s jobs.State) bool { return s == jobs.StateScheduled || s == jobs.StateRetry }

// start is the place after the cursor's job. When that job has left, it is where
// the job stood: by place in a list, before its equals in a sorted set.
func (i *Inspector) start(ctx context.Context, s section) (int64, error) {
	if s.from == nil {
		return 0, nil
	}
	key := store.KeysOf(s.queue).State(string(s.state))
	var place int64
	var err error
	switch {
	case isList(s.state):
		place, err = i.redis.LPos(ctx, key, s.from.ID, redis.LPosArgs{}).Result()
	case newestLast(s.state):
		place, err = i.redis.ZRank(ctx, key, s.from.ID).Result()
	default:
		place, err = i.redis.ZRevRank(ctx, key, s.from.ID).Result()
	}
	switch {
	case err == nil:
		return place + 1, nil
	case !errors.Is(err, redis.Nil):
		return 0, err
	}
	score := strconv.FormatFloat(s.from.Score, 'f', -1, 64)
	switch {
	case isList(s.state):
		return s.from.Offset, nil
	case newestLast(s.state):
		return i.redis.ZCount(ctx, key, "-inf", "("+score).Result()
	default:
		return i.redis.ZCount(ctx, key, "("+score, "+inf").Result()
	}
}

// refs returns up to n entries of the section from a place on.
func (i *Inspector) refs(ctx context.Context, s section, start, n int64) ([]ref, error) {
	key := store.KeysOf(s.queue).State(string(s.state))
	if isList(s.state) {
		ids, err := i.redis.LRange(ctx, key, start, start+n-1).Result()
		if err != nil {
			return nil, err
		}
		out := make([]ref, len(ids))
		for k, id := range ids {
			out[k] = ref{id: id, offset: start + int64(k)}
		}
		return out, nil
	}
	query := redis.ZRangeArgs{Key: key, Start: start, Stop: start + n - 1, Rev: !newestLast(s.state)}
	members, err := i.redis.ZRangeArgsWithScores(ctx, query).Result()
	if err != nil {
		return nil, err
	}
	out := make([]ref, len(members))
	for k, z := range members {
		id, _ := z.Member.(string)
		out[k] = ref{id: id, score: z.Score}
	}
	return out, nil
}
