package chaos_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"legwork/client"
	"legwork/internal/chaos"
	"legwork/internal/engine"
	"legwork/internal/inspect"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

const (
	// handInEvery is how often the producer looks how many jobs are due.
	handInEvery = 10 * time.Millisecond
	// againAfter is when a caller that was told "unavailable" comes again; the
	// pause doubles up to againMax.
	againAfter = 200 * time.Millisecond
	againMax   = 3200 * time.Millisecond
	// callers is how many jobs are handed in at the same time, and backlogMax how
	// many may wait for it.
	callers    = 64
	backlogMax = 1 << 17
	// callerPatience is how long it comes again.
	callerPatience = time.Minute
)

// producer hands in jobs with ids of its own, at a steady rate, and comes again
// with the same id when it is told that Redis is away: as a real caller does.
type producer struct {
	t         testing.TB
	ledger    *chaos.Ledger
	engine    *engine.Engine
	inspector *inspect.Inspector
	long      time.Duration // length of one job in longEvery; 0 for none
	longEvery int

	again     atomic.Int64 // calls that had to be repeated
	unclaimed atomic.Int64 // repetitions that were told "conflict" though the job was not stored
}

func newProducer(t testing.TB, r storetest.Instance, ledger *chaos.Ledger, s scenario) *producer {
	t.Helper()
	reg := jobs.NewRegistry()
	jobs.Handle(reg, jobType, func(context.Context, sleep) (struct{}, error) { return struct{}{}, nil }, jobs.Options{})
	log := slog.New(slog.DiscardHandler)
	e := engine.New(engine.Options{Redis: r.Client, Catalog: engine.NewCatalog(reg, r.Client, log), Log: log})
	t.Cleanup(e.Stop)
	return &producer{t: t, ledger: ledger, engine: e, inspector: inspect.New(r.Client, log), long: s.long, longEvery: s.rate}
}

// run hands in jobs until ctx ends, and returns when the last one is accepted.
// What its callers cannot hand in at once waits for them: callers without bound
// would keep an overloaded Redis from ever answering one of them in time.
func (p *producer) run(ctx context.Context, perSecond int) {
	due := make(chan int, backlogMax)
	var calls sync.WaitGroup
	for range callers {
		calls.Go(func() {
			for n := range due {
				p.handIn(n)
			}
		})
	}
	begin := time.Now()
	tick := time.NewTicker(handInEvery)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; {
		for until := int(time.Since(begin).Seconds() * float64(perSecond)); n < until; n++ {
			due <- n
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	close(due)
	calls.Wait()
}

// handIn calls until the n-th job is accepted.
func (p *producer) handIn(n int) {
	job, due := p.job(n)
	ctx, cancel := context.WithTimeout(context.Background(), callerPatience)
	defer cancel()
	waiter := ""
	if n%waiterEvery == 0 {
		waiter = watcherName
	}
	for try, wait := 1, againAfter; ; try, wait = try+1, min(2*wait, againMax) {
		_, err := p.engine.Enqueue(ctx, job, waiter)
		if err == nil || try > 1 && p.stored(ctx, job.ID, err) {
			if err := p.ledger.Write(chaos.Entry{Kind: chaos.Accepted, Job: job.ID, Due: due}); err != nil {
				p.t.Error(err)
			}
			return
		}
		code := jobs.CodeOf(err)
		repeat := code == jobs.CodeUnavailable || code == jobs.CodeConflict && try > 1
		if !repeat {
			p.t.Errorf("job %s, try %d: %v", job.ID, try, err)
			return
		}
		p.again.Add(1)
		select {
		case <-ctx.Done():
			p.t.Errorf("job %s was not accepted within %s: %v", job.ID, callerPatience, err)
			return
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
	}
}

// stored reports whether a conflict is with an earlier try of the same call.
func (p *producer) stored(ctx context.Context, id string, err error) bool {
	if jobs.CodeOf(err) != jobs.CodeConflict {
		return false
	}
	_, err = p.inspector.Job(ctx, id)
	if jobs.CodeOf(err) == jobs.CodeNotFound {
		p.unclaimed.Add(1)
	}
	return err == nil
}

// job returns the n-th job and when it is due. Most take a few milliseconds, some
// up to two seconds. One in ten is to start later, and one in twenty fails at its
// first attempt.
func (p *producer) job(n int) (client.Enqueue, time.Time) {
	payload, _ := json.Marshal(p.length(n))
	job := client.Enqueue{Type: jobType, ID: uuid.Must(uuid.NewV7()).String(), Payload: payload}
	if n%10 != 7 {
		return job, time.Time{}
	}
	due := time.Now().Add(300*time.Millisecond + time.Duration(n%37)*73*time.Millisecond).Truncate(time.Microsecond)
	job.RunAt = &due
	return job, due
}

// length says how long the n-th job's handler takes. Of the long ones, half fail
// late in their first attempt.
func (p *producer) length(n int) sleep {
	ms := func(n int) int64 { return int64(n) * 1000 }
	if p.long > 0 && n%p.longEvery == p.longEvery/2 {
		s := sleep{Micros: p.long.Microseconds()}
		if n/p.longEvery%2 == 1 {
			s.FailAfter = s.Micros / 4
		}
		return s
	}
	var s sleep
	switch part := n % 100; {
	case part < 60:
		s.Micros = ms(1 + part%5)
	case part < 85:
		s.Micros = ms(20 + 4*(part-60))
	case part < 97:
		s.Micros = ms(100 + 30*(part-85))
	default:
		s.Micros = ms(1000 + 500*(part-97))
	}
	if n%20 == 3 {
		s.FailAfter = s.Micros
	}
	return s
}
