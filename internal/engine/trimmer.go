package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

const (
	// trimEvery is how often too many failure groups are looked at.
	trimEvery = time.Minute
	// trimLook bounds the groups looked at then, trimLot those of one round trip.
	trimLook = 1000
	trimLot  = 50
)

// trimmer drops the failure groups that have not failed for the longest time, when
// there are too many. A group that has dead letters, or jobs that wait for a retry,
// stays.
type trimmer struct {
	redis redis.UniversalClient
	log   *slog.Logger
	hash  *redis.Script // deletes the hash of a group
	entry *redis.Script // takes its name out of the list
	next  time.Time     // when the next look may be
	from  int64         // rank at which it begins: those before stay
}

func newTrimmer(c redis.UniversalClient, log *slog.Logger) trimmer {
	return trimmer{
		redis: c, log: log,
		// KEYS: 1 hash of a group. ARGV: 1 its last failure as listed (Unix ms). Leaves
		// it alone when it has failed since, or is of another type. Cost: O(fields).
		hash: redis.NewScript(`local last = redis.pcall("HGET", KEYS[1], "last")
if type(last) == "table" or last and (tonumber(last) or 0) > tonumber(ARGV[1]) then
	return 0
end
return redis.call("DEL", KEYS[1])`),
		// KEYS: 1 sorted set. ARGV: 1 member, 2 its score as read. Cost: O(log set).
		entry: redis.NewScript(`if tonumber(redis.call("ZSCORE", KEYS[1], ARGV[1]) or "") == tonumber(ARGV[2]) then
	return redis.call("ZREM", KEYS[1], ARGV[1])
end
return 0`),
	}
}

// trim drops the given number of groups, or as many as one look finds.
func (t *trimmer) trim(ctx context.Context, excess int) {
	if time.Now().Before(t.next) {
		return
	}
	t.next = time.Now().Add(trimEvery)
	queues, err := t.redis.SMembers(ctx, store.KeyQueues).Result()
	dropped := 0
	for looked := 0; err == nil && looked < trimLook && dropped < excess; looked += trimLot {
		var n int
		var end bool
		n, end, err = t.look(ctx, queues, excess-dropped)
		dropped += n
		if end {
			t.from = 0
			break
		}
	}
	if err != nil {
		t.log.DebugContext(ctx, "old failure groups not dropped, trying again", "error", err)
	}
	if dropped > 0 {
		t.log.InfoContext(ctx, "old failure groups dropped: there are too many", "groups", dropped, "limit", store.GroupsMax)
	}
}

// look drops at most that many of the next groups; end says that there are no more.
func (t *trimmer) look(ctx context.Context, queues []string, most int) (dropped int, end bool, err error) {
	old, err := t.redis.ZRangeWithScores(ctx, store.KeyFailures, t.from, t.from+trimLot-1).Result()
	if err != nil {
		return 0, false, err
	}
	held, err := t.held(ctx, queues, old)
	if err != nil {
		return 0, false, err
	}
	for i, z := range old {
		if held[i] || dropped == most {
			t.from++
			continue
		}
		if err := t.drop(ctx, z); err != nil {
			return dropped, false, err
		}
		dropped++
	}
	return dropped, len(old) < trimLot, nil
}

// held reports of each group whether dead letters or retries hold it.
func (t *trimmer) held(ctx context.Context, queues []string, groups []redis.Z) ([]bool, error) {
	held := make([]bool, len(groups))
	if len(queues) == 0 {
		return held, nil
	}
	pipe := t.redis.Pipeline()
	sizes := make([][]*redis.IntCmd, len(groups))
	for i, z := range groups {
		fp, _ := z.Member.(string)
		for _, q := range queues {
			for _, state := range []jobs.State{jobs.StateArchived, jobs.StateRetry} {
				sizes[i] = append(sizes[i], pipe.Exists(ctx, store.KeysOf(q).Index(string(state), store.IndexFingerprint, fp)))
			}
		}
	}
	if len(groups) > 0 {
		if _, err := pipe.Exec(ctx); err != nil {
			return nil, err
		}
	}
	for i, cmds := range sizes {
		for _, cmd := range cmds {
			held[i] = held[i] || cmd.Val() > 0
		}
	}
	return held, nil
}

// drop forgets one group, unless it has failed since it was read: the hash first, so
// that a crash in between leaves a name in the list, which the next trim finds.
func (t *trimmer) drop(ctx context.Context, z redis.Z) error {
	fp, _ := z.Member.(string)
	if err := t.hash.Run(ctx, t.redis, []string{store.KeyFailurePrefix + fp}, z.Score).Err(); err != nil {
		return err
	}
	return t.entry.Run(ctx, t.redis, []string{store.KeyFailures}, fp, z.Score).Err()
}
