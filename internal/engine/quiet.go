package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// wishes carries out what people ask this process for: to take no more jobs, and to
// take them again. A wish is stored in Redis and its coming told on a channel; one
// whose message was lost is found with the next pulse. What was last asked for holds
// until the process ends, whatever becomes of Redis.
type wishes struct {
	redis redis.UniversalClient
	id    string // of the process
	obey  func(ctx context.Context, what string) error
	tell  func() // that a wish has been carried out
	log   *slog.Logger
	nudge chan struct{} // buffered; there may be a new wish

	mu      sync.Mutex
	applied string // guarded by mu; the last wish carried out, as it is stored
}

func newWishes(w *Worker) *wishes {
	return &wishes{redis: w.Redis, id: w.ID, obey: w.obey, tell: func() { w.reporter.now() }, log: w.Log, nudge: make(chan struct{}, 1)}
}

// hear reads a message of the channel: the id of a process that has a new wish.
func (s *wishes) hear(id string) {
	if id == s.id {
		s.look()
	}
}

// look makes run look for a wish.
func (s *wishes) look() {
	select {
	case s.nudge <- struct{}{}:
	default:
	}
}

// last is the last wish carried out, or "".
func (s *wishes) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.applied
}

// run carries out wishes until ctx ends.
func (s *wishes) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.nudge:
		}
		if err := s.apply(ctx); err != nil && ctx.Err() == nil {
			s.log.DebugContext(ctx, "no wish carried out, trying again with the next pulse", "error", err)
		}
	}
}

func (s *wishes) apply(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, ackTryMax)
	defer cancel()
	text, err := s.redis.Get(ctx, store.KeyWishPrefix+s.id).Result()
	switch {
	case errors.Is(err, redis.Nil), err == nil && text == s.last():
		return nil
	case err != nil:
		return err
	}
	wish := store.ParseWish(text)
	if err := s.obey(ctx, wish.What); err != nil {
		return err
	}
	s.mu.Lock()
	s.applied = text
	s.mu.Unlock()
	s.tell() // last says it from here on
	return nil
}

// obey does what a wish says. What it does not know it leaves alone.
func (w *Worker) obey(ctx context.Context, what string) error {
	switch what {
	case store.WishQuiet:
		if err := w.hub.hush(ctx); err != nil {
			return err
		}
	case store.WishResume:
		w.hub.speak()
	}
	w.Log.InfoContext(ctx, "worker was asked for something", "what", what, "state", w.State())
	return nil
}

// State says whether the worker takes jobs: a Worker state of package store.
func (w *Worker) State() string {
	switch {
	case w.ending.Load():
		return store.WorkerStopping
	case w.hub.isQuiet():
		return store.WorkerQuiet
	}
	return store.WorkerRunning
}

// hush makes dequeues wait, and gives back what was taken ahead. When it returns nil,
// nothing is taken, and nothing that was taken is started any more.
func (h *hub) hush(ctx context.Context) error {
	h.mu.Lock()
	h.quiet = true
	var takes []chan struct{}
	for _, l := range h.lanes {
		if l.taking != nil {
			takes = append(takes, l.taking)
		}
	}
	h.mu.Unlock()
	for _, over := range takes {
		select {
		case <-over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	h.giveBackAll(ctx)
	return nil
}

// speak ends what hush began.
func (h *hub) speak() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.quiet = false
	for _, l := range h.lanes {
		l.dirty = true
	}
	for _, w := range h.waiting {
		w.woken <- w.queues[0]
	}
	h.waiting = nil
}

func (h *hub) isQuiet() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.quiet
}
