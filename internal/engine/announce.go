package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// A worker writes its announcement every announceEvery; Redis forgets it
// announceTTL after the last one, by its own clock.
const (
	announceEvery = 5 * time.Second
	announceTTL   = 20 * time.Second
	// announceStopMax bounds the withdrawal.
	announceStopMax = 2 * time.Second
)

// Announcement is what a living worker process tells the others about itself.
type Announcement struct {
	ID          string         `json:"id"`
	Host        string         `json:"host"`
	PID         int            `json:"pid"`
	Version     string         `json:"version"` // of the binary
	StartedAt   time.Time      `json:"started_at"`
	Concurrency int            `json:"concurrency"`
	Queues      map[string]int `json:"queues"` // weight by name
	Types       []client.Type  `json:"types"`
}

// Announcer keeps a worker process's [Announcement] in Redis while it lives, so
// that API processes without the handlers know the types.
type Announcer struct {
	redis redis.UniversalClient
	log   *slog.Logger

	mu     sync.Mutex
	doc    Announcement       // guarded by mu
	cancel context.CancelFunc // guarded by mu; nil before Start and after Stop
	done   sync.WaitGroup
}

// NewAnnouncer returns an announcer of the registry's types. The id names the
// process; version is the binary's.
func NewAnnouncer(c redis.UniversalClient, r *jobs.Registry, id, version string, concurrency int, queues map[string]int, log *slog.Logger) *Announcer {
	host, _ := os.Hostname()
	doc := Announcement{
		ID: id, Host: host, PID: os.Getpid(), Version: version, StartedAt: time.Now().UTC(),
		Concurrency: concurrency, Queues: queues, Types: []client.Type{},
	}
	for _, t := range r.Types() {
		doc.Types = append(doc.Types, Describe(&t.Definition))
	}
	return &Announcer{redis: c, doc: doc, log: log}
}

// Start announces once and then keeps the announcement alive until Stop.
func (a *Announcer) Start(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cancel != nil {
		return nil
	}
	if _, err := json.Marshal(a.doc); err != nil {
		return fmt.Errorf("encode announcement: %w", err)
	}
	a.tell(ctx, a.doc)
	ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	a.done.Go(func() { a.keep(ctx) })
	return nil
}

// Update announces other slots and queues from now on.
func (a *Announcer) Update(ctx context.Context, concurrency int, queues map[string]int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.doc.Concurrency, a.doc.Queues = concurrency, queues
	if a.cancel != nil {
		a.tell(ctx, a.doc)
	}
}

// Stop withdraws the announcement. When Redis is away it returns an error after
// two seconds at most, and the announcement expires by itself.
func (a *Announcer) Stop(ctx context.Context) error {
	a.mu.Lock()
	end := a.cancel
	a.cancel = nil
	a.mu.Unlock()
	if end == nil {
		return nil
	}
	end()
	a.done.Wait()
	ctx, cancel := context.WithTimeout(ctx, announceStopMax)
	defer cancel()
	pipe := a.redis.Pipeline()
	pipe.SRem(ctx, store.KeyWorkers, a.doc.ID)
	pipe.Del(ctx, store.KeyWorkerPrefix+a.doc.ID)
	if _, err := pipe.Exec(ctx); err != nil {
		return fmt.Errorf("withdraw announcement of worker %s: %w", a.doc.ID, err)
	}
	return nil
}

func (a *Announcer) keep(ctx context.Context) {
	every(ctx, announceEvery, func() {
		a.mu.Lock()
		doc := a.doc
		a.mu.Unlock()
		a.tell(ctx, doc)
	})
}

// tell writes the announcement; the next one makes up for what fails.
func (a *Announcer) tell(ctx context.Context, doc Announcement) {
	raw, err := json.Marshal(doc)
	if err == nil {
		pipe := a.redis.Pipeline()
		pipe.Set(ctx, store.KeyWorkerPrefix+doc.ID, raw, announceTTL)
		pipe.SAdd(ctx, store.KeyWorkers, doc.ID)
		_, err = pipe.Exec(ctx)
	}
	if err != nil && ctx.Err() == nil {
		a.log.WarnContext(ctx, "worker not announced, trying again", "error", err)
	}
}
