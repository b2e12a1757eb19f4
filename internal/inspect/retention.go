package inspect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

const (
	retentionEvery = 10 * time.Second
	retentionMany  = 100              // letters written and deleted at a time
	retentionLock  = 30 * time.Second // beyond which a holder that says nothing is taken for dead
	retentionEnd   = 5 * time.Second  // for deleting what is written, when the process stops
	complainEvery  = 10 * time.Minute // about what stays wrong
)

// Archive is where dead letters are written before they are deleted. Append returns
// nil only when the lines are on disk.
type Archive interface{ Append(lines [][]byte) error }

// RetentionOptions configure a [Retention]. The zero value deletes nothing.
type RetentionOptions struct {
	// MaxAge is how long a dead letter is kept. 0 means for ever.
	MaxAge time.Duration
	// MaxCount is how many dead letters a queue keeps: the newest. 0 means all.
	MaxCount int
	// Archive is written before anything is deleted. Nil: nothing is written.
	Archive Archive
	// WarnAt are the numbers of dead letters in a queue that are worth a warning, each
	// once until the queue has fewer.
	WarnAt []int
	// Every is the time between two sweeps. Defaults to 10 s.
	Every time.Duration
	// Now is this machine's clock. Defaults to time.Now.
	Now func() time.Time
	Log *slog.Logger
}

// Retention deletes dead letters as the operator asks, and warns of queues that fill
// with them. A letter is deleted only when it is in the archive and still as it was
// written there: whatever fails in between, it stays, and may come to stand in the
// archive twice. Any number of processes may run one against one Redis; a lock lets
// one of them sweep at a time, so that they do not all write the same.
type Retention struct {
	*Inspector
	o    RetentionOptions
	me   string
	lock *redis.Script
	free *redis.Script
	note *redis.Script

	written map[string]digest    // by shard and id, of lines in the archive whose letters are not yet deleted
	blamed  map[string]time.Time // when the log told of the error

	mu     sync.Mutex
	cancel context.CancelFunc // guarded by mu; nil before Start and after Stop
	done   sync.WaitGroup
}

// NewRetention returns a retention that is not running yet.
func NewRetention(i *Inspector, o RetentionOptions) *Retention {
	if o.Every <= 0 {
		o.Every = retentionEvery
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	slices.Sort(o.WarnAt)
	return &Retention{
		Inspector: i, o: o, me: uuid.NewString(), written: map[string]digest{}, blamed: map[string]time.Time{},
		// KEYS: 1 lock. ARGV: 1 who asks, 2 time to live (ms). Returns 1 when it has the
		// lock now. Cost: O(1).
		lock: redis.NewScript(`local has = redis.call("GET", KEYS[1])
if has and has ~= ARGV[1] then
	return 0
end
redis.call("DEL", KEYS[1])
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return 1`),
		// KEYS: 1 lock. ARGV: 1 who had it. Cost: O(1).
		free: redis.NewScript(`return redis.call("GET", KEYS[1]) == ARGV[1] and redis.call("DEL", KEYS[1]) or 0`),
		// KEYS: 1 levels. ARGV: 1 queue, 2 level, "0" for none. Cost: O(1).
		note: redis.NewScript(`redis.call("HDEL", KEYS[1], ARGV[1])
return ARGV[2] ~= "0" and redis.call("HSET", KEYS[1], ARGV[1], ARGV[2]) or 0`),
	}
}

// Start sweeps until Stop.
func (r *Retention) Start(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		return nil
	}
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	r.done.Go(func() {
		tick := time.NewTicker(r.o.Every)
		defer tick.Stop()
		for {
			r.round(ctx)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	return nil
}

// Stop ends the sweep under way: what is in the archive is still deleted.
func (r *Retention) Stop(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		r.cancel()
		r.done.Wait()
		r.cancel = nil
	}
	return nil
}

// round is a sweep whose outcome goes to the log.
func (r *Retention) round(ctx context.Context) {
	swept, err := r.Sweep(ctx)
	for _, queue := range slices.Sorted(maps.Keys(swept.Removed)) {
		r.o.Log.InfoContext(ctx, "dead letters removed by their retention", "queue", queue, "letters", swept.Removed[queue], "archived", r.o.Archive != nil)
	}
	switch {
	case ctx.Err() != nil, swept.Elsewhere:
	case err != nil:
		if since, told := r.blamed[err.Error()]; told && r.o.Now().Sub(since) < complainEvery {
			return
		}
		r.blamed = map[string]time.Time{err.Error(): r.o.Now()}
		r.o.Log.WarnContext(ctx, "the retention of dead letters is held up and tries again; none is lost", "error", err)
	case len(r.blamed) > 0:
		clear(r.blamed)
		r.o.Log.InfoContext(ctx, "the retention of dead letters goes on")
	}
}

// Swept is what a sweep did.
type Swept struct {
	Removed   map[string]int // letters by queue
	Elsewhere bool           // another process is sweeping; nothing was done
}

// Sweep looks after every queue once. What is wrong with one queue does not stop the
// others; an archive that cannot be written does. It must not be called twice at once.
func (r *Retention) Sweep(ctx context.Context) (Swept, error) {
	out := Swept{Removed: map[string]int{}}
	held, err := r.hold(ctx)
	if err != nil || !held {
		out.Elsewhere = err == nil
		return out, err
	}
	defer r.release(ctx)
	shards, err := r.shards(ctx)
	if err != nil {
		return out, err
	}
	now, err := r.now(ctx)
	if err != nil {
		return out, err
	}
	var errs []error
	for _, queue := range slices.Sorted(maps.Keys(shards)) {
		n, err := r.tend(ctx, &upkeep{queue: queue, shards: shards[queue], skip: map[string]int{}, cutoff: now.Add(-r.o.MaxAge)})
		if n > 0 {
			out.Removed[queue] = n
		}
		if _, full := errors.AsType[*unwritten](err); full || store.Unavailable(err) || ctx.Err() != nil {
			return out, errors.Join(append(errs, err)...)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("queue %s: %w", queue, err))
		}
	}
	return out, errors.Join(append(errs, r.watch(ctx, shards))...)
}

// hold takes the lock, or keeps it for longer.
func (r *Retention) hold(ctx context.Context) (bool, error) {
	n, err := r.lock.Run(ctx, r.redis, []string{store.KeyRetention}, r.me, retentionLock.Milliseconds()).Int()
	if err != nil {
		return false, fmt.Errorf("take the lock of the retention: %w", err)
	}
	return n == 1, nil
}

func (r *Retention) release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = r.free.Run(ctx, r.redis, []string{store.KeyRetention}, r.me).Err() // it expires
}

// now is the earlier of Redis' time and this machine's: a letter is too old when both
// say so, so that a clock that runs ahead deletes nothing.
func (r *Retention) now(ctx context.Context) (time.Time, error) {
	theirs, err := r.redis.Time(ctx).Result()
	if err != nil {
		return time.Time{}, fmt.Errorf("ask Redis for the time: %w", err)
	}
	if ours := r.o.Now(); ours.Before(theirs) {
		return ours, nil
	}
	return theirs, nil
}
