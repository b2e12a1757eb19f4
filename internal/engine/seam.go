package engine

import (
	"context"
	"crypto/sha1" //nolint:gosec // the digest that EVALSHA uses
	"encoding/hex"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
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
	// The numbers of keys of asynq's done and complete scripts when a unique lock,
	// the last one, is among them.
	doneUniqueKeys     = 6
	completeUniqueKeys = 7
	// As the age and the size limit of asynq's archive, these keep every dead letter.
	archiveNoCutoff = -1
	archiveNoTrim   = int64(1) << 40
)

// seam is the Redis client that a pool's asynq server is given. It passes
// everything through but the scripts with which asynq takes, ends and forwards
// jobs: the hub and the acker do that, many at a time, on time and for sure.
type seam struct {
	redis.UniversalClient
	worker    *Worker
	queues    []string       // of the pool
	weights   map[string]int // of its queues
	closed    chan struct{}  // closed when the pool takes no more jobs
	closeOnce sync.Once
}

// close makes the pool's dequeues answer "nothing".
func (s *seam) close() {
	s.closeOnce.Do(func() { close(s.closed) })
}

// EvalSha is how asynq runs a script that Redis knows.
func (s *seam) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	cmd, args := s.instead(ctx, sha, keys, args)
	if cmd != nil {
		return cmd
	}
	cmd = s.UniversalClient.EvalSha(ctx, sha, keys, args...)
	s.record(ctx, scriptKindOf(sha), keys, args, cmd)
	return cmd
}

// Eval is how asynq runs a script that Redis has forgotten.
func (s *seam) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	sum := sha1.Sum([]byte(script)) //nolint:gosec // the digest that EVALSHA uses
	sha := hex.EncodeToString(sum[:])
	cmd, args := s.instead(ctx, sha, keys, args)
	if cmd != nil {
		return cmd
	}
	cmd = s.UniversalClient.Eval(ctx, script, keys, args...)
	s.record(ctx, scriptKindOf(sha), keys, args, cmd)
	return cmd
}

// instead answers a script of asynq's in Legwork's way, or returns nil and with what
// to run the script.
func (s *seam) instead(ctx context.Context, sha string, keys []string, args []any) (*redis.Cmd, []any) {
	w := s.worker
	switch kind := scriptKindOf(sha); kind {
	case scriptDequeue:
		switch {
		case !w.plain(Dequeue):
			return s.dequeue(ctx, queueOf(keys)), nil
		case w.hub.isQuiet():
			return none(ctx), nil
		}
	case scriptForward:
		if !w.plain(Forward) {
			return answer(ctx, int64(0)), nil // the hub's forwarder does it, on time
		}
	case scriptDone, scriptComplete, scriptRetry, scriptArchive, scriptRequeue:
		return s.ack(ctx, kind, keys, args), args
	case scriptHeartbeat:
		if args = w.beat(s, args); args == nil {
			return answer(ctx, "OK"), nil
		}
	case scriptUnknown:
		w.unknown.Add(1)
	}
	return nil, args
}

// dequeue answers for one queue of the pool. After an error it pauses: asynq's
// dispatcher does not.
func (s *seam) dequeue(ctx context.Context, queue string) *redis.Cmd {
	msg, err := s.worker.hub.dequeue(ctx, s, queue)
	cmd := redis.NewCmd(ctx)
	switch {
	case err != nil:
		select {
		case <-time.After(dequeueErrorPause):
		case <-s.closed:
		}
		cmd.SetErr(err)
	case msg == "":
		cmd.SetErr(redis.Nil)
	default:
		cmd.SetVal(msg)
	}
	return cmd
}

// ack takes over an acknowledgement of the job whose id is the first argument.
// Asynq hears at once that it went well: the acker sees to it. An acknowledgement
// of a job that is not held under a token is asynq's own matter: nil.
func (s *seam) ack(ctx context.Context, kind scriptKind, keys []string, args []any) *redis.Cmd {
	w := s.worker
	if kind == scriptArchive && !w.plain(Archive) {
		args[3], args[4] = archiveNoCutoff, archiveNoTrim // of use only when the script runs
	}
	id, _ := args[0].(string)
	j := w.holdings.find(queueOf(keys), id)
	switch {
	case j == nil && s.claimed(ctx, queueOf(keys), id):
		return answer(ctx, "OK") // the reaper sees to it, if anybody must
	case j == nil:
		return nil
	case (kind == scriptRetry || kind == scriptArchive) && !s.outlast(j):
		kind = scriptRequeue
	}
	if j.token == 0 || w.plain(Acknowledge) {
		w.letGo(ctx, j)
		return nil
	}
	w.acker.end(s.ending(j, kind, keys, args))
	return answer(ctx, "OK")
}

