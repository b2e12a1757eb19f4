package comparison

import (
	"context"
	"fmt"
	"strconv"
	"strings"
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

// cpu is the CPU time that Redis has used so far, its children aside.
func (p *probe) cpu(ctx context.Context) (time.Duration, error) {
	info, err := p.redis.Info(ctx, "cpu").Result()
	if err != nil {
		return 0, fmt.Errorf("ask redis for its cpu time: %w", err)
	}
	var total float64
	for _, name := range []string{"used_cpu_sys", "used_cpu_user"} {
		v, err := strconv.ParseFloat(infoField(info, name), 64)
		if err != nil {
			return 0, fmt.Errorf("ask redis for its cpu time: %w", err)
		}
		total += v
	}
	return time.Duration(total * float64(time.Second)), nil
}

// infoField returns a field of an answer to INFO, or "".
func infoField(info, name string) string {
	for line := range strings.Lines(info) {
		if v, ok := strings.CutPrefix(line, name+":"); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

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
