package engine

import (
	"context"
	"log/slog"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// starting is a job whose handler starts.
type starting struct{ queue, id string }

// beginner notes in Redis that handlers have started, many with one call. The
// note is what tells a crash that used up an attempt from one that did not.
// Handlers do not wait for it: what is not noted within the instant of a crash
// is made up for by the reaper, which counts such crashes too (unstartedMax).
type beginner struct {
	redis  redis.UniversalClient
	holder string
	begin  *redis.Script
	log    *slog.Logger
	*coalescer[starting]
}

func newBeginner(c redis.UniversalClient, holder string, log *slog.Logger) *beginner {
	b := &beginner{redis: c, holder: holder, begin: luaScript("begin"), log: log}
	b.coalescer = newCoalescer(b.writeAll, ackTryMax)
	return b
}

func (b *beginner) writeAll(ctx context.Context, jobs []starting) {
	byQueue := map[string][]string{}
	for _, j := range jobs {
		byQueue[j.queue] = append(byQueue[j.queue], store.KeysOf(j.queue).Task(j.id))
	}
	for queue, keys := range byQueue {
		if err := b.begin.Run(ctx, b.redis, keys, b.holder).Err(); err != nil {
			b.log.Debug("starts not noted", "queue", queue, "jobs", len(keys), "error", err)
		}
	}
}
