package engine

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// A process that holds jobs renews its pulse every pulseEvery; Redis forgets it
// pulseTTL after the last one, by its own clock.
const (
	pulseEvery = 4 * time.Second
	pulseTTL   = 22 * time.Second
)

// pulse keeps a key in Redis for as long as the process lives. The reaper takes
// jobs only from processes whose key has been gone for a while.
type pulse struct {
	redis  redis.UniversalClient
	holder string
	log    *slog.Logger
	vital  vital
}

func newPulse(c redis.UniversalClient, holder string, log *slog.Logger) pulse {
	return pulse{redis: c, holder: holder, log: log, vital: newVital()}
}

// run beats until ctx ends. The key is left to expire: jobs given back at a stop
// are not this process's any more, and those that were not shall be reaped.
func (p pulse) run(ctx context.Context) {
	p.beat(ctx)
	every(ctx, pulseEvery, func() { p.beat(ctx) })
}

func (p pulse) beat(ctx context.Context) {
	try, cancel := context.WithTimeout(ctx, pulseEvery)
	defer cancel()
	now := time.Now().UTC().Format(time.RFC3339)
	if err := p.vital.set(try, p.redis, store.KeyPulsePrefix+p.holder, now, pulseTTL); err != nil && ctx.Err() == nil {
		p.log.Warn("pulse not sent, trying again", "error", err)
	}
}
