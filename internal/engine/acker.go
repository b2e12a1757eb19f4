package engine

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

// ackMax bounds the jobs that have run and are not yet ended in Redis. Beyond it
// the slots of further ones stay taken.
const ackMax = 1024

// ackKeep is for how long the end of a job is sent again and again while Redis is
// away. Others may have been given the job by then: the token tells.
const ackKeep = 15 * time.Minute

// acker ends jobs, many with one call, while their slots take the next ones. It
// tries until Redis has got it or refuses it. A queue whose jobs cannot be ended now
// does not hold up the others.
type acker struct {
	ender    ender
	scribe   *scribe
	holdings *holdings
	log      *slog.Logger
	wrong    *complaints
	tally    *Tally
	tell     func(queue, id string, f *failed, to jobs.State) // of failed attempts
	room     chan struct{}                                    // one token for each job in hand
	wake     chan struct{}                                    // buffered; something waits
	over     chan struct{}                                    // closed when nothing is tried again any more
	overOnce sync.Once
	done     sync.WaitGroup

	mu      sync.Mutex
	waiting []*ending       // guarded by mu
	stuck   map[string]bool // guarded by mu; queues that insist sees to
	closed  bool            // guarded by mu
}

func newAcker(c redis.UniversalClient, holder string, h *holdings, wrong *complaints, tally *Tally, s *scribe, log *slog.Logger) *acker {
	return &acker{
		ender: newEnder(c, holder), scribe: s, holdings: h, log: log, wrong: wrong, tally: tally, stuck: map[string]bool{},
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
			if left := a.try(lot); len(left) > 0 {
				a.part(left)
			}
		}
	}
}

// gather takes jobs that wait, but for those of stuck queues.
func (a *acker) gather() []*ending {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.stuck) > 0 {
		return a.pick(enderMany, func(j *ending) bool { return !a.stuck[j.queue] })
	}
	n := min(len(a.waiting), enderMany)
	lot := a.waiting[:n:n]
	if a.waiting = a.waiting[n:]; len(a.waiting) == 0 {
		a.waiting = nil
	}
	return lot
}

// try ends the jobs, concludes those with which that succeeded or never will, and
// returns the others.
func (a *acker) try(lot []*ending) []*ending {
	ctx, cancel := context.WithTimeout(context.Background(), ackTryMax)
	defer cancel()
	a.ender.write(ctx, a.scribe.last(ctx, lot))
	now := time.Now()
	var left []*ending
	for _, j := range lot {
		j.tries++
		if j.again() {
			left = append(left, j)
			continue
		}
		a.settle(j, now)
		<-a.room
	}
	return left
}

// again reports whether the job is to be tried again. While something else is stored
// under a name of its queue nobody can take the job, so that there is no hurry.
func (j *ending) again() bool {
	return store.WrongType(j.err) || store.Unavailable(j.err) && time.Now().Before(j.giveUp)
}

// settle concludes a job that has ended, or that cannot be.
func (a *acker) settle(j *ending, now time.Time) {
	a.holdings.drop(j.holding)
	switch {
	case j.err == nil, j.tries > 1 && errors.Is(j.err, errNotActive): // or an earlier try had arrived
		a.tally.ended(j.outcome.tallied, j.to, now)
		a.tell(j.queue, j.id, j.failed, j.to)
		if j.then != nil {
			j.then()
		}
	case errors.Is(j.err, errNotActive):
		a.log.Warn("the end of a run was refused: the job is not this process's any more", "job", j.id, "queue", j.queue, "token", j.token, "end", j.to)
	default:
		a.log.Error("a run could not be ended; the job will run again", "job", j.id, "queue", j.queue, "tries", j.tries, "error", j.err)
	}
}
