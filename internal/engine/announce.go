package engine

import (
	"context"
	"encoding/json"
	"errors"
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
	store.Worker
	Types []client.Type `json:"types"`
}

// AnnouncerOptions configures an [Announcer].
type AnnouncerOptions struct {
	// Redis is where the announcement is kept. Required; it is not closed.
	Redis redis.UniversalClient
	// Registry has the types to announce. Required.
	Registry *jobs.Registry
	// ID names the process, as [WorkerOptions].ID does. Required.
	ID string
	// Version is the binary's.
	Version string
	// Roles are those that the process has.
	Roles []string
	// Pools are its slots, with queues and not their shards.
	Pools []PoolOptions
	// State is asked before each announcement, as [Worker.State] is. It may be nil.
	State func() string
	// Unknown is asked for the scripts not recognised so far, as [Worker.Unknown]
	// is. It may be nil.
	Unknown func() int64
	// Log receives warnings. Defaults to slog.Default().
	Log *slog.Logger
}

// Announcer keeps a worker process's [Announcement] in Redis while it lives, so
// that API processes without the handlers know the types, and people the process.
type Announcer struct {
	AnnouncerOptions
	vital vital

	mu     sync.Mutex
	doc    Announcement       // guarded by mu
	cancel context.CancelFunc // guarded by mu; nil before Start and after Stop
	done   sync.WaitGroup
}

// NewAnnouncer returns an announcer that is not running yet.
func NewAnnouncer(o AnnouncerOptions) *Announcer {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	doc := Announcement{Types: []client.Type{}, Worker: store.Worker{
		ID: o.ID, Host: hostname(), PID: os.Getpid(), Version: o.Version, Roles: o.Roles, StartedAt: time.Now().UTC(),
	}}
	for _, t := range o.Registry.Types() {
		doc.Types = append(doc.Types, Describe(&t.Definition))
	}
	doc.have(o.Pools)
	return &Announcer{AnnouncerOptions: o, vital: newVital(), doc: doc}
}

// have makes the pools those of the announcement.
func (d *Announcement) have(pools []PoolOptions) {
	d.Concurrency, d.Queues, d.Pools = 0, map[string]int{}, nil
	for _, p := range pools {
		d.Concurrency += p.Concurrency
		for q, weight := range p.Queues {
			d.Queues[q] = max(d.Queues[q], weight)
		}
		d.Pools = append(d.Pools, store.WorkerPool{Name: p.Name, Queues: p.Queues, StrictPriority: p.StrictPriority, Concurrency: p.Concurrency})
	}
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

// Update announces other pools from now on.
func (a *Announcer) Update(ctx context.Context, pools []PoolOptions) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.doc.have(pools)
	if a.cancel != nil {
		a.tell(ctx, a.doc)
	}
}

// Leave announces that the process takes no more jobs and ends once it has finished
// those that it runs. Stop follows.
func (a *Announcer) Leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, announceStopMax)
	defer cancel()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.doc.State = store.WorkerStopping
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
	pipe := a.Redis.Pipeline()
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
	doc.At = time.Now().UTC()
	if a.State != nil && doc.State == "" {
		doc.State = a.State()
	}
	if a.Unknown != nil {
		doc.UnknownScripts = a.Unknown()
	}
	raw, err := json.Marshal(doc)
	if err == nil {
		err = errors.Join(
			a.vital.set(ctx, a.Redis, store.KeyWorkerPrefix+doc.ID, raw, announceTTL),
			a.vital.add(ctx, a.Redis, store.KeyWorkers, doc.ID),
		)
	}
	if err != nil && ctx.Err() == nil {
		a.Log.WarnContext(ctx, "worker not announced, trying again", "error", err)
	}
}
