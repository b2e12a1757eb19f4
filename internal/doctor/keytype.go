package doctor

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// typed is a key and the type that asynq and Legwork expect of it.
type typed struct{ key, want string }

// keyTypes looks for keys under asynq's names that are of another type: every
// command on them fails (WRONGTYPE).
func keyTypes(ctx context.Context, p *patient) []Finding {
	all := []typed{
		{store.KeyQueues, "set"}, {store.KeyWorkers, "set"}, {keyServers, "zset"},
		{"asynq:workers", "zset"}, {"asynq:schedulers", "zset"},
	}
	for _, q := range p.queues {
		k := store.KeysOf(q)
		for _, key := range []string{k.Pending(), k.Active()} {
			all = append(all, typed{key, "list"})
		}
		for _, key := range []string{k.Lease(), k.Scheduled(), k.Retry(), k.Archived(), k.Completed()} {
			all = append(all, typed{key, "zset"})
		}
		for _, key := range []string{k.Paused(), k.Processed(), k.Failed()} {
			all = append(all, typed{key, "string"})
		}
	}
	for _, key := range p.scan.keys {
		all = append(all, typed{key, "hash"})
	}
	pipe := p.redis.Pipeline()
	answers := make([]*redis.StatusCmd, len(all))
	for i, t := range all {
		answers[i] = pipe.Type(ctx, t.key)
	}
	if err := exec(ctx, pipe); err != nil {
		return []Finding{unknown(CodeKeyTypes, err)}
	}
	var wrong []string
	for i, t := range all {
		got, err := answers[i].Result()
		switch {
		case err != nil:
			return []Finding{unknown(CodeKeyTypes, err)}
		case got != t.want && got != "none":
			wrong = append(wrong, fmt.Sprintf("%s is a %s, not a %s", t.key, got, t.want))
		}
	}
	value := fmt.Sprintf("of %d keys looked at", len(all))
	if len(wrong) == 0 {
		return []Finding{ok(CodeKeyTypes, "none wrong "+value)}
	}
	f := fail(CodeKeyTypes, fmt.Sprintf("%d wrong %s", len(wrong), value),
		"Another program writes to asynq's names. Give it a Redis database of its own, and rename or delete these keys (redis-cli RENAME).")
	f.Examples = some(wrong)
	return []Finding{f}
}
