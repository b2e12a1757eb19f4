package jobs

import (
	"errors"
	"fmt"
	"time"
)

// Code names a kind of error. A code means the same in Go, over HTTP (the
// "code" member of a problem) and on the command line.
type Code string

// The codes that cross a surface. internal/httpapi maps each to a status.
const (
	CodeInvalidJSON    Code = "invalid_json"    // the body is not one JSON value, or repeats a name
	CodeInvalidRequest Code = "invalid_request" // a field, parameter or header is wrong
	CodeInvalidPayload Code = "invalid_payload" // the payload fails its type's schema
	CodeUnknownType    Code = "unknown_type"    // nobody registered this job type
	CodeNotFound       Code = "not_found"       // no such job, queue or type
	CodeConflict       Code = "conflict"        // the id is used, or the state forbids the action
	CodeTooLarge       Code = "too_large"       // body, payload or batch over its limit
	CodeUnsupported    Code = "unsupported_media_type"
	CodeUnavailable    Code = "unavailable" // Redis cannot be reached; try again
	CodeInternal       Code = "internal"    // a defect of Legwork
)

// Error is an error with a code. Message is one sentence for a person and
// holds no submitted value; Fields points at each wrong place.
type Error struct {
	Code    Code
	Message string
	Fields  []FieldError
	Err     error // cause, for logs only
}

// FieldError says what is wrong at one place of a request.
type FieldError struct {
	Pointer string `json:"pointer"` // RFC 6901 JSON pointer, such as "/payload/email"
	Detail  string `json:"detail"`
}

// Errorf returns an [Error] with the code and a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error returns the message, the fields and the cause in one line.
func (e *Error) Error() string {
	s := e.Message
	for _, f := range e.Fields {
		s += fmt.Sprintf("; %s: %s", f.Pointer, f.Detail)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first [Error] in err's chain, and
// [CodeInternal] when there is none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// Verdict is what a handler's error asks for.
type Verdict int

// The verdicts, from the error that a handler returned.
const (
	VerdictRetry     Verdict = iota // try again with the type's backoff
	VerdictPermanent                // archive now
	VerdictSnooze                   // put back without using up an attempt
	VerdictDiscard                  // end without a dead letter
)

// outcome carries a handler's wish through wrapped errors.
type outcome struct {
	verdict Verdict
	delay   time.Duration
	delayed bool
	reason  string
	err     error
}

func (o *outcome) Error() string {
	if o.err != nil {
		return o.err.Error()
	}
	return o.reason
}

func (o *outcome) Unwrap() error { return o.err }

// Permanent marks err as final: the job is archived at once, whatever retries
// it has left. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &outcome{verdict: VerdictPermanent, err: err}
}

// RetryAfter fails the attempt with err and sets the delay before the next
// one, in place of the type's backoff. It uses up an attempt. A negative delay
// counts as zero; RetryAfter(nil, d) is nil.
func RetryAfter(err error, delay time.Duration) error {
	if err == nil {
		return nil
	}
	return &outcome{verdict: VerdictRetry, delay: max(0, delay), delayed: true, err: err}
}

// Snooze puts the job back for delay without using up an attempt, for work
// whose time has not come. A negative delay counts as zero.
func Snooze(delay time.Duration) error {
	delay = max(0, delay)
	return &outcome{verdict: VerdictSnooze, delay: delay, delayed: true, reason: "snoozed for " + delay.String()}
}

// Discard ends the job without a result and without a dead letter, for work
// that has become pointless. The reason is kept with the completed job.
func Discard(reason string) error {
	return &outcome{verdict: VerdictDiscard, reason: reason}
}

// Decision is the reading of a handler's error by [Decide].
type Decision struct {
	Verdict Verdict
	Delay   time.Duration // wait before the next attempt; meaningful when Delayed
	Delayed bool          // the handler set Delay itself
	Reason  string        // the error's text, or the reason given to Discard
}

// Decide reads what a handler's non-nil error asks for. The outermost of
// [Permanent], [RetryAfter], [Snooze] and [Discard] in the chain wins; any
// other error asks for a retry.
func Decide(err error) Decision {
	d := Decision{Reason: err.Error()}
	if o, ok := errors.AsType[*outcome](err); ok {
		d.Verdict, d.Delay, d.Delayed = o.verdict, o.delay, o.delayed
		if o.verdict == VerdictDiscard {
			d.Reason = o.reason
		}
	}
	return d
}
