package comparison

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

const (
	// lookEvery is how often the end of the work is looked for, once all handlers
	// have run.
	lookEvery = time.Millisecond
	// answerTimeout is how long Redis may take for one answer: on a busy machine
	// it empties a database of 1,000,000 jobs in seconds.
	answerTimeout = time.Minute
)

// probe asks Redis about itself, on one connection of its own.
type probe struct {
	redis *redis.Client
}

func openProbe(url string) (*probe, error) {
	o, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("redis url %s: %w; use redis://, rediss:// or unix:// here", store.Redact(url), err)
	}
	o.PoolSize = 1
	o.ReadTimeout = answerTimeout
	return &probe{redis: redis.NewClient(o)}, nil
}

func (p *probe) close() error { return p.redis.Close() }

// awaitEmpty returns once no job of the queue is pending or active.
func (p *probe) awaitEmpty(ctx context.Context) error {
	keys := store.KeysOf(queue)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		pipe := p.redis.Pipeline()
		pending, active := pipe.LLen(ctx, keys.Pending()), pipe.LLen(ctx, keys.Active())
		if _, err := pipe.Exec(ctx); err != nil {
			return fmt.Errorf("look whether the queue is empty: %w", err)
		}
		if pending.Val()+active.Val() == 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%d jobs pending and %d active: %w", pending.Val(), active.Val(), context.Cause(ctx))
		}
	}
}
