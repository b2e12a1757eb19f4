package engine

import (
	"context"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// tidy is a Redis client for asynq servers that mends two things which they do
// beside their jobs: their heartbeats leave the payloads of running jobs at home, and
// their recoverers leave alone the jobs that a process of Legwork holds.
type tidy struct{ redis.UniversalClient }

// EvalSha is how asynq runs a script that Redis knows.
func (c tidy) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	kind := scriptKindOf(sha)
	cmd := c.UniversalClient.EvalSha(ctx, sha, keys, tidyArgs(kind, args)...)
	return c.tidyAnswer(ctx, kind, keys, cmd)
}

// Eval is how asynq runs a script that Redis has forgotten.
func (c tidy) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	kind := scriptKindOf(redis.NewScript(script).Hash())
	cmd := c.UniversalClient.Eval(ctx, script, keys, tidyArgs(kind, args)...)
	return c.tidyAnswer(ctx, kind, keys, cmd)
}

func tidyArgs(kind scriptKind, args []any) []any {
	if kind == scriptHeartbeat {
		return withoutPayloads(args)
	}
	return args
}

func (c tidy) tidyAnswer(ctx context.Context, kind scriptKind, keys []string, cmd *redis.Cmd) *redis.Cmd {
	if kind == scriptExpired {
		c.withoutHeld(ctx, queueOf(keys), cmd)
	}
	return cmd
}

// withoutHeld takes out of a list of expired jobs those that a process of Legwork
// holds: asynq's leases are times of the clock of the process that holds the job,
// and one that is behind by a minute would lose jobs that run to another one. The
// reaper, which goes by the pulses of processes, sees to those. What nobody can read
// is left out, too: asynq would stop at it.
func (c tidy) withoutHeld(ctx context.Context, queue string, cmd *redis.Cmd) {
	expired, err := cmd.StringSlice()
	if err != nil || len(expired) == 0 {
		return
	}
	var readable []string
	var ids []string
	for _, raw := range expired {
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
