package engine

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"legwork/internal/store"
	"legwork/jobs"
)

// try hands out a job of the queue, asking Redis only when it may hold one. It
// reports whether the caller may wait when there is none.
func (h *hub) try(ctx context.Context, queue string) (msg string, mayWait bool, err error) {
	for {
		h.mu.Lock()
		l := h.lanes[queue]
		if l == nil || h.closed {
			defer h.mu.Unlock()
			return "", !h.closed, nil
		}
		if h.quiet {
			defer h.mu.Unlock()
			return "", true, nil
		}
		if len(l.buffer) > 0 && l.buffer[0].at.age() > takenMax {
			h.mu.Unlock()
			h.giveBack(ctx, l) // the process has stood still: others may have been given it
			continue
		}
		if msg := h.handOut(l); msg != "" {
			h.mu.Unlock()
			return msg, false, nil
		}
		under := cmp.Or(l.giving, l.taking)
		if under == nil && !l.dirty {
			defer h.mu.Unlock()
			return "", true, nil
		}
		h.mu.Unlock()
		if under != nil {
			<-under // a lighter queue must not overtake this one meanwhile
			continue
		}
		if err := h.refill(ctx, l); err != nil {
			if !faulty(err) {
				return "", false, err
			}
			h.wrong.about(ctx, queue, err)
			return "", true, nil // the other queues go on; a look has this one tried again
		}
	}
}

// handOut returns the oldest job of the buffer, or "", and wakes one more waiter
// while the queue may hold others. When the buffer runs low, the next jobs are taken
// while the slots are busy with these. The caller holds mu.
func (h *hub) handOut(l *lane) string {
	for len(l.buffer) > 0 {
		first := l.buffer[0]
		l.buffer = l.buffer[1:]
		if !h.held.add(first.holding) {
			h.done.Go(func() { h.putOff(first) })
			continue
		}
		if len(l.buffer) > 0 || l.dirty {
			h.wakeOne(l.queue)
		}
		if l.dirty && l.taking == nil && len(l.buffer) > 0 && len(l.buffer) <= l.prefetch/2 {
			h.done.Go(func() { h.takeAhead(l) })
		}
		return first.raw
	}
	return ""
}

// putOff gives back for a while a job of which this process still has an earlier
// run: its handler ignores that it has lost the job. Another process may run it.
func (h *hub) putOff(t taken) {
	ctx, cancel := context.WithTimeout(context.Background(), ackTryMax)
	defer cancel()
	h.log.Warn("job not started: an earlier run of it has not returned in this process", "job", t.id, "queue", t.queue)
	e := &ending{holding: t.holding, to: jobs.StateScheduled, due: unixFraction(time.Now().Add(putOffTime))}
	if h.ender.write(ctx, []*ending{e}); e.err != nil {
		h.log.Warn("job not given back yet", "job", t.id, "queue", t.queue, "error", e.err)
	}
}

