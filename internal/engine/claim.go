package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// claimTTL outlives every enqueue call, so that a claim is never lost while its
// holder may still write, and frees the id soon after a crash.
const claimTTL = 10 * time.Second

// A call whose id another call has claimed looks again after claimPause, and then
// after pauses that grow by claimGrow, for about claimWait. A claim is held for a
// few milliseconds, unless its holder has died or lost Redis; looking often would
// burden a Redis that has just come back.
const (
	claimPause = 10 * time.Millisecond
	claimGrow  = 4
	claimWait  = 800 * time.Millisecond
)

// errClaimed is the reason of an entry whose id another call has claimed and not
// stored: it may be an earlier try of the same caller, which Redis lost sight of.
var errClaimed = errors.New("the id is claimed by another call")

// claims makes ids that callers choose unique over all queues. asynq's own
// check covers one queue, because a job's key begins with its queue. A claim is
// held from the look into the other queues until the job is written.
type claims struct{ redis redis.UniversalClient }

// take claims the chosen ids among the entries, sets errTaken on those that a job
// has and errClaimed on those that another caller holds, and returns what to
// release.
func (c claims) take(ctx context.Context, entries []*entry) ([]string, error) {
	var held []string
	claimed := map[*entry]bool{}
	open := chosenOnce(entries)
	for wait := claimPause; len(open) > 0; wait *= claimGrow {
		keys, err := c.claim(ctx, open, claimed)
		held = append(held, keys...)
		if err != nil {
			return held, err
		}
		if err := c.search(ctx, open, claimed); err != nil {
			return held, err
		}
		open = slices.DeleteFunc(open, func(e *entry) bool { return claimed[e] || e.err != nil })
		if len(open) == 0 {
			break
		}
		if wait > claimWait || !pause(ctx, wait) {
			failAll(open, errClaimed)
			break
		}
	}
	return held, nil
}

// chosenOnce returns the entries with chosen ids. An id that comes again among
// them is taken by the first.
func chosenOnce(entries []*entry) []*entry {
	var chosen []*entry
	seen := map[string]bool{}
	for _, e := range entries {
		switch {
		case !e.chosen:
		case seen[e.msg.ID]:
			e.err = errTaken
		default:
			seen[e.msg.ID] = true
			chosen = append(chosen, e)
		}
	}
	return chosen
}

// pause waits for d; false means that ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// claim claims what it can, notes it in claimed, and returns the keys.
func (c claims) claim(ctx context.Context, open []*entry, claimed map[*entry]bool) ([]string, error) {
	pipe := c.redis.Pipeline()
	cmds := make([]*redis.BoolCmd, len(open))
	for i, e := range open {
		cmds[i] = pipe.SetNX(ctx, store.KeyIDClaimPrefix+e.msg.ID, e.msg.Queue, claimTTL) //nolint:staticcheck // SET NX through SetArgs has no typed answer
	}
	_, err := pipe.Exec(ctx)
	var keys []string
	for i, e := range open {
		if cmds[i].Err() == nil && cmds[i].Val() {
			claimed[e] = true
			keys = append(keys, store.KeyIDClaimPrefix+e.msg.ID)
		}
	}
	if err != nil {
		return keys, fmt.Errorf("claim job ids: %w", err)
	}
	return keys, nil
}

// search looks for each id in the queues: in the one it was sent to only if it is
// not claimed, for the enqueue script looks there.
func (c claims) search(ctx context.Context, open []*entry, claimed map[*entry]bool) error {
	queues, err := c.redis.SMembers(ctx, store.KeyQueues).Result()
	if err != nil {
		return fmt.Errorf("list queues: %w", err)
	}
	pipe := c.redis.Pipeline()
	found := map[*entry][]*redis.IntCmd{}
	for _, e := range open {
		for _, q := range queues {
			if q != e.msg.Queue || !claimed[e] {
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
