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
func (h *hub) dequeue(ctx context.Context, s *seam, queue string) (string, error) {
	for {
		select {
		case <-s.closed:
			h.pass(queue)
			return "", nil
		default:
		}
		msg, next, err := h.try(ctx, queue)
		if err != nil || msg != "" || !next {
			return msg, err
		}
		w := h.enlist(s.queues)
		if w == nil {
			return "", nil // another of the queues may hold jobs; asynq asks for it next
		}
		if queue = h.await(w, s.closed); queue == "" {
			return "", nil
		}
	}
}

// pass wakes another pool's dequeue for a queue that this one was woken for in vain.
func (h *hub) pass(queue string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if l := h.lanes[queue]; l != nil && (l.dirty || len(l.buffer) > 0) {
		h.wakeOne(queue)
	}
}

// await returns the queue that the waiter was woken for, or "" when its time is up
// or its pool has closed.
func (h *hub) await(w *waiter, closed <-chan struct{}) string {
	timer := time.NewTimer(waitMax)
	defer timer.Stop()
	select {
	case q := <-w.woken:
		return q
	case <-closed:
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

// enlist lets a dequeue wait, unless one of its queues may hold a job for it.
func (h *hub) enlist(queues []string) *waiter {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	for _, q := range queues {
		if l := h.lanes[q]; !h.quiet && l != nil && (len(l.buffer) > 0 || l.dirty) {
			return nil
		}
	}
	w := &waiter{queues: queues, woken: make(chan string, 1)}
	h.waiting = append(h.waiting, w)
	return w
}
