package engine

import (
	"context"
	"crypto/sha1" //nolint:gosec // the digest that EVALSHA uses
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

const (
	// dequeueErrorPause keeps asynq's dispatcher, which does not wait after an
	// error, from spinning while Redis is away.
	dequeueErrorPause = 200 * time.Millisecond
	// An acknowledgement that fails because Redis is away is tried again until
	// the job's lease ends.
	ackRetryMin = 50 * time.Millisecond
	ackRetryMax = time.Second
	ackTryMax   = 5 * time.Second
	// The number of keys of asynq's scripts without a unique lock. Jobs that
	// another asynq client made unique are left to asynq's own scripts.
	doneKeys     = 5
	completeKeys = 6
	// As the age and the size limit of asynq's archive, these keep every dead letter.
	archiveNoCutoff = -1
	archiveNoTrim   = int64(1) << 40
)

// seam is the Redis client that a pool's asynq server is given. It passes
// everything through but asynq's acknowledgements, which it makes do what
// Legwork promises: results and snoozes are written in the same step, dead
// letters are not trimmed, and a lost acknowledgement is sent again.
type seam struct {
	redis.UniversalClient
	outcomes *outcomes
	acker    *acker
	release  *redis.Script
	vital    vital
	hub      *hub
	queues   []string             // of the pool
	hold     func(id string) bool // waits for a handler that still runs; false: give its job back
	log      *slog.Logger
	unknown  atomic.Int64  // scripts passed through without being recognised
	over     chan struct{} // closed when lost acknowledgements are not sent again any more
	overOnce sync.Once
}

func newSeam(c redis.UniversalClient, o *outcomes, h *hub, queues []string, log *slog.Logger) *seam {
	over := make(chan struct{})
	return &seam{
		UniversalClient: c, outcomes: o, hub: h, queues: queues, release: luaScript("release"), vital: newVital(), log: log,
		over: over, acker: newAcker(c, h.holder, over, log),
	}
}

// giveUp ends the sending of lost acknowledgements: the process stops and Redis
// is still away. The jobs' leases end, and another worker takes them over.
func (s *seam) giveUp() { s.overOnce.Do(func() { close(s.over) }) }

// EvalSha is how asynq runs a script that Redis knows.
func (s *seam) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return s.eval(ctx, sha, keys, args, func(ctx context.Context, args []any) *redis.Cmd {
		return s.UniversalClient.EvalSha(ctx, sha, keys, args...)
	})
}

// Eval is how asynq runs a script that Redis has forgotten.
func (s *seam) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	sum := sha1.Sum([]byte(script)) //nolint:gosec // the digest that EVALSHA uses
	return s.eval(ctx, hex.EncodeToString(sum[:]), keys, args, func(ctx context.Context, args []any) *redis.Cmd {
		return s.UniversalClient.Eval(ctx, script, keys, args...)
	})
}

type runFunc func(ctx context.Context, args []any) *redis.Cmd

func (s *seam) eval(ctx context.Context, sha string, keys []string, args []any, run runFunc) *redis.Cmd {
	switch kind := scriptKindOf(sha); kind {
	case scriptDequeue:
		return s.dequeue(ctx, queueOf(keys))
	case scriptForward:
		return intCmd(ctx, 0) // the hub's forwarder does it, on time
	case scriptDone, scriptComplete, scriptRetry, scriptArchive, scriptRequeue:
		return s.ack(ctx, kind, keys, args, run)
	case scriptUnknown:
		s.unknown.Add(1)
	}
	return run(ctx, args)
}

// dequeue answers for one queue of the pool. After an error it pauses: asynq's
// dispatcher does not.
func (s *seam) dequeue(ctx context.Context, queue string) *redis.Cmd {
	msg, err := s.hub.dequeue(ctx, queue, s.queues)
	cmd := redis.NewCmd(ctx)
	switch {
	case err != nil:
		time.Sleep(dequeueErrorPause)
		cmd.SetErr(err)
	case msg == "":
		cmd.SetErr(redis.Nil)
	default:
		cmd.SetVal(msg)
	}
	return cmd
}

// ack runs an acknowledgement of the job whose id is the first argument.
func (s *seam) ack(ctx context.Context, kind scriptKind, keys []string, args []any, run runFunc) *redis.Cmd {
	id, _ := args[0].(string)
	queue, out := queueOf(keys), s.outcomes.take(id)
	if job := finished(kind, id, queue, keys, args, out); job != nil {
		if out.waiter != "" {
			job.then = func() { s.tell(context.Background(), out.waiter, id) }
		}
		s.acker.end(job)
		return okCmd(ctx)
	}
	if (kind == scriptRetry || kind == scriptArchive) && !s.hold(id) {
		kind, out = scriptRequeue, outcome{}
	}
	run, args = s.choose(kind, queue, args, out, run)
	cmd, ended := s.sendAgain(ctx, id, args, run)
	switch {
	case redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT"):
		s.outcomes.put(id, out) // asynq comes again with the script's text
	case ended && kind == scriptRetry:
		at, _ := strconv.ParseFloat(fmt.Sprint(args[2]), 64)
		s.hub.forwarder.expect(queue, setRetry, timeOfScore(at))
	case ended && out.waiter != "" && kind == scriptArchive:
		s.tell(ctx, out.waiter, id)
	}
	return cmd
}

