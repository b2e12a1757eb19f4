package engine

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

const (
	// cancelMany bounds the jobs that are looked at at once.
	cancelMany = 200
	// cancelPause is how long acknowledgements wait after one that failed.
	cancelPause = 200 * time.Millisecond
)

// cancels ends the contexts of running jobs that somebody wants cancelled, and notes
// with each job that this process has. Messages that were lost with a connection are
// made up for when it is there again.
type cancels struct {
	redis  redis.UniversalClient
	holder string
	held   *holdings
	script *redis.Script
	log    *slog.Logger
	nudge  chan struct{} // buffered

	mu      sync.Mutex
	waiting []*holding // guarded by mu; cancelled, and not acknowledged yet
	missed  bool       // guarded by mu; messages may have been lost
}

func newCancels(w *Worker) *cancels {
	return &cancels{redis: w.Redis, holder: w.ID, held: w.holdings, script: store.Script(luaFiles, "acknowledge"), log: w.Log, nudge: make(chan struct{}, 1)}
}

// hear reads a message of the channel: the id of a job to cancel.
func (c *cancels) hear(id string) { c.note(c.held.cancel(id, errCancelled), false) }

// again is called when the channel is there again.
func (c *cancels) again() { c.note(nil, true) }

func (c *cancels) note(jobs []*holding, missed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting, c.missed = append(c.waiting, jobs...), c.missed || missed
	if len(c.waiting) == 0 && !c.missed {
		return
	}
	select {
	case c.nudge <- struct{}{}:
	default:
	}
}

// run acknowledges until ctx ends.
func (c *cancels) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.nudge:
		}
		for c.step(ctx) {
			select {
			case <-ctx.Done():
				return
			case <-time.After(cancelPause):
			}
		}
	}
}

// step does what there is to do. It reports whether that failed.
func (c *cancels) step(ctx context.Context) (failed bool) {
	c.mu.Lock()
	jobs, missed := c.waiting, c.missed
	c.waiting, c.missed = nil, false
	c.mu.Unlock()
	if missed {
		if err := c.review(ctx); err != nil {
			c.note(nil, true)
			failed = true
		}
	}
	for len(jobs) > 0 && !failed {
		if failed = c.acknowledge(ctx, jobs[0]) != nil; !failed {
			jobs = jobs[1:]
		}
	}
	c.note(jobs, false)
	return failed
}

// acknowledge notes with the job that its context has ended. A job that has gone on
// to its end, or to another process, is left alone, and so is one that asynq's own
// script took: nobody can tell whose it is.
func (c *cancels) acknowledge(ctx context.Context, j *holding) error {
	if j.token == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, ackTryMax)
	defer cancel()
	k := store.KeysOf(j.queue)
	claim := c.holder + " " + strconv.FormatInt(j.token, 10)
	err := c.script.Run(ctx, c.redis, []string{k.Task(j.id), k.Holders()}, j.id, claim, c.holder, time.Now().UnixMilli()).Err()
	if faulty(err) {
		c.log.WarnContext(ctx, "cancelling not acknowledged", "job", j.id, "queue", j.queue, "error", err)
		return nil
	}
	return err
}

// review looks whether jobs that run were to be cancelled meanwhile.
func (c *cancels) review(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ackTryMax)
	defer cancel()
	jobs := c.held.uncancelled()
	for len(jobs) > 0 {
		n := min(len(jobs), cancelMany)
		pipe := c.redis.Pipeline()
		asked := make([]*redis.BoolCmd, n)
		for i, j := range jobs[:n] {
			asked[i] = pipe.HExists(ctx, store.KeysOf(j.queue).Task(j.id), store.FieldCancel)
		}
		if _, err := pipe.Exec(ctx); err != nil && !faulty(err) {
			return err
		}
		for i, j := range jobs[:n] {
			if asked[i].Val() {
				c.hear(j.id)
			}
		}
		jobs = jobs[n:]
	}
	return nil
}

// uncancelled lists the jobs that run and whose contexts were left alone.
func (h *holdings) uncancelled() []*holding {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*holding
	for _, j := range h.byKey {
		if j.cancel != nil && !j.cancelled {
			all = append(all, j)
		}
	}
	return all
}
