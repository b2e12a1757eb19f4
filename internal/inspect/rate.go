package inspect

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/stats"
)

const (
	// rateMinutes is what a throughput is the mean of.
	rateMinutes = 5
	// ratesFresh is for how long rates serve all callers.
	ratesFresh = time.Second
	// drainMax is the longest time to drain that is told: beyond it a backlog does not
	// shrink.
	drainMax = 10 * 365 * 24 * time.Hour
)

// rate is how fast jobs come into a queue and leave it, per second.
type rate struct {
	in, out       float64 // over the last five minutes
	inNow, outNow float64 // over the last minute
}

// rates are read at most once a second, however many ask.
type rates struct {
	mu      sync.Mutex
	at      time.Time       // guarded by mu
	byQueue map[string]rate // guarded by mu; never changed once it is here
}

// ratesOf returns the rates of all queues that have any. Cost: six HGETALL in one
// round trip, once a second.
func (i *Inspector) ratesOf(ctx context.Context) (map[string]rate, error) {
	r := i.rates
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if age := now.Sub(r.at); age >= 0 && age < ratesFresh {
		return r.byQueue, nil
	}
	pipe := i.redis.Pipeline()
	var minutes [rateMinutes + 1]*redis.MapStringStringCmd // the one under way comes first
	for back := range minutes {
		minutes[back] = pipe.HGetAll(ctx, stats.KeyMinute(stats.Minute(now)-int64(back)))
	}
	if _, err := execCounts(ctx, pipe); err != nil {
		return nil, wrap("read the statistics", err)
	}
	passed := now.Sub(now.Truncate(time.Minute)).Seconds() / 60
	all := map[string]rate{}
	for back, cmd := range minutes {
		for field, text := range cmd.Val() {
			if s, ok := stats.ParseField(field); ok {
				one := all[s.Queue]
				one.add(text, back, passed)
				all[s.Queue] = one
			}
		}
	}
	r.at, r.byQueue = now, all
	return all, nil
}

// add takes in the counts of a minute, which ended so many minutes ago, or is under
// way (0) and has passed to that part. The minute at the far end of a window counts
// with the rest of it, so that windows move evenly.
func (r *rate) add(text string, back int, passed float64) {
	var n [stats.Events]int64
	stats.AddEvents(&n, text)
	in, out := float64(n[stats.Enqueued]), float64(n[stats.Succeeded]+n[stats.Dead])
	share := func(window int) float64 {
		switch {
		case back < window:
			return 1 / (60 * float64(window))
		case back == window:
			return (1 - passed) / (60 * float64(window))
		}
		return 0
	}
	r.in += in * share(rateMinutes)
	r.out += out * share(rateMinutes)
	r.inNow += in * share(1)
	r.outNow += out * share(1)
}

// tell puts the rates of a queue into its picture, and when it will be empty.
func (r rate) tell(q *client.Queue) {
	q.Throughput, q.Arrivals = rounded(r.out), rounded(r.in)
	left := float64(q.Backlog) / (r.outNow - r.inNow)
	switch {
	case q.Backlog == 0:
		q.DrainTime = new(client.Duration)
	case q.Paused:
		q.DrainReason = "the queue is paused"
	case r.outNow == 0:
		q.DrainReason = "no job of the queue has ended in the last minute"
	case left <= 0 || left > drainMax.Seconds():
		q.DrainReason = "as many jobs have come in as have ended in the last minute, or more"
	default:
		d := client.Duration(time.Duration(math.Ceil(left)) * time.Second)
		q.DrainTime = &d
	}
}

// rounded cuts a rate to what is worth telling: one job in three hours is 0.0001.
func rounded(perSecond float64) float64 { return math.Round(perSecond*1e4) / 1e4 }
