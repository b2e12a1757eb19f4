package engine

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

const (
	// markEvery is the least time between two notes, so that a busy process does
	// not spend its time on them.
	markEvery = 2 * time.Millisecond
	// markTTL outlives every attempt.
	markTTL = 25 * time.Hour
)

// marks note in Redis which of this process's jobs have been started, which tells
// a crash that used up an attempt from one that did not. Jobs of a queue are
// started in the order in which they were taken, so that the highest token
// started says it for all: one SET for many jobs. Handlers do not wait for it:
// what is not noted within the instant of a crash is made up for by the reaper,
// which counts such crashes too (unstartedMax).
type marks struct {
	redis  redis.UniversalClient
	holder string
	vital  vital
	log    *slog.Logger
	wake   chan struct{} // buffered

	mu   sync.Mutex
	high map[string]int64 // guarded by mu; highest token started, by queue
	said map[string]int64 // what Redis knows; used by run only
}

func newMarks(c redis.UniversalClient, holder string, v vital, log *slog.Logger) *marks {
	return &marks{redis: c, holder: holder, vital: v, log: log, wake: make(chan struct{}, 1), high: map[string]int64{}, said: map[string]int64{}}
}

// note remembers that the job under the token is about to start.
func (m *marks) note(queue string, token int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if token <= m.high[queue] {
		return
	}
	m.high[queue] = token
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// run writes what is noted until ctx ends.
func (m *marks) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		}
		if err := m.write(ctx); err != nil && ctx.Err() == nil {
			m.log.Debug("starts not noted", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(markEvery):
		}
	}
}

func (m *marks) write(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ackTryMax)
	defer cancel()
	m.mu.Lock()
	high := maps.Clone(m.high)
	m.mu.Unlock()
	for queue, token := range high {
		if token <= m.said[queue] {
			continue
		}
		if err := m.vital.set(ctx, m.redis, store.KeysOf(queue).Started(m.holder), token, markTTL); err != nil {
			return err // the next start tries again
		}
		m.said[queue] = token
	}
	return nil
}
