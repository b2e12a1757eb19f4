package engine

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// look asks from time to time how every queue stands.
func (h *hub) look(ctx context.Context) {
	tick := time.NewTicker(peekEvery)
	defer tick.Stop()
	for round := 0; ; round++ {
		if err := h.peek(ctx, round%peekTimes == 0); err != nil && ctx.Err() == nil {
			h.log.Debug("queues not looked at, trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// peek looks for pending jobs in every queue, and with times also for the
// earliest time in its sets: one round trip, one or three commands per queue.
func (h *hub) peek(ctx context.Context, times bool) error {
	ctx, cancel := context.WithTimeout(ctx, ackTryMax)
	defer cancel()
	pipe := h.redis.Pipeline()
	pending := map[string]*redis.IntCmd{}
	sets := map[string][setCount]*redis.ZSliceCmd{}
	for _, q := range h.queues() {
		k := store.KeysOf(q)
		pending[q] = pipe.LLen(ctx, k.Pending())
		if times {
			sets[q] = [setCount]*redis.ZSliceCmd{
				setScheduled: pipe.ZRangeWithScores(ctx, k.Scheduled(), 0, 0),
				setRetry:     pipe.ZRangeWithScores(ctx, k.Retry(), 0, 0),
			}
		}
	}
	_, err := pipe.Exec(ctx) // what went wrong with one queue does not hide the others
	if faulty(err) {
		err = nil
	}
	for q, n := range pending {
		if faulty(n.Err()) {
			h.wrong.about(ctx, q, n.Err())
		}
		if n.Val() > 0 {
			h.wake(q)
		}
	}
	for q, pair := range sets {
		for set, cmd := range pair {
			if faulty(cmd.Err()) {
				h.wrong.about(ctx, q, cmd.Err())
			}
			if cmd.Err() != nil {
				continue
			}
			at := time.Time{}
			if first := cmd.Val(); len(first) > 0 {
				at = timeOfScore(first[0].Score)
			}
			h.forwarder.note(q, set, at)
		}
	}
	return err
}

// expire deletes from time to time the completed jobs whose retention has passed.
func (h *hub) expire(ctx context.Context) {
	script := store.Script(luaFiles, "expire")
	every(ctx, expireEvery, func() {
		for _, q := range h.queues() {
			if err := expire(ctx, h.redis, script, q); err != nil && ctx.Err() == nil {
				h.log.Debug("expired jobs not deleted, trying again", "queue", q, "error", err)
			}
		}
	})
}
