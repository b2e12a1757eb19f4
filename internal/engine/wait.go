package engine

import (
	"context"
	"slices"
	"time"
)

// dequeue answers asynq's question for one queue: the message of a job that is
// now active, or "" for none. When none of the pool's queues can hold a job, it
// waits for one that does, and may then answer with a job of another queue than
// it was asked for: asynq reads the queue from the message.
func (h *hub) dequeue(ctx context.Context, queue string, all []string) (string, error) {
	for {
		msg, next, err := h.try(ctx, queue)
		if err != nil || msg != "" || !next {
			return msg, err
		}
		w := h.enlist(all)
		if w == nil {
			return "", nil // another of the queues may hold jobs; asynq asks for it next
		}
		if queue = h.await(w); queue == "" {
			return "", nil
		}
	}
}

// await returns the queue that the waiter was woken for, or "" when its time is up.
func (h *hub) await(w *waiter) string {
	timer := time.NewTimer(waitMax)
	defer timer.Stop()
	select {
	case q := <-w.woken:
		return q
	case <-timer.C:
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.waiting = slices.DeleteFunc(h.waiting, func(other *waiter) bool { return other == w })
	select {
	case q := <-w.woken: // woken while the time ran out
		return q
	default:
		return ""
	}
}

// enlist lets a dequeue wait, unless one of its queues may hold a job.
func (h *hub) enlist(queues []string) *waiter {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	for _, q := range queues {
		if l := h.lanes[q]; l != nil && (len(l.buffer) > 0 || l.dirty) {
			return nil
		}
	}
	w := &waiter{queues: queues, woken: make(chan string, 1)}
	h.waiting = append(h.waiting, w)
	return w
}
