package engine

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// A Redis over its maxmemory refuses commands that may need memory (OOM), inside
// scripts too. But it lets a script go on that has already written, and commands
// that only remove are never refused. So a script whose first write removes
// something, if only what is not there, runs to its end. Redis 3 to 8 and Valkey
// do so (script.c, scriptVerifyOOM: SCRIPT_WRITE_DIRTY); the flag allow-oom in a
// script's first line is Redis 7's, and a syntax error to Redis 6.
//
// The scripts that take, start, end and give back jobs are written that way, so
// that a full Redis drains. Those below keep a process from passing for dead
// meanwhile, which would have its jobs run a second time.
type vital struct{ renew, enlist, extend *redis.Script }

func newVital() vital {
	return vital{
		// KEYS: 1 a string. ARGV: 1 value, 2 time to live (ms). Cost: O(1).
		renew: redis.NewScript(`redis.call("DEL", KEYS[1])
return redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])`),
		// KEYS: 1 a set. ARGV: 1 member. Cost: O(1).
		enlist: redis.NewScript(`redis.call("SREM", KEYS[1], "")
return redis.call("SADD", KEYS[1], ARGV[1])`),
		// KEYS: 1 lease set. ARGV: for each job the end of its lease (Unix s) and its
		// id. Jobs that have none are left alone. Cost: O(jobs * log lease).
		extend: redis.NewScript(`redis.call("ZREM", KEYS[1], "")
for i = 1, #ARGV, 2 do
	redis.call("ZADD", KEYS[1], "XX", ARGV[i], ARGV[i + 1])
end
return 0`),
	}
}

// set is SET with a time to live.
func (v vital) set(ctx context.Context, c redis.UniversalClient, key string, value any, ttl time.Duration) error {
	return v.renew.Run(ctx, c, []string{key}, value, ttl.Milliseconds()).Err()
}

// add is SADD.
func (v vital) add(ctx context.Context, c redis.UniversalClient, key, member string) error {
	return v.enlist.Run(ctx, c, []string{key}, member).Err()
}

// lengthen is ZADD XX.
func (v vital) lengthen(ctx context.Context, c redis.UniversalClient, key string, members []redis.Z) *redis.IntCmd {
	args := make([]any, 0, 2*len(members))
	for _, m := range members {
		args = append(args, m.Score, m.Member)
	}
	cmd := redis.NewIntCmd(ctx)
	n, err := v.extend.Run(ctx, c, []string{key}, args...).Int64()
	cmd.SetVal(n)
	cmd.SetErr(err)
	return cmd
}

// ZAddXX is how asynq extends the leases of the jobs it runs; without it, it gives
// them up after 30 s.
func (s *seam) ZAddXX(ctx context.Context, key string, members ...redis.Z) *redis.IntCmd {
	return s.worker.vital.lengthen(ctx, s.UniversalClient, key, members)
}
