package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// The sets of jobs that wait for a time.
const (
	setScheduled = iota
	setRetry
	setCount
)

// forwardMax bounds the jobs that one call makes pending.
const forwardMax = 500

// forwarder makes jobs pending when their time has come. It knows the earliest
// time of each set, and sleeps until the first of them.
type forwarder struct {
	redis   redis.UniversalClient
	hub     *hub
	forward *redis.Script

	mu    sync.Mutex
	due   map[string]*[setCount]time.Time // guarded by mu; zero: none known
	stale map[string]bool                 // guarded by mu; queues whose sets are to be looked at now
	nudge chan struct{}                   // buffered; the earliest time may have changed
}

func newForwarder(c redis.UniversalClient, h *hub) *forwarder {
	return &forwarder{
		redis: c, hub: h, forward: store.Script(luaFiles, "forward"), due: map[string]*[setCount]time.Time{},
		stale: map[string]bool{}, nudge: make(chan struct{}, 1),
	}
}

// serve makes the queues those whose due jobs are forwarded. What is due in new
// ones is found by the next look.
func (f *forwarder) serve(queues []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.due, func(q string, _ *[setCount]time.Time) bool { return !slices.Contains(queues, q) })
	for _, q := range queues {
		if f.due[q] == nil {
			f.due[q] = &[setCount]time.Time{}
		}
	}
}

// note remembers the earliest time of a set; zero when it is empty.
func (f *forwarder) note(queue string, set int, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := f.due[queue]; d != nil && !d[set].Equal(at) {
		d[set] = at
		f.poke()
	}
}

// expect remembers that a job of the set is due at a time, if that is earlier
// than what was known.
func (f *forwarder) expect(queue string, set int, at time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := f.due[queue]; d != nil && (d[set].IsZero() || at.Before(d[set])) {
		d[set] = at
		f.poke()
	}
}

// look makes the forwarder ask for the queue's earliest times.
func (f *forwarder) look(queue string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.due[queue] != nil {
		f.stale[queue] = true
		f.poke()
	}
}

// poke makes run reconsider. The caller holds mu.
func (f *forwarder) poke() {
	select {
	case f.nudge <- struct{}{}:
	default:
	}
}

func (f *forwarder) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.nudge:
		case <-timer.C:
		}
		for f.step(ctx) {
		}
		timer.Reset(f.wait())
	}
}

// step makes one bounded call for the first set that is due or stale, and
// reports whether there was one.
func (f *forwarder) step(ctx context.Context) bool {
	queue, set, ok := f.pick(time.Now())
	if !ok || ctx.Err() != nil {
		return false
	}
	next, err := f.call(ctx, queue, set)
	switch {
	case faulty(err):
		f.hub.wrong.about(ctx, queue, err)
		next = time.Now().Add(peekEvery)
	case err != nil:
		next = time.Now().Add(dequeueErrorPause) // try again soon
	}
	f.note(queue, set, next)
	return true
}

func (f *forwarder) pick(now time.Time) (string, int, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for q := range f.stale {
		delete(f.stale, q)
		return q, setScheduled, true
	}
	for q, d := range f.due {
		for set, at := range d {
			if !at.IsZero() && !at.After(now) {
				return q, set, true
			}
		}
	}
	return "", 0, false
}

// wait is the time until the next set is due.
func (f *forwarder) wait() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := time.Now().Add(time.Hour)
	for _, d := range f.due {
		for _, at := range d {
			if !at.IsZero() && at.Before(first) {
				first = at
			}
		}
	}
	return max(0, time.Until(first))
}

func (f *forwarder) call(ctx context.Context, queue string, set int) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, ackTryMax)
	defer cancel()
	now := time.Now()
	moved, next, err := forward(ctx, f.redis, f.forward, queue, set, now)
	switch {
	case err != nil:
	case moved > 0:
		f.hub.wake(queue)
	case !next.IsZero() && !next.After(now):
		next = now.Add(peekEvery) // it is left to others: asynq's groups
	}
	return next, err
}

// forward makes jobs of one set pending that are due now, at most forwardMax. It
// returns their number and the earliest time left in the set, or zero.
func forward(ctx context.Context, c redis.UniversalClient, script *redis.Script, queue string, set int, now time.Time) (moved int, next time.Time, err error) {
	k := store.KeysOf(queue)
	keys := []string{k.Scheduled(), k.Pending()}
	if set == setRetry {
		keys[0] = k.Retry()
	}
	reply, err := script.Run(ctx, c, keys, unixFraction(now), now.UnixNano(), k.Prefix(), forwardMax, queue, store.ChannelWake).Slice()
	if err != nil {
		return 0, time.Time{}, err
	}
	n, _ := reply[0].(int64)
	return int(n), score(reply[1]), nil
}

// score reads a sorted set's score as a time; zero when there is none.
func score(v any) time.Time {
	text, _ := v.(string)
	s, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return time.Time{}
	}
	return timeOfScore(s)
}

// timeOfScore reads Unix seconds with a fraction, to the microsecond.
func timeOfScore(s float64) time.Time { return time.UnixMicro(int64(s*1e6 + 0.5)) }

// unixFraction writes a time as Unix seconds to the microsecond, cut.
func unixFraction(t time.Time) string {
	us := t.UnixMicro()
	return fmt.Sprintf("%d.%06d", us/1_000_000, us%1_000_000)
}
