package inspect

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// Start runs actions until Stop: those ordered in this process at once, and those that
// no other process runs.
func (a *Actions) Start(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cancel != nil {
		return nil
	}
	ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	a.done.Go(func() {
		tick := time.NewTicker(a.o.Look)
		defer tick.Stop()
		for {
			a.look(ctx)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-a.kick:
			}
		}
	})
	return nil
}

// Stop ends the work under way after the jobs in hand; another process goes on with it.
func (a *Actions) Stop(context.Context) error {
	a.mu.Lock()
	cancel := a.cancel
	a.cancel = nil
	a.mu.Unlock()
	if cancel != nil {
		cancel()
		a.done.Wait()
	}
	return nil
}

// look begins to run the actions that are to run and that nobody runs.
func (a *Actions) look(ctx context.Context) {
	open, err := a.redis.HGetAll(ctx, store.KeyActionsOpen).Result()
	if err != nil {
		if ctx.Err() == nil {
			a.o.Log.DebugContext(ctx, "actions not read, trying again", "error", err)
		}
		return
	}
	for _, digest := range slices.Sorted(maps.Keys(open)) {
		if id := open[digest]; ctx.Err() == nil && a.begin(id) {
			a.done.Go(func() {
				defer a.finished(id)
				a.tend(ctx, digest, id)
			})
		}
	}
}

// begin reports whether this process may run the action; it does so until finished.
func (a *Actions) begin(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.running[id] || len(a.running) >= actionsRun {
		return false
	}
	a.running[id] = true
	return true
}

func (a *Actions) finished(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.running, id)
}

// tend runs one action if no other process does, and logs what came of it.
func (a *Actions) tend(ctx context.Context, digest, id string) {
	held, err := a.keep(ctx, id)
	if err != nil || held == 0 {
		if ended, err := a.ended(ctx, id); err == nil && ended {
			_ = a.unclaim(ctx, digest, id) // tried again at the next look
		}
		return
	}
	defer a.release(ctx, id)
	err = a.carryOut(ctx, digest, id, held == 2)
	if err != nil && ctx.Err() == nil {
		a.o.Log.WarnContext(ctx, "an action is held up and tried again", "action", id, "error", err)
	}
}

// keep takes or renews the lease: 0 when it is another process's, 2 when somebody wants
// the action to end, else 1.
func (a *Actions) keep(ctx context.Context, id string) (int, error) {
	k := store.ActionKeysOf(id)
	return a.hold.Run(ctx, a.redis, []string{k.Order(), k.Lease(), k.Plan()}, a.me, a.o.Lease.Milliseconds(), int(actionKept.Seconds())).Int()
}

func (a *Actions) release(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = a.free.Run(ctx, a.redis, []string{store.ActionKeysOf(id).Lease()}, a.me).Err() // it expires
}

// errLost ends a run whose action another process has taken over.
var errLost = errors.New("another process has taken the action over")

// errAborted ends a run that somebody wants to end.
var errAborted = errors.New("aborted")

// carryOut runs the action to its end. The error is nil when it has ended in any way;
// otherwise the action stays open.
func (a *Actions) carryOut(ctx context.Context, digest, id string, aborted bool) error {
	o, fields, err := a.readOrder(ctx, id)
	if err != nil {
		return err
	}
	if o == nil || fields[fieldState] != "" {
		return a.unclaim(ctx, digest, id)
	}
	if err := a.enlist(ctx, id); err != nil {
		return err
	}
	if !aborted && a.lacksDirectory(o) {
		return nil // a process that has one runs it
	}
	r := newRun(a, o)
	if aborted {
		err = errAborted
	} else {
		err = a.whileHeld(ctx, id, r.all)
	}
	// However the selection ended, jobs between two queues are brought to one of them.
	if errors.Is(err, errAborted) || err == nil {
		if settled := r.settleMoves(ctx); settled != nil {
			err = settled
		}
	}
	state := client.ActionDone
	switch {
	case errors.Is(err, errAborted):
		state, err = client.ActionAborted, nil
	case errors.Is(err, errLost):
		return nil
	case ctx.Err() != nil, passing(err):
		return err
	case err != nil:
		state = client.ActionFailed
		a.o.Log.WarnContext(ctx, "an action failed", "action", id, "error", err)
	}
	return a.end(context.WithoutCancel(ctx), r, digest, state, err)
}

// passing reports whether the error is Redis's and passes. A key of another type stays
// until somebody mends it.
func passing(err error) bool {
	return !store.WrongType(err) && (store.Unavailable(err) || jobs.CodeOf(err) == jobs.CodeUnavailable)
}

// whileHeld calls do, and renews the lease meanwhile. What do sees of its context is
// ended with errLost or errAborted as its cause.
func (a *Actions) whileHeld(ctx context.Context, id string, do func(context.Context) error) error {
	inner, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	renewed := make(chan struct{})
	go func() {
		defer close(renewed)
		tick := time.NewTicker(min(a.o.Lease/4, actionsLook/2))
		defer tick.Stop()
		last := time.Now()
		for {
			select {
			case <-inner.Done():
				return
			case <-tick.C:
			}
			held, err := a.keep(inner, id)
			switch {
			case inner.Err() != nil:
			case err == nil && held == 0, err != nil && time.Since(last) > a.o.Lease:
				cancel(errLost)
			case held == 2:
				cancel(errAborted)
			case err == nil:
				last = time.Now()
			}
		}
	}()
	err := do(inner)
	if cause := context.Cause(inner); err != nil && ctx.Err() == nil && cause != nil {
		err = cause
	}
	cancel(nil)
	<-renewed
	return err
}

// end writes how the action ended. What it has counted is kept with it.
func (a *Actions) end(ctx context.Context, r *run, digest, state string, why error) error {
	ctx, cancel := context.WithTimeout(ctx, a.o.Lease)
	defer cancel()
	k := store.ActionKeysOf(r.o.id)
	c := r.dry
	if !r.o.DryRun {
		fields, err := a.redis.HGetAll(ctx, k.Order()).Result()
		if err != nil {
			return wrap("read the action", err)
		}
		if c, err = a.counts(ctx, r.o, fields); err != nil {
			return err
		}
	}
	values := []any{
		int(actionKept.Seconds()), fieldState, "1",
		fieldState, state, fieldFinished, time.Now().UnixMicro(), fieldTotals, encodeJSON(c),
	}
	if why != nil {
		values = append(values, fieldError, why.Error())
	}
	if len(r.files) > 0 {
		values = append(values, fieldFiles, encodeJSON(r.files))
	}
	if len(r.sample) > 0 {
		values = append(values, fieldSample, encodeJSON(r.sample))
	}
	if err := a.write.Run(ctx, a.redis, []string{k.Order()}, values...).Err(); err != nil && !errors.Is(err, redis.Nil) {
		return wrap("end the action", err)
	}
	if err := a.unclaim(ctx, digest, r.o.id); err != nil {
		return err
	}
	pipe := a.redis.Pipeline() // what it counted on its way expires anyhow
	pipe.Del(ctx, k.Plan())
	for _, shard := range r.o.shards {
		pipe.Del(ctx, store.KeysOf(shard).Progress(r.o.id))
	}
	_, _ = pipe.Exec(ctx)
	a.o.Log.InfoContext(ctx, "action ended", "action", r.o.id, "does", r.o.Action, "state", state, "done", c.Done, "skipped", c.skipped(), "failed", c.Failed)
	return nil
}