func (h *hub) takeAhead(l *lane) {
	if err := h.refill(context.Background(), l); err != nil {
		h.log.Debug("jobs not taken ahead", "queue", l.queue, "error", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(l.buffer) > 0 {
		h.wakeOne(l.queue)
	}
}

// refill takes jobs into the lane's buffer, unless somebody is at it.
func (h *hub) refill(ctx context.Context, l *lane) error {
	h.mu.Lock()
	if l.taking != nil || h.closed || h.quiet {
		h.mu.Unlock()
		return nil
	}
	over := make(chan struct{})
	defer close(over)
	l.taking, l.dirty = over, false // a wake-up during the take marks it again
	n := l.prefetch
	h.mu.Unlock()
	got, left, err := h.take(ctx, l, n)
	if h.store(l, got, left, n, err) {
		h.giveBack(context.WithoutCancel(ctx), l)
	}
	return err
}

// store puts what a take of n jobs brought into the lane's buffer. It reports whether
// that must be given back: nobody hands out jobs of this lane any more.
func (h *hub) store(l *lane, got []taken, left int64, n int, err error) (late bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l.taking = nil
	l.dirty = l.dirty || left > 0 || err != nil && !faulty(err)
	if len(got) == 0 {
		return false
	}
	h.grow(l, len(got) == n && left > 0)
	l.buffer, l.tookAt = append(l.buffer, got...), time.Now()
	if h.closed || h.quiet || h.lanes[l.queue] != l {
		return true
	}
	if len(l.buffer) > 1 && !l.sweeping {
		l.sweeping = true
		time.AfterFunc(bufferedMax, func() { h.sweep(l) })
	}
	return false
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
	l.sweeping = false
	if len(l.buffer) == 0 {
		h.mu.Unlock()
		return
	}
	if wait := bufferedMax - l.buffer[0].at.age(); wait > 0 && !h.closed {
		l.sweeping = true
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
	back, before := l.buffer, l.giving
	l.buffer, l.prefetch = nil, max(1, l.prefetch/4)
	if len(back) == 0 {
		h.mu.Unlock()
		return
	}
	over := make(chan struct{})
	l.giving = over
	h.mu.Unlock()
	defer h.given(l, before, over)
	ends := make([]*ending, len(back))
	for i, t := range back {
		ends[i] = &ending{holding: t.holding, to: jobs.StatePending, due: "0"}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTryMax)
	defer cancel()
	h.ender.write(ctx, ends)
	if err := ends[0].err; err != nil && !errors.Is(err, errNotActive) {
		h.log.Warn("jobs not given back yet", "queue", l.queue, "jobs", len(back), "error", err)
	}
}

// given ends a giveBack, after the one that began before it.
func (h *hub) given(l *lane, before, over chan struct{}) {
	if before != nil {
		<-before
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	l.dirty = true
	if l.giving == over {
		l.giving = nil
	}
	close(over)
}

func (h *hub) take(ctx context.Context, l *lane, n int) ([]taken, int64, error) {
	at := now()
	reply, err := h.takes.Run(ctx, h.redis, takeKeys(l.keys), at.t.Add(leaseTime).Unix(), l.keys.Prefix(), n, h.holder, at.t.Unix(), pendingStep).Slice()
	if err != nil {
		return nil, 0, err
	}
	if len(reply) < 3 || len(reply)%2 == 0 {
		return nil, 0, errors.New("the take script gave an answer of the wrong shape")
	}
	left, _ := reply[0].(int64)
	token, _ := reply[1].(int64)
	got := make([]taken, 0, len(reply)/2)
	for i := 3; i < len(reply); i += 2 {
		id, _ := reply[i].(string)
		msg, _ := reply[i+1].(string)
		if msg == "" {
			h.log.Error("job has no message, or something else is stored under its name; it is a dead letter now", "job", id, "queue", l.queue, "key", l.keys.Task(id))
			continue
		}
		token++
		got = append(got, taken{holding: &holding{id: id, queue: l.queue, token: token, raw: msg}, at: at})
	}
	for i, p := 0, readPendings(reply[2], len(got)); i < len(got); i++ {
		got[i].pending = p.since(i)
	}
	return h.bury(ctx, got), left, nil
}

// takeKeys are the keys of take.lua.
func takeKeys(k store.Keys) []string {
	return []string{
		k.Pending(), k.Paused(), k.Active(), k.Lease(), k.Tokens(), k.Archived(), k.Holders(), k.Retry(), k.Completed(),
	}
}

// bury makes dead letters of those jobs whose messages are damaged, or are those of
// other jobs: asynq would run them under false names. It returns the others. The reaper
// finds those with which it does not succeed.
func (h *hub) bury(ctx context.Context, got []taken) (sound []taken) {
	var dead []*ending
	sound = got[:0]
	for _, t := range got {
		if store.Bears(t.raw, t.id, t.queue) {
			sound = append(sound, t)
			continue
		}
		dead = append(dead, &ending{holding: t.holding, to: jobs.StateArchived, due: unixFraction(t.at.t), message: t.raw})
	}
	if len(dead) > 0 {
		h.ender.write(ctx, dead)
	}
	for _, j := range dead {
		h.log.Error("job cannot be read, or its message is another job's; it is a dead letter now", "job", j.id, "queue", j.queue, "error", j.err)
	}
	return sound
}
