package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

const (
	// scribeEvery is how long lines wait for others, so that they go together.
	scribeEvery = 200 * time.Millisecond
	// scribeMax bounds the bytes of all lines that wait, while Redis is away.
	scribeMax = 16 << 20
	// One script call writes for at most so many jobs, and no further one once it
	// has so many bytes.
	scribeMany  = 64
	scribeBytes = 64 << 10
)

// scribe puts into Redis what the runs of a process say: every scribeEvery while
// they run, and for the last time before their jobs end.
//
//	handler --> journal --.                 .--> scribe, now and then
//	handler --> journal ---+--> log.lua <--<
//	handler --> journal --'                 `--> acker, before it ends the job
//
// It never holds up a handler. While Redis is away lines wait, as far as there is
// room.
type scribe struct {
	redis  redis.UniversalClient
	holder string
	script *redis.Script
	log    *slog.Logger
	bytes  atomic.Int64  // of all lines that wait
	wake   chan struct{} // buffered; something waits

	mu      sync.Mutex
	waiting []*journal // guarded by mu
}

func newScribe(c redis.UniversalClient, holder string, log *slog.Logger) *scribe {
	return &scribe{redis: c, holder: holder, script: store.Script(luaFiles, "log"), log: log, wake: make(chan struct{}, 1)}
}

// reserve takes room for a line, if there is any.
func (s *scribe) reserve(n int) bool {
	if s.bytes.Add(int64(n)) <= scribeMax {
		return true
	}
	s.bytes.Add(-int64(n))
	return false
}

// expect notes that the journal has something to write.
func (s *scribe) expect(j *journal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = append(s.waiting, j)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// run writes until ctx ends. When Redis is away it comes back ever later.
func (s *scribe) run(ctx context.Context) {
	for pause := scribeEvery; ; {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		if err := s.round(); err == nil {
			pause = scribeEvery
			continue
		} else if pause == scribeEvery {
			s.log.WarnContext(ctx, "logs of jobs not written, trying again", "error", err)
		}
		pause = min(2*pause, ackRetryMax)
	}
}

// round writes what waits. The error is that of journals which wait again.
func (s *scribe) round() (err error) {
	s.mu.Lock()
	waiting := s.waiting
	s.waiting = nil
	s.mu.Unlock()
	var lot []*excerpt
	for _, j := range waiting {
		if e, ok := j.read(); ok {
			lot = append(lot, e)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), ackTryMax)
	defer cancel()
	s.write(ctx, lot)
	for _, e := range lot {
		if e.err != nil {
			err = e.err
			e.mu.Lock()
			e.call()
			e.mu.Unlock()
		}
	}
	return err
}

// last writes what is left to say of runs whose jobs are about to end, for
// afterwards they are not this process's any more. It returns the endings that can go
// on; those whose logs Redis cannot take now have its error. A job that is deleted at
// once takes its log along.
func (s *scribe) last(ctx context.Context, ends []*ending) []*ending {
	var lot []*excerpt
	var of []*ending
	for _, j := range ends {
		said := j.journal.Load()
		if said == nil {
			continue
		}
		if j.to == jobs.StateCompleted && j.until == "0" {
			said.discard()
			continue
		}
		said.close()
		if e, ok := said.read(); ok {
			lot, of = append(lot, e), append(of, j)
		}
	}
	if len(lot) == 0 {
		return ends
	}
	s.write(ctx, lot)
	late := map[*ending]bool{}
	for i, e := range lot {
		switch {
		case store.Unavailable(e.err):
			of[i].err, late[of[i]] = e.err, true
		case e.err != nil:
			s.log.Warn("a run's log could not be written", "job", of[i].id, "queue", of[i].queue, "error", e.err)
			e.discard()
		}
	}
	ready := make([]*ending, 0, len(ends))
	for _, j := range ends {
		if !late[j] {
			ready = append(ready, j)
		}
	}
	return ready
}

// write puts the excerpts into Redis, many with one call, and leaves in each what
// became of it.
func (s *scribe) write(ctx context.Context, lot []*excerpt) {
	byQueue := map[string][]*excerpt{}
	for _, e := range lot {
		byQueue[e.held.queue] = append(byQueue[e.held.queue], e)
	}
	for queue, all := range byQueue {
		for len(all) > 0 {
			n, size := 0, 0
			for n < len(all) && n < scribeMany && size < scribeBytes {
				for _, p := range all[n].pieces {
					size += len(p.text)
				}
				n++
			}
			s.call(ctx, store.KeysOf(queue), all[:n])
			all = all[n:]
		}
	}
}

// call writes excerpts of one queue with one call of the script.
func (s *scribe) call(ctx context.Context, k store.Keys, lot []*excerpt) {
	args := make([]any, 0, 4+16*len(lot))
	args = append(args, s.holder, k.TaskPrefix(), store.ChannelLog, store.LogRunsMax)
	for _, e := range lot {
		args = append(args, e.held.id, e.held.token, e.began, e.attempt, e.lines, e.dropped, e.progress.encode(e.attempt), len(e.pieces))
		for _, p := range e.pieces {
			args = append(args, p.chunk, p.offset, p.text)
		}
	}
	codes, err := s.script.Run(ctx, s.redis, []string{k.Holders()}, args...).Int64Slice()
	if err == nil && len(codes) != len(lot) {
		err = fmt.Errorf("the script answered for %d of %d logs", len(codes), len(lot))
	}
	for i, e := range lot {
		switch e.err = err; {
		case err != nil:
		case codes[i] == 0:
			e.discard()
		default:
			e.written(e)
		}
	}
}

// encode is the report as it is kept, or "" when it is in Redis.
func (p report) encode(attempt int) any {
	if !p.fresh {
		return ""
	}
	raw, _ := json.Marshal(store.Progress{Done: p.done, Total: p.total, At: p.at, Attempt: attempt}) // numbers only
	return raw
}
