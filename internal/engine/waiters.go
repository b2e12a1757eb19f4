package engine

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// Waiters tells callers of this process that the job they wait for has ended.
// Workers publish the ids of waited jobs on a channel of this process. A
// message can be lost with a connection, so a caller looks for itself from time
// to time as well.
type Waiters struct {
	id       string
	listener *listener

	mu   sync.Mutex
	byID map[string]chan struct{} // guarded by mu

	release sync.Once
	closing chan struct{}
}

// NewWaiters returns the waiters of the process with the given id.
func NewWaiters(c redis.UniversalClient, id string) *Waiters {
	w := &Waiters{id: id, byID: map[string]chan struct{}{}, closing: make(chan struct{})}
	w.listener = newListener(c, map[string]func(string){store.ChannelFinished + ":" + id: w.wake})
	return w
}

// ID is the waiter to pass to [Engine.Enqueue].
func (w *Waiters) ID() string { return w.id }

// Start subscribes; Stop unsubscribes.
func (w *Waiters) Start(ctx context.Context) { w.listener.start(ctx) }

// Release makes callers stop waiting: [Waiters.Released] closes.
func (w *Waiters) Release() { w.release.Do(func() { close(w.closing) }) }

// Released closes when nobody should wait any longer, because the process stops.
func (w *Waiters) Released() <-chan struct{} { return w.closing }

// Stop ends the subscription.
func (w *Waiters) Stop() { w.listener.stop() }

// Wait returns a channel that closes when the job has ended, and a function
// that forgets it. Call it before the job is enqueued.
func (w *Waiters) Wait(id string) (<-chan struct{}, func()) {
	ended := make(chan struct{})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.byID[id] = ended
	return ended, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.byID[id] == ended {
			delete(w.byID, id)
		}
	}
}

func (w *Waiters) wake(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ended, ok := w.byID[id]; ok {
		close(ended)
		delete(w.byID, id)
	}
}