// claimed reports whether a process of Legwork holds the job. Asynq's recoverer does
// not know that such a job's lease is not what counts.
func (s *seam) claimed(ctx context.Context, queue, id string) bool {
	held, err := s.UniversalClient.HExists(ctx, store.KeysOf(queue).Holders(), id).Result()
	return held || err != nil
}

// letGo leaves the end of a job to asynq, which knows nothing of tokens.
func (w *Worker) letGo(ctx context.Context, j *holding) {
	w.holdings.drop(j)
	if j.token == 0 {
		return
	}
	w.scribe.last(ctx, []*ending{{holding: j}})
	if err := w.Redis.HDel(ctx, store.KeysOf(j.queue).Holders(), j.id).Err(); err != nil {
		w.Log.Warn("job's holder not removed", "job", j.id, "queue", j.queue, "error", err)
	}
}

// outlast waits for a handler that still runs although asynq has given up its
// job: somebody cancelled it with asynq's own tools, or the lease is lost. False:
// the process stops before it returns.
func (s *seam) outlast(j *holding) bool {
	returned := s.worker.holdings.waitFor(j)
	if returned == nil {
		return true
	}
	s.worker.holdings.cancelOne(j, errGivenUp)
	select {
	case <-returned:
		return true
	case <-s.worker.stopping:
		return false
	}
}

// ending words an acknowledgement of asynq's, with what the run left for it.
func (s *seam) ending(j *holding, kind scriptKind, keys []string, args []any) *ending {
	out := j.outcome
	e := &ending{holding: j, due: "0", value: ""}
	if out.waiter != "" && kind != scriptRetry && kind != scriptRequeue {
		e.then = func() { s.worker.tell(out.waiter, j.id) }
	}
	switch {
	case kind == scriptRequeue, out.ending == endRequeue:
		e.to, e.then = jobs.StatePending, nil
	case out.ending == endSnooze:
		e.to, e.due, e.then = jobs.StateScheduled, unixFraction(out.due), nil
	case kind == scriptDone:
		e.to, e.until, e.lock = jobs.StateCompleted, "0", keyAfter(keys, doneUniqueKeys)
	case kind == scriptComplete:
		e.to, e.until, e.message, e.lock = jobs.StateCompleted, args[2], args[3], keyAfter(keys, completeUniqueKeys)
		e.field, e.value = out.stored()
	case kind == scriptRetry:
		s.wordRetry(e, args)
	default:
		e.to, e.due, e.message = jobs.StateArchived, unixFraction(time.Now()), args[1]
		e.lock = lockOf(args[1])
		e.failed, e.kind = out.failed, typeOf(out.failed, args[1])
	}
	return e
}

// wordRetry words the wait for the next attempt. Asynq cuts its time to the
// second, which may be early.
func (s *seam) wordRetry(e *ending, args []any) {
	at := e.outcome.due
	if at.IsZero() {
		unix, _ := args[2].(int64)
		at = time.Unix(unix+1, 0)
	}
	e.to, e.due, e.message = jobs.StateRetry, unixFraction(at), args[1]
	e.failed, e.kind = e.outcome.failed, typeOf(e.outcome.failed, args[1])
	e.then = func() { s.worker.hub.forwarder.expect(e.queue, setRetry, at) }
}

// keyAfter returns the last of n keys, or "" when there are fewer.
func keyAfter(keys []string, n int) string {
	if len(keys) < n {
		return ""
	}
	return keys[n-1]
}

// lockOf returns asynq's unique lock of an encoded message, or "".
func lockOf(encoded any) string {
	raw, _ := encoded.([]byte)
	m, err := store.Decode(raw)
	if err != nil {
		return ""
	}
	return m.UniqueKey
}

// typeOf returns the type of a job whose attempt failed, or of its encoded message.
func typeOf(f *failed, encoded any) string {
	if f != nil {
		return f.kind
	}
	raw, _ := encoded.([]byte)
	m, err := store.Decode(raw)
	if err != nil {
		return ""
	}
	return m.Type
}

// queueOf reads the queue's name from the hash tag of a script's first key.
func queueOf(keys []string) string {
	_, rest, _ := strings.Cut(keys[0], "{")
	name, _, _ := strings.Cut(rest, "}")
	return name
}

// none is the answer to a dequeue when there is no job.
func none(ctx context.Context) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	cmd.SetErr(redis.Nil)
	return cmd
}

func answer(ctx context.Context, v any) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	cmd.SetVal(v)
	return cmd
}
