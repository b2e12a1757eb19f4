package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// claimTTL outlives every enqueue call, so that a claim is never lost while its
// holder may still write, and frees the id soon after a crash.
const claimTTL = 10 * time.Second

// claims makes ids that callers choose unique over all queues. asynq's own
// check covers one queue, because a job's key begins with its queue. A claim is
// held from the look into the other queues until the job is written.
type claims struct{ redis redis.UniversalClient }

// take claims the chosen ids among the entries, sets errTaken on those that
// another queue or another caller holds, and returns what to release.
func (c claims) take(ctx context.Context, entries []*entry) ([]string, error) {
	chosen := make([]*entry, 0, len(entries))
	for _, e := range entries {
		if e.chosen {
			chosen = append(chosen, e)
		}
	}
	if len(chosen) == 0 {
		return nil, nil
	}
	held, err := c.claim(ctx, chosen)
	if err != nil {
		return held, err
	}
	return held, c.search(ctx, chosen)
}

func (c claims) claim(ctx context.Context, chosen []*entry) ([]string, error) {
	pipe := c.redis.Pipeline()
	cmds := make([]*redis.BoolCmd, len(chosen))
	for i, e := range chosen {
		cmds[i] = pipe.SetNX(ctx, store.KeyIDClaimPrefix+e.msg.ID, e.msg.Queue, claimTTL) //nolint:staticcheck // SET NX through SetArgs has no typed answer
	}
	_, err := pipe.Exec(ctx)
	var held []string
	for i, e := range chosen {
		switch {
		case cmds[i].Err() != nil:
		case cmds[i].Val():
			held = append(held, store.KeyIDClaimPrefix+e.msg.ID)
		default:
			e.err = errTaken
		}
	}
	if err != nil {
		return held, fmt.Errorf("claim job ids: %w", err)
	}
	return held, nil
}

// search looks for each id in the queues it was not sent to.
func (c claims) search(ctx context.Context, chosen []*entry) error {
	queues, err := c.redis.SMembers(ctx, store.KeyQueues).Result()
	if err != nil {
		return fmt.Errorf("list queues: %w", err)
	}
	pipe := c.redis.Pipeline()
	found := map[*entry][]*redis.IntCmd{}
	for _, e := range chosen {
		for _, q := range queues {
			if q != e.msg.Queue && e.err == nil {
				found[e] = append(found[e], pipe.Exists(ctx, store.KeysOf(q).Task(e.msg.ID)))
			}
		}
	}
	if len(found) == 0 {
		return nil
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("look for job ids: %w", err)
	}
	for e, cmds := range found {
		for _, cmd := range cmds {
			if cmd.Val() > 0 {
				e.err = errTaken
			}
		}
	}
	return nil
}

// release frees claims. A claim that cannot be freed expires by itself.
func (c claims) release(ctx context.Context, held []string) {
	if len(held) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	pipe := c.redis.Pipeline()
	for _, key := range held {
		pipe.Del(ctx, key)
	}
	_, _ = pipe.Exec(ctx)
}
