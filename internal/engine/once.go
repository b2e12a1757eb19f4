package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

// effects does for all runs of a process what jobs.Once asks for. An effect is a
// field of its job's hash, so that it lives and goes with the job.
//
//	none --> begun by token 5 --> done, with its result
//	                 `-> begun by token 6, when the job was run again in between
type effects struct {
	redis  redis.UniversalClient
	holder string
	held   *holdings
	begin  *redis.Script
	note   *redis.Script
}

func newEffects(c redis.UniversalClient, holder string, held *holdings) *effects {
	return &effects{redis: c, holder: holder, held: held, begin: store.Script(luaFiles, "once"), note: store.Script(luaFiles, "note")}
}

// do is the run's jobs.Scope.Once.
func (e *effects) do(ctx context.Context, r *run, key string, effect jobs.EffectFunc) (json.RawMessage, error) {
	was, err := e.start(ctx, r, key)
	switch {
	case err != nil:
		return nil, fmt.Errorf("effect %q not begun: %w", key, err)
	case was != "" && was[0] == 'd':
		return json.RawMessage(was[1:]), nil
	case was != "":
		r.log().DebugContext(ctx, "effect was begun before and is not known to be done, doing it now", "effect", key)
	}
	result, err := effect(ctx)
	if err != nil {
		return nil, err
	}
	if e.finish(ctx, r, key, result) {
		return result, nil
	}
	e.held.disown(r.held)
	return nil, fmt.Errorf("effect %q was done, but a later run has begun it too: %w", key, jobs.ErrStale)
}

// start notes that the effect is begun, unless it has been done, and returns what
// was noted before: "", "b" and a token, or "d" and the result.
func (e *effects) start(ctx context.Context, r *run, key string) (string, error) {
	try, cancel := context.WithTimeout(ctx, RequestTimeoutDefault)
	defer cancel()
	k := store.KeysOf(r.queue)
	was, err := e.begin.Run(try, e.redis, []string{k.Task(r.id), k.Holders()},
		r.id, e.holder, r.held.token, store.FieldOncePrefix+key, store.FieldOnces, jobs.OnceKeysMax).Text()
	switch {
	case err != nil && ctx.Err() != nil:
		return "", context.Cause(ctx)
	case store.Unavailable(err):
		return "", &jobs.Error{Code: jobs.CodeUnavailable, Message: "Redis cannot be reached; return the error, and the job is tried again", Err: err}
	case err != nil:
		return "", err
	case was == "s":
		e.held.disown(r.held)
		return "", jobs.ErrStale
	case was == "f":
		return "", jobs.Permanent(fmt.Errorf("the job has begun %d effects, and no more can be kept; split its work into several jobs", jobs.OnceKeysMax))
	}
	return was, nil
}

// finish notes that the effect is done. It compares the mark of the effect and not
// the holder of the job: the note of a run that has lost its job is welcome as long
// as no other has begun the effect. False: one has.
//
// A note that cannot be written is tried again until the run's end or for the time
// of a lease. Then the run goes on without it, for an error would do the effect
// again for certain, and not only if the job does not end well.
func (e *effects) finish(ctx context.Context, r *run, key string, result json.RawMessage) bool {
	giveUp := time.Now().Add(leaseTime)
	for pause, tries := ackRetryMin, 1; ; tries++ {
		over := ctx.Err() != nil || time.Now().After(giveUp)
		noted, err := e.write(ctx, r, key, result)
		if err == nil {
			return noted
		}
		if over || !store.Unavailable(err) {
			r.log().ErrorContext(ctx, "effect was done and could not be noted; if the job runs again, so does the effect", "effect", key, "tries", tries, "error", err)
			return true
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, ackRetryMax)
	}
}

func (e *effects) write(ctx context.Context, r *run, key string, result json.RawMessage) (noted bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), RequestTimeoutDefault)
	defer cancel()
	begun := "b" + strconv.FormatInt(r.held.token, 10)
	return e.note.Run(ctx, e.redis, []string{store.KeysOf(r.queue).Task(r.id)}, store.FieldOncePrefix+key, begun, "d"+string(result)).Bool()
}

// disown ends the handler's context of a job that is another run's by now.
func (h *holdings) disown(j *holding) {
	h.mu.Lock()
	defer h.mu.Unlock()
	j.end(jobs.ErrStale)
}

// isLost reports whether a handler's context ended because its job is not its own
// any more.
func isLost(ctx context.Context) bool {
	cause := context.Cause(ctx)
	return errors.Is(cause, jobs.ErrStale) || errors.Is(cause, errGivenUp)
}
