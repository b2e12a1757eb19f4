package engine

import (
	"context"
	"math/bits"
	"time"

	"legwork/internal/store"
)

// part hands jobs that could not be ended at once to a goroutine for each queue.
func (a *acker) part(left []*ending) {
	byQueue := map[string][]*ending{}
	for _, j := range left {
		byQueue[j.queue] = append(byQueue[j.queue], j)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for queue, jobs := range byQueue {
		a.stuck[queue] = true
		a.done.Go(func() { a.insist(queue, jobs) })
	}
}

// insist ends jobs of one queue, and what of that queue comes meanwhile, again and
// again.
func (a *acker) insist(queue string, left []*ending) {
	for pause := ackRetryMin; len(left) > 0; pause = min(2*pause, ackRetryMax) {
		a.complain(queue, left)
		over := false
		select {
		case <-time.After(pause):
		case <-a.over:
			over = true
		}
		left = a.try(a.more(queue, left))
		if over && len(left) > 0 {
			a.abandon(queue, left)
			left = nil
		}
		if len(left) == 0 {
			left = a.more(queue, nil)
		}
	}
}

// more adds to the jobs what waits for the same queue. When there is nothing, the
// queue is not stuck any longer.
func (a *acker) more(queue string, left []*ending) []*ending {
	a.mu.Lock()
	defer a.mu.Unlock()
	left = append(left, a.pick(enderMany-len(left), func(j *ending) bool { return j.queue == queue })...)
	if len(left) == 0 {
		delete(a.stuck, queue)
	}
	return left
}

// pick takes at most n of the jobs that wait and fit, in their order. The caller
// holds mu.
func (a *acker) pick(n int, fits func(*ending) bool) []*ending {
	var lot, rest []*ending
	for _, j := range a.waiting {
		if len(lot) < n && fits(j) {
			lot = append(lot, j)
		} else {
			rest = append(rest, j)
		}
	}
	a.waiting = rest
	return lot
}

// complain says why the jobs are not ended, the less often the longer it lasts.
func (a *acker) complain(queue string, left []*ending) {
	switch first := left[0]; {
	case store.WrongType(first.err):
		a.wrong.about(context.Background(), queue, first.err)
	case first.tries > 0 && bits.OnesCount(uint(first.tries)) == 1:
		a.log.Warn("acknowledgements failed, trying again", "queue", queue, "jobs", len(left), "try", first.tries, "error", first.err)
	}
}

// abandon forgets the jobs: the process stops, and they cannot be ended.
func (a *acker) abandon(queue string, left []*ending) {
	a.log.Error("jobs have run and could not be ended before the stop; they will run again", "queue", queue, "jobs", len(left))
	for range left {
		<-a.room
	}
}
