package engine

import (
	"context"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// expired is the Redis client behind the seam: it takes out of the list that asynq's
// recoverer asks for the jobs that a process of Legwork holds.
type expired struct{ redis.UniversalClient }

// EvalSha is how asynq runs a script that Redis knows.
func (c expired) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	cmd := c.UniversalClient.EvalSha(ctx, sha, keys, args...)
	if scriptKindOf(sha) == scriptExpired {
		c.withoutHeld(ctx, queueOf(keys), cmd)
	}
	return cmd
}

// Eval is how asynq runs a script that Redis has forgotten.
func (c expired) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	cmd := c.UniversalClient.Eval(ctx, script, keys, args...)
	if scriptKindOf(redis.NewScript(script).Hash()) == scriptExpired {
		c.withoutHeld(ctx, queueOf(keys), cmd)
	}
	return cmd
}

// withoutHeld takes out of a list of expired jobs those that a process of Legwork
// holds: asynq's leases are times of the clock of the process that holds the job,
// and one that is behind by a minute would lose jobs that run to another one. The
// reaper, which goes by the pulses of processes, sees to those. What nobody can read
// is left out, too: asynq would stop at it.
func (c expired) withoutHeld(ctx context.Context, queue string, cmd *redis.Cmd) {
	list, err := cmd.StringSlice()
	if err != nil || len(list) == 0 {
		return
	}
	var readable []string
	var ids []string
	for _, raw := range list {
		if m, err := store.Decode([]byte(raw)); err == nil && store.Readable([]byte(raw)) {
			readable, ids = append(readable, raw), append(ids, m.ID)
		}
	}
	if len(ids) == 0 {
		cmd.SetVal([]any{})
		return
	}
	holders, err := c.HMGet(ctx, store.KeysOf(queue).Holders(), ids...).Result()
	if err != nil {
		cmd.SetErr(err)
		return
	}
	left := []any{}
	for i, raw := range readable {
		if holders[i] == nil {
			left = append(left, raw)
		}
	}
	cmd.SetVal(left)
}
