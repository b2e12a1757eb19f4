package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
)

// Bounds of what [Once] keeps with a job.
const (
	OnceKeyMax    = 128      // bytes of a key
	OnceKeysMax   = 256      // keys of one job
	OnceResultMax = 16 << 10 // bytes of an effect's result, encoded
)

// ErrStale is what [Once] returns, wrapped, to a run whose job has been given to
// another run: its process was cut off or frozen for so long that it was taken for
// dead. Return it; what such a run returns has no effect on the job.
var ErrStale = errors.New("the job has been given to another run")

// EffectFunc does an effect and returns its result as JSON.
type EffectFunc func(context.Context) (json.RawMessage, error)

// Once does the effect of that key unless the job has done it before, be it in an
// earlier attempt or in a run that overlaps with this one, and returns its result.
// A key is [OnceKeyMax] bytes of printable ASCII without a space, at most; it means
// something within one job only, and a job has at most [OnceKeysMax].
//
// When fn succeeds, its result is kept with the job as JSON, at most
// [OnceResultMax] bytes, and every later call returns it without calling fn. The
// first call, too, returns what was kept, so that all attempts see the same. An
// error of fn is returned as it is and not kept: the next call tries again. What
// was done stays done for as long as the job is kept, also when a person has a
// dead letter or a completed job run again.
//
// Only the rightful run of a job, the one with the greatest [JobInfo.Token], may
// begin an effect. Others get [ErrStale], and fn is not called. When Redis cannot
// be reached fn is not called either, and the error has [CodeUnavailable]: return
// it, and the job is tried again. Calls with one key from several goroutines of a
// handler wait for each other.
//
// What Once cannot see is a process that dies, or is frozen, after the effect and
// before it is noted: the next run finds an effect that was begun and does it
// again. The same goes for a note that cannot be written for as long as Redis is
// away. Where that matters, let the other system close the gap, and pass it the
// job's id and the key as an idempotency key, or the token as a fence.
//
// A context from [NewContext] without [Scope.Once] keeps the results in itself, for
// a handler's own tests. In any other context Once is an error.
func Once[R any](ctx context.Context, key string, fn func(context.Context) (R, error)) (R, error) {
	var out, none R
	raw, err := once(ctx, key, func(ctx context.Context) (json.RawMessage, error) {
		result, err := fn(ctx)
		if err != nil {
			return nil, err
		}
		return encodeEffect(key, result)
	})
	if err != nil {
		return none, err
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return none, fmt.Errorf("effect %q: decode its kept result into %T: %w", key, none, err)
	}
	return out, nil
}

// encodeEffect encodes the result of an effect that has been done. What cannot be
// kept is permanent, lest the effect be done again with every attempt.
func encodeEffect(key string, result any) (json.RawMessage, error) {
	raw, err := json.Marshal(result)
	if err != nil {
		return nil, Permanent(fmt.Errorf("effect %q was done, but its result %T cannot be kept: %w", key, result, err))
	}
	if len(raw) > OnceResultMax {
		return nil, Permanent(fmt.Errorf("effect %q was done, but its result has %d bytes, and %d can be kept; store it elsewhere and return a reference",
			key, len(raw), OnceResultMax))
	}
	return raw, nil
}

// CheckOnceKey says why key cannot be a key of [Once], or "" when it can.
func CheckOnceKey(key string) string {
	return checkName(key, OnceKeyMax, "a key is made of printable ASCII without space", func(c byte) bool { return c > ' ' && c < 0x7f })
}

func once(ctx context.Context, key string, effect EffectFunc) (json.RawMessage, error) {
	s, ok := ctx.Value(scopeKey{}).(*scoped)
	if !ok {
		return nil, fmt.Errorf("effect %.40q not begun: the context is not that of a running job; pass on the handler's, or in a test one from jobs.NewContext", key)
	}
	if why := CheckOnceKey(key); why != "" {
		return nil, Permanent(fmt.Errorf("effect key %.40q: %s", key, why))
	}
	around, _ := ctx.Value(effectKey{}).(*frame)
	if around.has(key) {
		return nil, Permanent(fmt.Errorf("effect %q is asked for inside of itself, where it can never be done: use another key", key))
	}
	if err := s.effects.enter(ctx, key); err != nil {
		return nil, fmt.Errorf("effect %q not begun: %w", key, err)
	}
	defer s.effects.leave(key)
	inside := context.WithValue(ctx, effectKey{}, &frame{key: key, outer: around})
	if s.Once != nil {
		return s.Once(inside, key, effect)
	}
	return s.effects.do(inside, key, effect)
}

// frame is an effect under way, in the context that its function is given.
type frame struct {
	key   string
	outer *frame
}

type effectKey struct{}

func (f *frame) has(key string) bool {
	for ; f != nil; f = f.outer {
		if f.key == key {
			return true
		}
	}
	return false
}

// effects are those of one run.
type effects struct {
	mu   sync.Mutex
	busy map[string]chan struct{}   // guarded by mu; closed when the effect of the key is over
	kept map[string]json.RawMessage // guarded by mu; results, in a scope without Once
}

// enter waits until no other goroutine of the run does the effect of the key. It
// returns the cause when ctx has ended or ends before.
func (e *effects) enter(ctx context.Context, key string) error {
	for ctx.Err() == nil {
		e.mu.Lock()
		busy := e.busy[key]
		if busy == nil {
			if e.busy == nil {
				e.busy = map[string]chan struct{}{}
			}
			e.busy[key] = make(chan struct{})
			e.mu.Unlock()
			return nil
		}
		e.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
		}
	}
	return context.Cause(ctx)
}

func (e *effects) leave(key string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.busy[key])
	delete(e.busy, key)
}

// do does the effect unless its result is kept here.
func (e *effects) do(ctx context.Context, key string, effect EffectFunc) (json.RawMessage, error) {
	e.mu.Lock()
	result, done := e.kept[key]
	e.mu.Unlock()
	if done {
		return result, nil
	}
	result, err := effect(ctx)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.kept == nil {
		e.kept = map[string]json.RawMessage{}
	}
	e.kept[key] = result
	return result, nil
}
