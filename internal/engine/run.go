package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"legwork/internal/store"
	"legwork/jobs"
)

// errorTextMax bounds the error text kept with a job, in bytes.
const errorTextMax = 8 << 10

// errGoexit is the error of a handler that called runtime.Goexit.
var errGoexit = errors.New("the handler called runtime.Goexit")

// run is one attempt of one job.
type run struct {
	id      string
	queue   string
	attempt int
	max     int
	msg     store.Message // type, payload and headers only
	meta    store.Meta
	log     *slog.Logger
}

// process is what asynq calls for each job it has taken. asynq's context ends
// later than the handler's; when it does, asynq has given the job up, and what
// the handler returns has no effect.
func (p *Pool) process(ctx context.Context, task *asynq.Task) error {
	r := p.newRun(ctx, task)
	runCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer p.begin(r.id, cancel)()
	p.beginner.post(starting{queue: r.queue, id: r.id})
	out, err := p.attempt(runCtx, r)
	if ctx.Err() != nil {
		r.log.WarnContext(ctx, "handler returned after its job was taken from it", "error", err)
		return ctx.Err()
	}
	out.waiter = r.meta.Waiter
	return p.conclude(ctx, r, out, err)
}

func (p *Pool) newRun(ctx context.Context, task *asynq.Task) *run {
	r := &run{msg: store.Message{Type: task.Type(), Payload: task.Payload(), Headers: task.Headers()}}
	r.id, _ = asynq.GetTaskID(ctx)
	r.queue, _ = asynq.GetQueueName(ctx)
	r.max, _ = asynq.GetMaxRetry(ctx)
	retried, _ := asynq.GetRetryCount(ctx)
	r.attempt = retried + 1
	r.msg.ID = r.id
	r.meta = r.msg.Meta()
	r.log = p.log.With("job", r.id, "type", r.msg.Type, "attempt", r.attempt)
	return r
}

// attempt runs the handler within the job's timeout and deadline.
func (p *Pool) attempt(ctx context.Context, r *run) (outcome, error) {
	t, ok := p.registry.Lookup(r.msg.Type)
	if !ok {
		return outcome{}, fmt.Errorf("this worker has no handler for type %q", r.msg.Type)
	}
	ctx, cancel, err := r.bound(ctx, t)
	if err != nil {
		return outcome{}, err
	}
	defer cancel()
	ctx = jobs.NewContext(ctx, r.scope())
	result, err := invoke(ctx, t, r)
	if err != nil {
		if cause := context.Cause(ctx); ctx.Err() != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return outcome{}, err
	}
	if len(result) > p.resultLimit {
		return outcome{}, jobs.Permanent(fmt.Errorf("the result has %d bytes, the limit is %d; store it elsewhere and return a reference", len(result), p.resultLimit))
	}
	return outcome{result: result}, nil
}

// bound gives the handler's context its end: the job's timeout or its deadline,
// whichever comes first.
func (r *run) bound(ctx context.Context, t *jobs.Type) (context.Context, context.CancelFunc, error) {
	now := time.Now()
	timeout := time.Duration(r.meta.Timeout) * time.Millisecond
	if timeout <= 0 {
		timeout = t.Timeout
	}
	end, cause := now.Add(timeout), fmt.Errorf("%w after %s", errTimeout, timeout)
	if r.meta.Until > 0 {
		deadline := time.UnixMilli(r.meta.Until)
		if !deadline.After(now) {
			return nil, nil, jobs.Permanent(errDeadline)
		}
		if deadline.Before(end) {
			end, cause = deadline, errDeadline
		}
	}
	ctx, cancel := context.WithDeadlineCause(ctx, end, cause)
	return ctx, cancel, nil
}

// created is the job's creation time.
func (r *run) created() time.Time {
	if r.meta.Created > 0 {
		return time.UnixMicro(r.meta.Created).UTC()
	}
	return r.msg.CreatedAt()
}

func (r *run) scope() jobs.Scope {
	info := jobs.JobInfo{
		ID: r.id, Type: r.msg.Type, Queue: r.queue, Attempt: r.attempt, MaxRetries: r.max,
		CreatedAt: r.created(), Headers: r.msg.UserHeaders(), Tags: r.meta.Tags,
	}
	return jobs.Scope{Info: info, Logger: r.log, Progress: newProgress(r.log).report}
}

// invoke runs the handler on a goroutine of its own, so that a panic and
// runtime.Goexit end the attempt and nothing else.
func invoke(ctx context.Context, t *jobs.Type, r *run) (json.RawMessage, error) {
	type answer struct {
		result json.RawMessage
		err    error
	}
	done := make(chan answer, 1)
	go func() {
		a := answer{err: errGoexit}
		defer func() {
			if v := recover(); v != nil {
				r.log.ErrorContext(ctx, "handler panicked", "panic", v, "stack", string(debug.Stack()))
				a = answer{err: fmt.Errorf("panic: %v%s", v, panicSite())}
			}
			done <- a
		}()
		labelled(ctx, r.id, func(ctx context.Context) { a.result, a.err = t.Run(ctx, r.msg.Payload) })
	}()
	a := <-done
	return a.result, a.err
}

// panicSite names the function and line that panicked: the first frame below
// the runtime's.
func panicSite() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf(" [%s:%d]", f.Function, f.Line)
		}
		if !more {
			return ""
		}
	}
}
