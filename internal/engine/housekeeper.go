package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

const (
	keepEvery = time.Second
	expireMax = 500 // jobs deleted by one call

	// A housekeeper tells every careEvery that it lives; Redis forgets it careTTL
	// after the last one has.
	careEvery = 3 * time.Second
	careTTL   = 12 * time.Second
)

// Housekeeper is the scheduler role's care for every queue, also those that no
// living worker serves: jobs whose time has come become pending, completed jobs
// whose retention has passed are deleted, jobs of dead processes are given to others,
// and the indexes are mended. Any number of them may run against one Redis: each step is atomic and
// idempotent.
type Housekeeper struct {
	redis      redis.UniversalClient
	tally      *Tally
	log        *slog.Logger
	complaints *complaints
	forward    *redis.Script
	expire     *redis.Script

	mu     sync.Mutex
	cancel context.CancelFunc // guarded by mu; nil before Start and after Stop
	done   sync.WaitGroup
	failed *failures // guarded by mu; attempts whose processes died
}

// NewHousekeeper returns a housekeeper that is not running yet. The tally, which may
// be nil, counts the attempts of dead processes.
func NewHousekeeper(c redis.UniversalClient, tally *Tally, log *slog.Logger) *Housekeeper {
	return &Housekeeper{redis: c, tally: tally, log: log, complaints: newComplaints(c, log), forward: store.Script(luaFiles, "forward"), expire: store.Script(luaFiles, "expire")}
}

// Start runs until Stop.
func (h *Housekeeper) Start(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cancel != nil {
		return nil
	}
	ctx, h.cancel = context.WithCancel(context.WithoutCancel(ctx))
	h.done.Go(func() { h.run(ctx) })
	id := uuid.NewString()
	h.done.Go(func() { h.live(ctx, id) })
	h.failed = newFailures(h.redis, id, h.log)
	h.failed.start()
	reaper := newReaper(h.redis, h.queues, h.complaints, h.log)
	reaper.tell, reaper.tally = h.failed.hear, h.tally
	h.done.Go(func() { reaper.run(ctx) })
	h.done.Go(func() { newReindexer(h.redis, h.queues, h.complaints, h.log).run(ctx) })
	return nil
}

// Stop ends the round under way.
func (h *Housekeeper) Stop(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cancel != nil {
		h.cancel()
		h.done.Wait()
		h.failed.stop()
		h.cancel = nil
	}
	return nil
}

func (h *Housekeeper) run(ctx context.Context) {
	failing := false
	every(ctx, keepEvery, func() {
		err := h.round(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			h.log.WarnContext(ctx, "housekeeping failed, trying again", "error", err)
		}
		failing = err != nil
	})
}

// live tells that due jobs of every queue are looked after, also on a full Redis.
func (h *Housekeeper) live(ctx context.Context, id string) {
	vital := newVital()
	tell := func() {
		try, cancel := context.WithTimeout(ctx, careEvery)
		defer cancel()
		if err := vital.set(try, h.redis, store.KeyScheduler, id, careTTL); err != nil && ctx.Err() == nil {
			h.log.DebugContext(ctx, "scheduler not announced, trying again", "error", err)
		}
	}
	tell()
	every(ctx, careEvery, tell)
}

func (h *Housekeeper) queues(ctx context.Context) ([]string, error) {
	queues, err := h.redis.SMembers(ctx, store.KeyQueues).Result()
	if err != nil {
		return nil, fmt.Errorf("read the names of the queues in %s: %w", store.KeyQueues, err)
	}
	return queues, nil
}

// round looks after every queue once. What is wrong with one queue does not
// stop the others.
func (h *Housekeeper) round(ctx context.Context) error {
	queues, err := h.queues(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, q := range queues {
		for _, err := range h.tend(ctx, q) {
			switch {
			case faulty(err):
				h.complaints.about(ctx, q, err)
			case err != nil:
				errs = append(errs, fmt.Errorf("queue %s: %w", q, err))
			}
		}
	}
	return errors.Join(errs...)
}

func (h *Housekeeper) tend(ctx context.Context, queue string) []error {
	var errs []error
	for set := range setCount {
		errs = append(errs, drain(forwardMax, func() (int, error) {
			moved, _, err := forward(ctx, h.redis, h.forward, queue, set, time.Now())
			return moved, err
		}))
	}
	return append(errs, expire(ctx, h.redis, h.expire, queue))
}

// drain repeats a bounded step until it moves less than its bound.
func drain(most int, step func() (int, error)) error {
	for {
		if n, err := step(); err != nil || n < most {
			return err
		}
	}
}

// expire deletes the queue's completed jobs whose retention has passed.
func expire(ctx context.Context, c redis.UniversalClient, script *redis.Script, queue string) error {
	k := store.KeysOf(queue)
	return drain(expireMax, func() (int, error) {
		return script.Run(ctx, c, []string{k.Completed()}, time.Now().Unix(), k.TaskPrefix(), expireMax).Int()
	})
}
