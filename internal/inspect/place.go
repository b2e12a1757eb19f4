package inspect

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"legwork/jobs"
)

// ref is one entry of a state's list or set.
type ref struct {
	id    string
	score float64 // in a sorted set
	tail  int64   // in a list: entries behind it
}

// isList reports whether the state's jobs are kept in a list, newest first; the
// others are in sorted sets.
func isList(s jobs.State) bool { return s == jobs.StatePending || s == jobs.StateActive }

// newestLast reports whether the state's sorted set is read from its start: the
// next due comes first there.
func newestLast(s jobs.State) bool { return s == jobs.StateScheduled || s == jobs.StateRetry }

// start is the place after the last job of the lane. When that job has left, it is where
// the job stood, or earlier, so that nothing is passed over: a list grows at its
// head and is used up from its tail, so the place is counted from the tail; in a
// sorted set it is before the job's equals.
func (i *Inspector) start(ctx context.Context, state jobs.State, l *lane) (int64, error) {
	if l.last == nil {
		return 0, nil
	}
	key := l.key(state)
	if isList(state) {
		return i.startInList(ctx, key, l.last)
	}
	return i.startInSet(ctx, key, l.last, !newestLast(state))
}

func (i *Inspector) startInList(ctx context.Context, key string, from *mark) (int64, error) {
	place, err := i.redis.LPos(ctx, key, from.ID, redis.LPosArgs{}).Result()
	if !errors.Is(err, redis.Nil) {
		return place + 1, err
	}
	size, err := i.redis.LLen(ctx, key).Result()
	return max(0, size-from.Tail), err
}

// startInSet takes a job with another score than the cursor's for one that has
// left and come back.
func (i *Inspector) startInSet(ctx context.Context, key string, from *mark, reverse bool) (int64, error) {
	pipe := i.redis.Pipeline()
	score := pipe.ZScore(ctx, key, from.ID)
	rank, low, high := pipe.ZRank, "-inf", "("+from.Score
	if reverse {
		rank, low, high = pipe.ZRevRank, "("+from.Score, "+inf"
	}
	place := rank(ctx, key, from.ID)
	before := pipe.ZCount(ctx, key, low, high)
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, redis.Nil) {
		return 0, err
	}
	if score.Err() == nil && place.Err() == nil && scoreText(score.Val()) == from.Score {
		return place.Val() + 1, nil
	}
	return before.Result()
}

// refs returns up to n entries of the lane, from a place on.
func (i *Inspector) refs(ctx context.Context, state jobs.State, l *lane, start, n int64) ([]ref, error) {
	key := l.key(state)
	if isList(state) {
		pipe := i.redis.Pipeline()
		ids := pipe.LRange(ctx, key, start, start+n-1)
		size := pipe.LLen(ctx, key) // after the range: what comes in between makes the tails longer, which is safe
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, err
		}
		out := make([]ref, len(ids.Val()))
		for k, id := range ids.Val() {
			out[k] = ref{id: id, tail: max(0, size.Val()-start-int64(k)-1)}
		}
		return out, nil
	}
	query := redis.ZRangeArgs{Key: key, Start: start, Stop: start + n - 1, Rev: !newestLast(state)}
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
