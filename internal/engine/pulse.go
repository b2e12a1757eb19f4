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
	cut    func() // called when the key may be gone: others may soon be given this process's jobs
	after  func() // called after each beat that has arrived
	log    *slog.Logger
	vital  vital
}

// run beats until ctx ends. The key is left to expire: jobs given back at a stop
// are not this process's any more, and those that were not shall be reaped.
func (p pulse) run(ctx context.Context) {
	last := now()
	silent := false
	check := func() {
		if !silent && last.age() >= pulseTTL {
			silent = true
			p.log.Error("no pulse has reached Redis for a while; handlers are cancelled, for others may be given their jobs", "for", last.age().Round(time.Millisecond))
			p.cut()
		}
	}
	beat := func() {
		check() // the process may have stood still
		began := now()
		if p.beat(ctx, p.patience(last)) {
			last, silent = began, false
			p.after()
		}
		check()
	}
	beat()
	every(ctx, pulseEvery, beat)
}

// patience is how long a beat may take: the end of the last one's time is not to be
// missed because Redis does not answer.
func (p pulse) patience(last moment) time.Duration {
	if left := pulseTTL - last.age(); left > 0 {
		return min(pulseEvery, left)
	}
	return pulseEvery
}

func (p pulse) beat(ctx context.Context, patience time.Duration) bool {
	try, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	at := time.Now().UTC().Format(time.RFC3339)
	err := p.vital.set(try, p.redis, store.KeyPulsePrefix+p.holder, at, pulseTTL)
	if err != nil && ctx.Err() == nil {
		p.log.Warn("pulse not sent, trying again", "error", err)
	}
	return err == nil
}

// moment is an instant by both clocks of the machine: one stands still while the
// machine sleeps, the other can be set.
type moment struct{ t time.Time }

func now() moment { return moment{time.Now()} }

// age is how long ago that was, by the clock that says more.
func (m moment) age() time.Duration {
	return max(time.Since(m.t), time.Now().Round(0).Sub(m.t.Round(0)))
}
