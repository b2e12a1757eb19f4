package engine

import (
	"context"
	"crypto/sha1" //nolint:gosec // the digest that EVALSHA uses
	"encoding/hex"
	"errors"
	"log/slog"
	"strconv"
	"strings"
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
	complete *redis.Script
	release  *redis.Script
	log      *slog.Logger
	unknown  atomic.Int64  // scripts passed through without being recognised
	over     chan struct{} // closed when lost acknowledgements are not sent again any more
}

func newSeam(c redis.UniversalClient, o *outcomes, log *slog.Logger) *seam {
	return &seam{
		UniversalClient: c, outcomes: o, complete: luaScript("complete"), release: luaScript("release"), log: log,
		over: make(chan struct{}),
	}
}

// giveUp ends the sending of lost acknowledgements: the process stops and Redis
// is still away. The jobs' leases end, and another worker takes them over. Call
// it once.
func (s *seam) giveUp() { close(s.over) }

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
		return s.dequeue(ctx, args, run)
	case scriptDone, scriptComplete, scriptRetry, scriptArchive, scriptRequeue:
		return s.ack(ctx, kind, keys, args, run)
	case scriptUnknown:
		s.unknown.Add(1)
	}
	return run(ctx, args)
}

func (s *seam) dequeue(ctx context.Context, args []any, run runFunc) *redis.Cmd {
	cmd := run(ctx, args)
	if err := cmd.Err(); err != nil && !errors.Is(err, redis.Nil) && !redis.HasErrorPrefix(err, "NOSCRIPT") {
		time.Sleep(dequeueErrorPause)
	}
	return cmd
}

// ack runs an acknowledgement of the job whose id is the first argument.
func (s *seam) ack(ctx context.Context, kind scriptKind, keys []string, args []any, run runFunc) *redis.Cmd {
	id, _ := args[0].(string)
	out := s.outcomes.take(id)
	switch {
	case out.ending != endAsAsked && kind == scriptDone:
		run = s.giveBack(queueOf(keys), out)
	case kind == scriptRequeue:
		run = s.giveBack(queueOf(keys), outcome{ending: endRequeue})
	case kind == scriptComplete:
		run = s.completeWith(keys, out)
	case kind == scriptArchive:
		args = append([]any(nil), args...)
		args[3], args[4] = archiveNoCutoff, archiveNoTrim
	}
	cmd, ended := s.sendAgain(ctx, id, args, run)
	if ended && out.waiter != "" && kind != scriptRetry && out.ending == endAsAsked {
		s.tell(ctx, out.waiter, id)
	}
	return cmd
}

// sendAgain repeats an acknowledgement that Redis may not have got, until the
// context's deadline, which asynq sets to the end of the lease, or until giveUp.
// It reports whether the job's state has changed.
func (s *seam) sendAgain(ctx context.Context, id string, args []any, run runFunc) (*redis.Cmd, bool) {
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

// completeWith replaces asynq's complete script by one that stores the result.
func (s *seam) completeWith(keys []string, out outcome) runFunc {
	field, value := "", any("")
	switch {
	case out.discard != "":
		field, value = store.FieldDiscarded, out.discard
	case out.result != nil:
		field, value = store.FieldResult, []byte(out.result)
	}
	return func(ctx context.Context, args []any) *redis.Cmd {
		all := append(append([]any(nil), args...), time.Now().UnixMilli(), field, value)
		return s.complete.Run(ctx, s.UniversalClient, keys, all...)
	}
}

// giveBack puts an active job back without using up an attempt.
func (s *seam) giveBack(queue string, out outcome) runFunc {
	k := store.KeysOf(queue)
	return func(ctx context.Context, args []any) *redis.Cmd {
		id, _ := args[0].(string)
		due := "0"
		if out.ending == endSnooze {
			due = strconv.FormatInt(ceilUnix(out.due), 10)
		}
		keys := []string{k.Active(), k.Lease(), k.Pending(), k.Scheduled(), k.Task(id)}
		return s.release.Run(ctx, s.UniversalClient, keys, id, time.Now().UnixNano(), due)
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
