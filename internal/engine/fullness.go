package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

// FullAtDefault is the share of Redis' maxmemory, in percent, from which on new
// jobs are refused.
const FullAtDefault = 80

// Redis is asked for its memory at most every fullnessEvery, by one goroutine;
// an answer is awaited for fullnessLook.
const (
	fullnessEvery = time.Second
	fullnessLook  = 500 * time.Millisecond
)

// errFull is the cause of refusals while Redis is nearly full.
var errFull = errors.New("redis is nearly full")

// fullness keeps room in Redis for draining: it refuses new jobs while a server
// uses a given share of its maxmemory. An enqueue reads a cached verdict and asks
// Redis nothing; the goroutine looks only while enqueues happen, and while jobs
// are refused, so that acceptance resumes by itself. What cannot be learned, and
// a server without a maxmemory, refuses nothing. In a Cluster the fullest master
// decides for all queues: ids, names and schedules are spread over all of them.
type fullness struct {
	redis redis.UniversalClient
	share float64 // of maxmemory, 0 to 1; 0 never refuses
	log   *slog.Logger

	verdict  atomic.Pointer[jobs.Error] // nil accepts
	lookedAt atomic.Int64               // Unix ns
	asked    chan struct{}              // buffered; an enqueue wants a fresh verdict
	cancel   context.CancelFunc
	done     sync.WaitGroup
}

// newFullness refuses from the given percentage on; a negative one never does.
func newFullness(c redis.UniversalClient, percent int, log *slog.Logger) *fullness {
	return &fullness{redis: c, share: float64(max(percent, 0)) / 100, log: log, asked: make(chan struct{}, 1)}
}

func (f *fullness) start() {
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	if f.share > 0 {
		f.done.Go(func() { f.run(ctx) })
	}
}

func (f *fullness) stop() {
	f.cancel()
	f.done.Wait()
}

// refusal returns the error for a new job, or nil to accept it.
func (f *fullness) refusal() error {
	if f.share == 0 {
		return nil
	}
	if time.Now().UnixNano()-f.lookedAt.Load() >= int64(fullnessEvery) {
		select {
		case f.asked <- struct{}{}:
		default:
		}
	}
	if v := f.verdict.Load(); v != nil {
		return v
	}
	return nil
}

func (f *fullness) run(ctx context.Context) {
	for {
		var again <-chan time.Time
		if f.verdict.Load() != nil {
			again = time.After(fullnessEvery)
		}
		select {
		case <-ctx.Done():
			return
		case <-f.asked:
		case <-again:
		}
		f.look(ctx)
	}
}

func (f *fullness) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, fullnessLook)
	defer cancel()
	m, err := f.fullest(ctx)
	f.lookedAt.Store(time.Now().UnixNano())
	if ctx.Err() == nil && err != nil {
		f.log.Debug("memory of redis not known, accepting new jobs", "error", err)
	}
	was := f.verdict.Load() != nil
	if m.Share() < f.share {
		f.verdict.Store(nil)
		if was {
			f.log.Info("redis has room again, accepting new jobs", "used", m.Used, "maxmemory", m.Max)
		}
		return
	}
	f.verdict.Store(&jobs.Error{
		Code: jobs.CodeUnavailable, Err: errFull,
		Message: fmt.Sprintf("Redis is nearly full: %.0f %% of its maxmemory is in use, and new jobs are refused from %.0f %% on; nothing was stored, and what waits is worked off",
			100*m.Share(), 100*f.share),
	})
	if !was {
		f.log.Warn("redis is nearly full, refusing new jobs until there is room; raise maxmemory, or delete completed jobs and dead letters",
			"used", m.Used, "maxmemory", m.Max, "redis.full_at", fmt.Sprintf("%.0f", 100*f.share))
	}
}

// fullest returns the memory of the master that uses the greatest share of its
// maximum. One that does not answer is passed over.
func (f *fullness) fullest(ctx context.Context) (worst store.Memory, err error) {
	masters, err := store.Masters(ctx, f.redis)
	if err != nil {
		return worst, err
	}
	var errs []error
	for _, m := range masters {
		got, err := store.ReadMemory(ctx, m.Client)
		if err != nil {
			errs = append(errs, err)
		} else if got.Share() >= worst.Share() {
			worst = got
		}
	}
	return worst, errors.Join(errs...)
}
