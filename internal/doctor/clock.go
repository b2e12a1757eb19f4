package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// clockTries is how often Redis is asked for its time; the quickest answer counts.
	clockTries = 5
	// A machine whose clock is off starts jobs early or late by that much. Legwork
	// promises 100 ms; from 10 s on the leases of jobs (30 s) lose their meaning.
	skewWarn = 100 * time.Millisecond
	skewFail = 10 * time.Second

	calls         = 100
	rounds        = 3           // of calls, until one finds nothing slow
	callsTime     = time.Second // after which no more are made
	latencyWarn50 = 5 * time.Millisecond
	latencyWarn99 = 50 * time.Millisecond
	latencyFail50 = 500 * time.Millisecond
)

// clock compares this machine's clock with Redis' own.
func clock(ctx context.Context, p *patient) []Finding {
	return p.each(func(n node) Finding {
		skew, give, err := measureSkew(ctx, n.Client)
		if err != nil {
			return unknown(CodeClock, err)
		}
		side := "ahead of"
		if skew < 0 {
			side = "behind"
		}
		value := fmt.Sprintf("this machine is %s %s Redis, give or take %s", short(skew.Abs()), side, short(give))
		if skew.Abs() <= give {
			value = "agrees with Redis' within " + short(give)
		}
		const remedy = "Jobs may start that much early or late. Let all machines keep time by NTP (timedatectl, chronyc tracking)."
		switch off := max(skew.Abs()-give, 0); {
		case off >= skewFail:
			return fail(CodeClock, value, remedy)
		case off >= skewWarn:
			return warn(CodeClock, value, remedy)
		}
		return ok(CodeClock, value)
	})
}

// measureSkew returns how far this machine's clock is ahead of the server's, and
// half the round trip, within which nothing can be told.
func measureSkew(ctx context.Context, c redis.UniversalClient) (skew, give time.Duration, err error) {
	best := time.Duration(-1)
	for range clockTries {
		before := time.Now()
		server, err := c.Time(ctx).Result()
		trip := time.Since(before)
		if err != nil {
			return 0, 0, err
		}
		if best < 0 || trip < best {
			best = trip
			skew = before.Add(trip / 2).Sub(server)
		}
	}
	return skew, best / 2, nil
}

// latency measures the round trip of TIME, which a server answers in any state. A tail
// that does not come back in another round was one pause, and no finding.
func latency(ctx context.Context, p *patient) []Finding {
	return p.each(func(n node) Finding {
		var found Finding
		for range rounds {
			trips, err := roundTrips(ctx, n.Client)
			if err != nil {
				return unknown(CodeLatency, err)
			}
			if found = judgeLatency(trips); found.Level != LevelWarn {
				break
			}
		}
		return found
	})
}

// roundTrips returns how long calls took, sorted; at least one.
func roundTrips(ctx context.Context, c redis.UniversalClient) ([]time.Duration, error) {
	var trips []time.Duration
	for over := time.Now().Add(callsTime); len(trips) < calls && time.Now().Before(over); {
		began := time.Now()
		if err := c.Time(ctx).Err(); err != nil {
			return nil, err
		}
		trips = append(trips, time.Since(began))
	}
	if len(trips) == 0 {
		return nil, errors.New("no call was made")
	}
	slices.Sort(trips)
	return trips, nil
}

func judgeLatency(trips []time.Duration) Finding {
	p50, p99 := trips[len(trips)/2], trips[len(trips)*99/100]
	value := fmt.Sprintf("p50 %s, p99 %s of %s", short(p50), short(p99), count(len(trips), "call", "calls"))
	const remedy = "Every call pays this. Move Redis nearer, look for a busy CPU or slow commands (redis-cli slowlog get), swapping, or a slow disk under appendfsync always."
	switch {
	case p50 >= latencyFail50:
		return fail(CodeLatency, value, remedy)
	case p50 >= latencyWarn50 || p99 >= latencyWarn99:
		return warn(CodeLatency, value, remedy)
	}
	return ok(CodeLatency, value)
}
