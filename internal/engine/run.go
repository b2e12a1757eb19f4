package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
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
	id       string
	queue    string // the shard that holds the job
	attempt  int
	began    time.Time
	max      int
	msg      store.Message // id, type, payload and headers only
	meta     store.Meta
	held     *holding
	series   *series // where its end counts; nil: nowhere
	progress progress

	scribe *scribe

	base    *slog.Logger
	once    sync.Once // guards process
	process *slog.Logger
	ownOnce sync.Once    // guards own
	own     *slog.Logger // see logger
}

// log is what the process log is told of the job, made when it is first needed: most
// jobs never say anything.
func (r *run) log() *slog.Logger {
	r.once.Do(func() { r.process = r.base.With("job", r.id, "type", r.msg.Type, "attempt", r.attempt) })
	return r.process
}

// attempt runs one job on the hand's goroutine. Asynq's context ends only when asynq
// gives the job up.
func (w *Worker) attempt(asynqCtx context.Context, h *hand, task *asynq.Task) error {
	r := newRun(asynqCtx, task, w.Log)
	r.scribe = w.scribe
	ctx, cancel, err := w.begin(r, h)
	defer cancel(nil)
	conclude := func(result json.RawMessage, err error) error {
		out, err := w.conclude(ctx, r, result, err)
		now := time.Now()
		out.tallied = returned(r.series, r.began, now)
		zombie, awaited := w.holdings.finish(r.held, out, now)
		if zombie {
			r.log().WarnContext(ctx, "handler that ignored its context has returned", "error", err)
		}
		if asynqCtx.Err() != nil && !awaited && r.held.token != 0 && !w.plain(Acknowledge) {
			w.acker.end(w.ownEnding(r.held)) // asynq does not
		}
		return err
	}
	if err != nil {
		return conclude(nil, err)
	}
	return conclude(w.invoke(ctx, r, func(err error) { h.done <- verdict{err: conclude(nil, err), gone: true} }))
}

func newRun(ctx context.Context, task *asynq.Task, log *slog.Logger) *run {
	r := &run{msg: store.Message{Type: task.Type(), Payload: task.Payload(), Headers: task.Headers()}, base: log}
	r.id, _ = asynq.GetTaskID(ctx)
	r.queue, _ = asynq.GetQueueName(ctx)
	r.max, _ = asynq.GetMaxRetry(ctx)
	retried, _ := asynq.GetRetryCount(ctx)
	r.attempt = retried + 1
	r.msg.ID = r.id
	r.meta = r.msg.Meta()
	return r
}

// begin makes the handler's context, which ends with the job's timeout or its
// deadline, whichever comes first, and notes that the handler runs.
func (w *Worker) begin(r *run, h *hand) (context.Context, context.CancelCauseFunc, error) {
	now := time.Now()
	r.began = now
	timeout := time.Duration(r.meta.Timeout) * time.Millisecond
	if timeout <= 0 {
		timeout = jobs.TimeoutDefault
		if t, ok := w.Registry.Lookup(r.msg.Type); ok {
			timeout = t.Timeout
		}
	}
	var err error
	end, cause := now.Add(timeout), error(timeoutError(timeout))
	if r.meta.Until > 0 {
		deadline := time.UnixMilli(r.meta.Until)
		if !deadline.After(now) {
			err = jobs.Permanent(errDeadline)
		}
		if deadline.Before(end) {
			end, cause = deadline, errDeadline
		}
	}
	timed, stop := context.WithDeadlineCause(context.Background(), end, cause)
	ctx, cancel := context.WithCancelCause(timed)
	r.held = w.holdings.begin(r, h.name, end, cancel)
	w.marks.note(r.queue, r.held.token)
	r.series = w.Tally.started(r.msg.Type, r.queue, now, r.held.pending)
	return ctx, func(err error) { cancel(err); stop() }, err
}

// timeoutError is the cause with which a handler's context ends after its timeout.
type timeoutError time.Duration

func (e timeoutError) Error() string { return fmt.Sprintf("timeout after %s", time.Duration(e)) }

// invoke runs the job's handler. When that ends the goroutine, exit is called.
func (w *Worker) invoke(ctx context.Context, r *run, exit func(error)) (json.RawMessage, error) {
	t, ok := w.Registry.Lookup(r.msg.Type)
	if !ok {
		return nil, fmt.Errorf("this worker has no handler for type %q", r.msg.Type)
	}
	result, err := call(jobs.NewContext(ctx, r.scope(ctx, w.effects)), t, r.msg.Payload, r.log, exit)
	if err != nil {
		if cause := context.Cause(ctx); ctx.Err() != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return nil, err
	}
	if len(result) > w.ResultLimit {
		return nil, jobs.Permanent(fmt.Errorf("the result has %d bytes, the limit is %d; store it elsewhere and return a reference", len(result), w.ResultLimit))
	}
	return result, nil
}

// created is the job's creation time.
func (r *run) created() time.Time {
	if r.meta.Created > 0 {
		return time.UnixMicro(r.meta.Created).UTC()
	}
	return r.msg.CreatedAt()
}

func (r *run) scope(ctx context.Context, e *effects) jobs.Scope {
	info := jobs.JobInfo{
		ID: r.id, Type: r.msg.Type, Queue: store.QueueOf(r.queue), Attempt: r.attempt, MaxRetries: r.max, Token: r.held.token,
		CreatedAt: r.created(), Headers: r.msg.UserHeaders(), Tags: r.meta.Tags,
	}
	return jobs.Scope{
		Info: info, Logger: r.logger, Progress: func(done, total int64) { r.report(ctx, done, total) },
		Once: func(ctx context.Context, key string, effect jobs.EffectFunc) (json.RawMessage, error) {
			return e.do(ctx, r, key, effect)
		},
	}
}
