package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"legwork/internal/store"
)

// try hands out a job of the queue, asking Redis only when it may hold one. It
// reports whether the caller may wait when there is none.
func (h *hub) try(ctx context.Context, queue string) (msg string, mayWait bool, err error) {
	h.mu.Lock()
	l := h.lanes[queue]
	if l == nil || h.closed {
		h.mu.Unlock()
		return "", !h.closed, nil
	}
	if len(l.buffer) > 0 {
		defer h.mu.Unlock()
		return h.handOut(l), false, nil
	}
	if !l.dirty || l.taking {
		h.mu.Unlock()
		return "", true, nil
	}
	l.taking, l.dirty = true, false // a wake-up during the take marks it again
	n := l.prefetch
	h.mu.Unlock()
	jobs, left, err := h.take(ctx, l, n)
	h.mu.Lock()
	defer h.mu.Unlock()
	l.taking = false
	if err != nil {
		l.dirty = true
		return "", false, err
	}
	l.dirty = l.dirty || left > 0
	if len(jobs) == 0 {
		return "", true, nil
	}
	h.grow(l, len(jobs) == n && left > 0)
	l.buffer, l.tookAt = jobs, time.Now()
	if len(jobs) > 1 {
		time.AfterFunc(bufferedMax, func() { h.sweep(l) })
	}
	return h.handOut(l), false, nil
}

// handOut returns the oldest job of the buffer, and wakes one more waiter while
// the queue may hold others. The caller holds mu.
func (h *hub) handOut(l *lane) string {
	first := l.buffer[0]
	l.buffer = l.buffer[1:]
	if len(l.buffer) > 0 || l.dirty {
		h.wakeOne(l.queue)
	}
	return first.msg
}

// grow takes more next time while full takes are used up quickly. The caller
// holds mu.
func (h *hub) grow(l *lane, full bool) {
	switch {
	case full && time.Since(l.tookAt) < prefetchQuick:
		l.prefetch = min(2*l.prefetch, prefetchMax)
	case !full:
		l.prefetch = max(1, l.prefetch/2)
	}
}

// sweep gives back what has waited for a free slot for too long, and takes less
// from then on.
func (h *hub) sweep(l *lane) {
	h.mu.Lock()
	if len(l.buffer) == 0 {
		h.mu.Unlock()
		return
	}
	if wait := bufferedMax - time.Since(l.tookAt); wait > 0 && !h.closed {
		time.AfterFunc(wait, func() { h.sweep(l) })
		h.mu.Unlock()
		return
	}
	h.mu.Unlock()
	h.giveBack(context.Background(), l)
}

func (h *hub) giveBackAll(ctx context.Context) {
	h.mu.Lock()
	all := slices.Collect(maps.Values(h.lanes))
	h.mu.Unlock()
	for _, l := range all {
		h.giveBack(ctx, l)
	}
}

// giveBack returns the lane's buffer to the front of its queue. What cannot be
// given back because Redis is away is found by the reaper.
func (h *hub) giveBack(ctx context.Context, l *lane) {
	h.mu.Lock()
	back := l.buffer
	l.buffer, l.prefetch = nil, max(1, l.prefetch/4)
	h.mu.Unlock()
	if len(back) == 0 {
		return
	}
	args := []any{time.Now().UnixNano(), l.keys.TaskPrefix(), l.queue, store.ChannelWake, h.holder}
	for _, t := range back {
		args = append(args, t.id)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTryMax)
	defer cancel()
	keys := []string{l.keys.Active(), l.keys.Lease(), l.keys.Pending()}
	if err := h.gives.Run(ctx, h.redis, keys, args...).Err(); err != nil {
		h.log.Warn("jobs not given back yet", "queue", l.queue, "jobs", len(back), "error", err)
	}
}

func (h *hub) take(ctx context.Context, l *lane, n int) ([]taken, int64, error) {
	keys := []string{l.keys.Pending(), l.keys.Paused(), l.keys.Active(), l.keys.Lease()}
	reply, err := h.takes.Run(ctx, h.redis, keys, time.Now().Add(leaseTime).Unix(), l.keys.TaskPrefix(), n, h.holder).Slice()
	if err != nil {
		return nil, 0, err
	}
	left, ok := reply[0].(int64)
	if !ok || len(reply)%2 == 0 {
		return nil, 0, errors.New("the take script gave an answer of the wrong shape")
	}
	jobs := make([]taken, 0, len(reply)/2)
	for i := 1; i < len(reply); i += 2 {
		id, _ := reply[i].(string)
		msg, _ := reply[i+1].(string)
		jobs = append(jobs, taken{id: id, msg: msg})
	}
	return jobs, left, nil
}