// choose returns what to run for an acknowledgement of asynq's, and with what.
func (s *seam) choose(kind scriptKind, queue string, args []any, out outcome, run runFunc) (runFunc, []any) {
	switch {
	case out.ending != endAsAsked && kind == scriptDone:
		return s.giveBack(queue, out), args
	case kind == scriptRequeue:
		return s.giveBack(queue, outcome{ending: endRequeue}), args
	case kind == scriptRetry && !out.due.IsZero():
		// asynq cuts the time to the second, which may be early.
		args = slices.Clone(args)
		args[2] = unixFraction(out.due)
	case kind == scriptArchive:
		args = slices.Clone(args)
		args[3], args[4] = archiveNoCutoff, archiveNoTrim
	}
	return run, args
}

// sendAgain repeats an acknowledgement that Redis may not have got, for as long as
// a lease lasts, or until giveUp. It reports whether the job's state has changed.
func (s *seam) sendAgain(ctx context.Context, id string, args []any, run runFunc) (*redis.Cmd, bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaseTime)
	defer cancel()
	pause, tries := ackRetryMin, 0
	for {
		tries++
		try, cancel := context.WithTimeout(ctx, ackTryMax)
		cmd := run(try, args)
		cancel()
		err := cmd.Err()
		switch {
		case err == nil:
			return cmd, true
		case redis.HasErrorPrefix(err, "NOSCRIPT"):
			return cmd, false
		case tries > 1 && strings.Contains(err.Error(), "NOT FOUND"):
			return okCmd(ctx), true // an earlier try had arrived
		case !store.Unavailable(err) || ctx.Err() != nil:
			return cmd, false
		}
		s.log.Warn("acknowledgement failed, trying again", "job", id, "try", tries, "error", err)
		select {
		case <-ctx.Done():
			return cmd, false
		case <-s.over:
			return cmd, false
		case <-time.After(pause):
			pause = min(2*pause, ackRetryMax)
		}
	}
}

// finished returns the job that asynq's done or complete script would end, with
// its result, for the acker to end; nil for any other call.
func finished(kind scriptKind, id, queue string, keys []string, args []any, out outcome) *ended {
	job := &ended{id: id, queue: queue, value: ""}
	switch {
	case out.ending != endAsAsked:
		return nil
	case kind == scriptComplete && len(keys) == completeKeys:
		job.dayKey, job.statsEnd, job.until, job.message = keys[4], args[1], args[2], args[3]
	case kind == scriptDone && len(keys) == doneKeys:
		job.dayKey, job.statsEnd, job.until, job.message = keys[3], args[1], "0", ""
	default:
		return nil
	}
	switch {
	case out.discard != "":
		job.field, job.value = store.FieldDiscarded, out.discard
	case out.result != nil:
		job.field, job.value = store.FieldResult, []byte(out.result)
	}
	return job
}

// giveBack puts an active job back without using up an attempt.
func (s *seam) giveBack(queue string, out outcome) runFunc {
	k := store.KeysOf(queue)
	return func(ctx context.Context, args []any) *redis.Cmd {
		id, _ := args[0].(string)
		due := "0"
		if out.ending == endSnooze {
			due = unixFraction(out.due)
		}
		keys := []string{k.Active(), k.Lease(), k.Pending(), k.Scheduled(), k.Task(id)}
		return s.release.Run(ctx, s.UniversalClient, keys, id, time.Now().UnixNano(), due, queue, store.ChannelWake, s.hub.holder)
	}
}

func (s *seam) tell(ctx context.Context, waiter, id string) {
	if err := s.Publish(ctx, store.ChannelFinished+":"+waiter, id).Err(); err != nil {
		s.log.Warn("waiting process not told that a job has ended", "job", id, "error", err)
	}
}

// queueOf reads the queue's name from the hash tag of a script's first key.
func queueOf(keys []string) string {
	_, rest, _ := strings.Cut(keys[0], "{")
	name, _, _ := strings.Cut(rest, "}")
	return name
}

func okCmd(ctx context.Context) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	cmd.SetVal("OK")
	return cmd
}

func intCmd(ctx context.Context, n int64) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	cmd.SetVal(n)
	return cmd
}
