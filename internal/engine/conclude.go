package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"legwork/internal/store"
	"legwork/jobs"
)

// verdictError is an error on its way through asynq: its text is kept with the job,
// and asynq is told what to do.
type verdictError struct {
	text  string
	delay time.Duration // before the next attempt
	tell  error         // asynq.SkipRetry or asynq.RevokeTask, or nil for a retry

	cancelled bool // somebody asked for it
}

func (f *verdictError) Error() string { return f.text }
func (f *verdictError) Unwrap() error { return f.tell }

// conclude decides how the job ends: what the acknowledgement is to write, and the
// error that makes asynq send the right one.
func (w *Worker) conclude(ctx context.Context, r *run, result json.RawMessage, err error) (outcome, error) {
	out := outcome{waiter: r.meta.Waiter}
	if err == nil {
		out.result = result
		return out, nil
	}
	d := jobs.Decide(err)
	text := clip(err.Error())
	switch {
	case d.Verdict == jobs.VerdictSnooze && !errors.Is(err, errCancelled):
		out.ending, out.due = endSnooze, time.Now().Add(d.Delay)
		return out, &verdictError{text: text, tell: asynq.RevokeTask}
	case d.Verdict == jobs.VerdictDiscard:
		out.discard = clip(d.Reason)
		r.log().InfoContext(ctx, "job discarded", "reason", d.Reason)
		return out, nil
	case errors.Is(err, errPoolStopped), errors.Is(err, errCutOff):
		out.ending = endRequeue
		return out, &verdictError{text: text, tell: asynq.RevokeTask}
	}
	f := w.failed(ctx, r, d, text, err)
	if f.tell == nil {
		out.due = time.Now().Add(f.delay)
	}
	out.failure, out.failed = f, w.note(r, f, err)
	r.log().WarnContext(ctx, "attempt failed", "error", f.text, "retry_in", f.delay.Round(time.Millisecond), "final", f.tell != nil || r.attempt > r.max)
	return out, f
}

// failed decides between another attempt and a dead letter.
func (w *Worker) failed(ctx context.Context, r *run, d jobs.Decision, text string, err error) *verdictError {
	switch {
	case errors.Is(err, errCancelled) || w.cancelAsked(ctx, r):
		return &verdictError{text: errCancelled.Error(), tell: asynq.SkipRetry, cancelled: true}
	case d.Verdict == jobs.VerdictPermanent:
		return &verdictError{text: text, tell: asynq.SkipRetry}
	}
	delay := d.Delay
	if !d.Delayed {
		delay = w.backoff(r.msg.Type).Delay(r.attempt)
	}
	if next := time.Now().Add(delay); r.meta.Until > 0 && next.UnixMilli() >= r.meta.Until {
		return &verdictError{text: clip(fmt.Sprintf("%s (no retry: the job's deadline comes first)", text)), tell: asynq.SkipRetry}
	}
	return &verdictError{text: text, delay: delay}
}

// cancelAsked reports whether somebody asked to cancel the job: the message to
// this process may have been lost with a connection. Without an answer from
// Redis it reports false.
func (w *Worker) cancelAsked(ctx context.Context, r *run) bool {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	asked, err := w.Redis.HExists(ctx, store.KeysOf(r.queue).Task(r.id), store.FieldCancel).Result()
	return err == nil && asked
}

// retryDelay is asynq's RetryDelayFunc: n is the number of retries used so far.
// The seam sets the exact time of attempts that failed here; what is left are
// those whose lease has ended.
func (w *Worker) retryDelay(n int, err error, task *asynq.Task) time.Duration {
	if f, ok := errors.AsType[*verdictError](err); ok {
		return f.delay
	}
	return w.backoff(task.Type()).Delay(n + 1)
}

func (w *Worker) backoff(name string) jobs.Backoff {
	if t, ok := w.Registry.Lookup(name); ok {
		return t.Backoff
	}
	return jobs.Backoff{}
}

// clip bounds the text of an error.
func clip(text string) string {
	return cut(text, errorTextMax)
}
