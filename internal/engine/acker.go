package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// ackMax bounds the jobs that have run and are not yet ended in Redis. Beyond it
// the slots of further ones stay taken.
const ackMax = 1024

// ackKeep is for how long the end of a job is sent again and again while Redis is
// away. Others may have been given the job by then: the token tells.
const ackKeep = 15 * time.Minute

// acker ends jobs, many with one call, while their slots take the next ones. It
// tries until Redis has got it or refuses it.
type acker struct {
	ender    ender
	holdings *holdings
	log      *slog.Logger
	room     chan struct{} // one token for each job in hand
	wake     chan struct{} // buffered; something waits
	over     chan struct{} // closed when nothing is tried again any more
	overOnce sync.Once
	done     sync.WaitGroup

	mu      sync.Mutex
	waiting []*ending // guarded by mu
	closed  bool      // guarded by mu
}

func newAcker(c redis.UniversalClient, holder string, h *holdings, log *slog.Logger) *acker {
	return &acker{
		ender: newEnder(c, holder), holdings: h, log: log,
		room: make(chan struct{}, ackMax), wake: make(chan struct{}, 1), over: make(chan struct{}),
	}
}

func (a *acker) start() { a.done.Go(a.run) }

// end takes the job and returns at once, unless very many are in hand.
func (a *acker) end(j *ending) {
	if !a.holdings.ending(j.holding) {
		return
	}
	j.giveUp = time.Now().Add(ackKeep)
	a.room <- struct{}{}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.waiting = append(a.waiting, j)
	if a.closed {
		return
	}
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// giveUp ends the sending of lost acknowledgements: the process stops and Redis
// is still away. The reaper of another process finds the jobs.
func (a *acker) giveUp() { a.overOnce.Do(func() { close(a.over) }) }

// close ends what waits and returns. Nothing may be given to it afterwards.
func (a *acker) close() {
	a.mu.Lock()
	if !a.closed {
		a.closed = true
		close(a.wake)
	}
	a.mu.Unlock()
	a.done.Wait()
}

func (a *acker) run() {
	for range a.wake {
		for lot := a.gather(); len(lot) > 0; lot = a.gather() {
			a.write(lot)
		}
	}
}

func (a *acker) gather() []*ending {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := min(len(a.waiting), enderMany)
	lot := a.waiting[:n:n]
	if a.waiting = a.waiting[n:]; len(a.waiting) == 0 {
		a.waiting = nil
	}
	return lot
}

// write ends the jobs, again and again where Redis cannot be reached.
func (a *acker) write(jobs []*ending) {
	defer func() {
		for range jobs {
			<-a.room
		}
	}()
	left := jobs
	for pause, try := ackRetryMin, 1; ; try++ {
		ctx, cancel := context.WithTimeout(context.Background(), ackTryMax)
		a.ender.write(ctx, left)
		cancel()
		if left = a.settle(left, try); len(left) == 0 {
			return
		}
		select {
		case <-a.over:
			a.log.Error("jobs have run and could not be ended before the stop; they will run again", "jobs", len(left))
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, ackRetryMax)
	}
}

// settle concludes the jobs whose try succeeded or cannot succeed, and returns
// those to try again.
func (a *acker) settle(jobs []*ending, try int) []*ending {
	var again []*ending
	for _, j := range jobs {
		if store.Unavailable(j.err) && time.Now().Before(j.giveUp) {
			again = append(again, j)
			continue
		}
		a.holdings.drop(j.holding)
		switch {
		case j.err == nil, try > 1 && errors.Is(j.err, errNotActive): // or an earlier try had arrived
			if j.then != nil {
				j.then()
			}
		case errors.Is(j.err, errNotActive):
			a.log.Warn("the end of a run was refused: the job is not this process's any more", "job", j.id, "queue", j.queue, "token", j.token, "end", j.to)
		default:
			a.log.Error("a run could not be ended; the job will run again", "job", j.id, "queue", j.queue, "tries", try, "error", j.err)
		}
	}
	if len(again) > 0 {
		a.log.Warn("acknowledgements failed, trying again", "jobs", len(again), "try", try, "error", again[0].err)
	}
	return again
}
