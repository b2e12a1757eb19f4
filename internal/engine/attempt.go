package engine

import (
	"errors"
	"os"
	"strings"
	"time"

	"legwork/internal/failure"
	"legwork/internal/store"
	"legwork/jobs"
)

// stackMax bounds the stack kept of a panic, in bytes.
const stackMax = 8 << 10

// failed is an attempt that failed, on its way into the job's record.
type failed struct {
	store.Attempt
	kind string // the job's type
}

// newFailed makes the record of a failed attempt without what only its process
// knows.
func newFailed(jobType string, a store.Attempt, now time.Time) *failed {
	a.Ended = now.UnixMilli()
	a.Fingerprint = failure.Fingerprint(jobType, a.Kind, a.Error, a.Stack)
	return &failed{Attempt: a, kind: jobType}
}

// words returns the fingerprint and the encoded record of an attempt after which the
// job is in the given state: "" and "" when there is none.
func (f *failed) words(to jobs.State) (fingerprint string, record any) {
	if f == nil {
		return "", ""
	}
	a := f.Attempt
	if a.Final = to == jobs.StateArchived; a.Final {
		a.Delay = 0
	}
	return a.Fingerprint, a.Encode()
}

// note makes the record of a run that failed.
func (w *Worker) note(r *run, f *verdictError, err error) *failed {
	a := store.Attempt{
		Number: r.attempt, Started: r.began.UnixMilli(), Worker: w.ID, Host: w.host,
		Kind: kindOf(err, f), Error: f.text, Delay: f.delay.Milliseconds(),
	}
	if p, ok := errors.AsType[*panicError](err); ok {
		a.Stack = cut(p.stack, stackMax)
	}
	return newFailed(r.msg.Type, a, time.Now())
}

// kindOf tells what made a run fail.
func kindOf(err error, f *verdictError) string {
	_, timedOut := errors.AsType[timeoutError](err)
	_, panicked := errors.AsType[*panicError](err)
	switch {
	case f.cancelled, errors.Is(err, errGivenUp):
		return store.KindCancelled // asynq gives a job up that was cancelled with its own tools
	case panicked, errors.Is(err, errGoexit):
		return store.KindPanic
	case timedOut, errors.Is(err, errDeadline):
		return store.KindTimeout
	}
	return store.KindError
}

// panicError is the error of a handler that panicked.
type panicError struct {
	text  string
	stack string
}

func (e *panicError) Error() string { return e.text }

// cut bounds a text, at the end of a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + " [cut]"
}

func hostname() string {
	name, _ := os.Hostname()
	return name
}
