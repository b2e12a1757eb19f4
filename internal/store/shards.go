package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// shardsEvery is how often a process looks for numbers that have changed.
	shardsEvery = 5 * time.Second
	// shardsLook bounds one look.
	shardsLook = 2 * time.Second
)

// Shards follows over how many shards each queue is spread: a number per queue, in
// Redis, so that all processes agree. A worker raises it, never lowers it, before
// it serves the shards. Who enqueues follows, at its leisure: fewer shards than
// agreed are always right to write to.
type Shards struct {
	redis  redis.UniversalClient
	log    *slog.Logger
	counts atomic.Pointer[map[string]int] // a map is never changed once it is here

	mu     sync.Mutex
	served map[string]int              // guarded by mu; shards that this process serves, by queue
	grown  func(context.Context) error // guarded by mu; nil: nobody serves shards
	cancel context.CancelFunc          // guarded by mu; nil before Start and after Stop
	done   sync.WaitGroup
}

// NewShards returns a follower that takes every queue for one of a single shard
// until it is started.
func NewShards(c redis.UniversalClient, log *slog.Logger) *Shards {
	s := &Shards{redis: c, log: log, served: map[string]int{}}
	s.counts.Store(&map[string]int{})
	return s
}

// Count returns over how many shards new jobs of the queue are spread, at least
// 1. A nil Shards knows of no queue with more.
func (s *Shards) Count(queue string) int {
	if s == nil {
		return 1
	}
	return max(1, (*s.counts.Load())[queue])
}

// Start reads the numbers and follows them until Stop. When Redis cannot be read
// it tries again later.
func (s *Shards) Start(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		return nil
	}
	if err := s.look(ctx); err != nil {
		s.log.WarnContext(ctx, "numbers of shards not read, trying again", "error", err)
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.done.Go(func() { s.follow(ctx) })
	return nil
}

// Stop ends the looks.
func (s *Shards) Stop(context.Context) error {
	s.mu.Lock()
	cancel := s.cancel
	s.cancel = nil
	s.mu.Unlock()
	if cancel != nil {
		cancel()
		s.done.Wait()
	}
	return nil
}

// OnGrow sets what is called, until it returns nil, when a queue that this process
// serves has more shards than it serves. It has to call Serve.
func (s *Shards) OnGrow(grown func(context.Context) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.grown = grown
}

func (s *Shards) follow(ctx context.Context) {
	tick := time.NewTicker(shardsEvery)
	defer tick.Stop()
	var grown func(context.Context) error // nil: nothing to do
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.look(ctx); err != nil {
			s.log.DebugContext(ctx, "numbers of shards not read, trying again", "error", err)
			continue
		}
		if call := s.outgrown(); call != nil {
			grown = call
		}
		if grown == nil {
			continue
		}
		if err := grown(ctx); err == nil {
			grown = nil
		} else if ctx.Err() == nil {
			s.log.WarnContext(ctx, "new shards not served yet, trying again", "error", err)
		}
	}
}

func (s *Shards) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, shardsLook)
	defer cancel()
	fields, err := s.redis.HGetAll(ctx, KeyShards).Result()
	if err != nil {
		return err
	}
	counts := ShardCounts(fields)
	s.counts.Store(&counts)
	return nil
}

// outgrown returns what to call when a queue has more shards than are served, else
// nil.
func (s *Shards) outgrown() func(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for queue, n := range s.served {
		if s.Count(queue) > n {
			return s.grown
		}
	}
	return nil
}

// ShardCounts reads the fields of [KeyShards]. What is no number of shards counts
// as 1, and is left out.
func ShardCounts(fields map[string]string) map[string]int {
	counts := make(map[string]int, len(fields))
	for queue, text := range fields {
		if n, err := strconv.Atoi(text); err == nil && n > 1 {
			counts[queue] = min(n, ShardsMax)
		}
	}
	return counts
}

// Serve agrees with the other processes on at least the wanted numbers of shards,
// and returns all the shards there are of each of the queues, for a worker to
// serve: the agreed ones, and those beyond that hold or held jobs. Numbers of other
// queues are not wanted. It must be called before the worker starts, and is safe
// to repeat.
func (s *Shards) Serve(ctx context.Context, queues []string, wanted map[string]int) (map[string][]string, error) {
	for _, queue := range slices.Sorted(slices.Values(queues)) {
		if wanted[queue] <= 1 {
			continue
		}
		if err := s.raise(ctx, queue, min(wanted[queue], ShardsMax)); err != nil {
			return nil, fmt.Errorf("agree on the shards of queue %s: %w", queue, err)
		}
	}
	pipe := s.redis.Pipeline()
	names, fields := pipe.SMembers(ctx, KeyQueues), pipe.HGetAll(ctx, KeyShards)
	if _, err := pipe.Exec(ctx); err != nil {
		return nil, fmt.Errorf("read the shards of the queues: %w", err)
	}
	counts := ShardCounts(fields.Val())
	groups := GroupShards(names.Val(), counts)
	out := make(map[string][]string, len(queues))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, queue := range queues {
		out[queue] = groups[queue]
		if len(out[queue]) == 0 {
			out[queue] = []string{queue}
		}
		s.served[queue] = max(1, counts[queue])
		if n, ok := wanted[queue]; ok && n < counts[queue] {
			s.log.WarnContext(ctx, "worker.shards asks for fewer shards than the queue has; it keeps them", "queue", queue, "shards", counts[queue], "asked", n)
		}
	}
	return out, nil
}

// raise makes the agreed number at least n. A paused queue stays paused in all
// its shards: as shard 0 is paused first, and resumed first, whoever comes second
// of this and a pause or resume sees what the other has done.
func (s *Shards) raise(ctx context.Context, queue string, n int) error {
	old, err := s.redis.HGet(ctx, KeyShards, queue).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return err
	}
	has := max(1, ShardCounts(map[string]string{queue: old})[queue])
	if has >= n {
		return nil
	}
	fresh := FirstShards(queue, n)[has:]
	if err := s.matchPause(ctx, queue, fresh); err != nil {
		return err
	}
	// KEYS: 1 numbers of shards; ARGV: 1 queue, 2 number. Cost: O(1).
	raise := redis.NewScript(`
local has = tonumber(redis.call("HGET", KEYS[1], ARGV[1]) or "1") or 1
if tonumber(ARGV[2]) > has then
	redis.call("HSET", KEYS[1], ARGV[1], ARGV[2])
end
return 1`)
	if err := raise.Run(ctx, s.redis, []string{KeyShards}, queue, n).Err(); err != nil {
		return err
	}
	return s.matchPause(ctx, queue, fresh)
}

// matchPause pauses or resumes shards as shard 0 of their queue is. It looks once
// more at the end: whoever turns the queue at that very moment turns shard 0 first,
// and then either finds these shards turned by us or turns them after us.
func (s *Shards) matchPause(ctx context.Context, queue string, shards []string) error {
	for {
		since, err := s.paused(ctx, queue)
		if err != nil {
			return err
		}
		pipe := s.redis.Pipeline()
		for _, shard := range shards {
			if paused := KeysOf(shard).Paused(); since != "" {
				pipe.Set(ctx, paused, since, 0)
			} else {
				pipe.Del(ctx, paused)
			}
		}
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
		if again, err := s.paused(ctx, queue); err != nil || again == since {
			return err
		}
	}
}

// paused returns since when shard 0 of the queue is paused, or "".
func (s *Shards) paused(ctx context.Context, queue string) (string, error) {
	since, err := s.redis.Get(ctx, KeysOf(queue).Paused()).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return since, err
}
