package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"
)

// How [Client.Tail] deals with streams that break.
const (
	// TailQuietMax is after how long without a sign of life a stream is taken for
	// broken: three of the comments that a server sends every 15 s are missing then.
	TailQuietMax = 45 * time.Second
	// TailWaitDefault is about how long the first try to go on waits. Each further one
	// waits twice as long, and each up to half as long more, so that many that lost the
	// same server do not come back at once.
	TailWaitDefault = 500 * time.Millisecond
	// TailWaitMax is the longest that a try waits, but for what a Retry-After asks for.
	TailWaitMax = 15 * time.Second
)

// TailOptions say how to follow a job. The zero value begins with the job's log and goes
// on until the job has ended.
type TailOptions struct {
	// After is the ID of the event to go on after. Defaults to the beginning of the log.
	After string
	// Patience is how long a stream that broke is tried to be taken up before its error
	// ends it. Defaults to 0: as long as the context lasts.
	Patience time.Duration
	// LostFunc is told that the stream broke, why, and how long the next try waits. It
	// may be nil.
	LostFunc func(err error, wait time.Duration)
}

// errQuiet is why a stream was given up that had no sign of life.
var errQuiet = fmt.Errorf("no sign of life for %s", TailQuietMax)

// Tail follows the job: it yields the lines of its log, its progress and its states as
// they come, each once, the kept ones first, through all attempts until the event
// [EventEnd], which is the last one. A stream that breaks is taken up where it broke, also
// with another server of the same Redis. It has no time limit but ctx's.
//
// An error ends it: that of the first call, such as a problem with [CodeNotFound], which
// is repeated as any call's is; later one that no repetition can mend, or the last one
// when Patience is used up.
func (c *Client) Tail(ctx context.Context, id string, o TailOptions) iter.Seq2[JobEvent, error] {
	return func(yield func(JobEvent, error) bool) {
		name, err := segment("job id", id)
		if err != nil {
			yield(JobEvent{}, err)
			return
		}
		t := &tail{client: c, path: "/v1/jobs/" + name + "/events", after: o.After, alive: time.Now(), yield: yield}
		for {
			over, err := t.once(ctx)
			if over {
				return
			}
			wait, again := t.repetition(ctx, o.Patience, err)
			if again && t.begun && o.LostFunc != nil {
				o.LostFunc(err, wait)
			}
			if again {
				if stopped := pause(ctx, wait); stopped != nil {
					again, err = false, fmt.Errorf("%w while waiting to go on after: %w", stopped, err)
				}
			}
			if !again {
				yield(JobEvent{}, err)
				return
			}
		}
	}
}

// tail is one reader's way through the events of a job, over several streams if need be.
type tail struct {
	client *Client
	path   string
	after  string    // ID of the last event that was yielded
	begun  bool      // there was a stream
	tries  int       // since there was a sign of life
	alive  time.Time // the last one
	yield  func(JobEvent, error) bool
}

// once reads one stream. It is over when the job has ended or the reader wants no more;
// else the error says why the stream is.
func (t *tail) once(ctx context.Context) (over bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	quiet := time.AfterFunc(TailQuietMax, func() { cancel(errQuiet) })
	defer quiet.Stop()
	resp, err := t.open(ctx)
	if err != nil {
		return false, t.because(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusNoContent {
		return true, nil // the last event was had before
	}
	t.begun = true
	lines := newEventReader(resp.Body, func() {
		quiet.Reset(TailQuietMax)
		t.tries, t.alive = 0, time.Now()
	})
	for {
		raw, err := lines.next()
		if err != nil {
			return false, t.because(ctx, err)
		}
		event, known, err := raw.decode()
		if err != nil {
			return false, err
		}
		if raw.id != "" {
			t.after = raw.id
		}
		quiet.Stop() // the reader takes its time, and not the server
		if known && (!t.yield(event, nil) || event.Event == EventEnd) {
			return true, nil
		}
		quiet.Reset(TailQuietMax)
	}
}

// because words the error of a stream that broke: what was there before ctx's end counts.
func (t *tail) because(ctx context.Context, err error) error {
	_, isProblem := errors.AsType[*Problem](err)
	_, isWorded := errors.AsType[*url.Error](err)
	switch {
	case errors.Is(context.Cause(ctx), errQuiet):
		err = errQuiet
	case isProblem || isWorded || errors.Is(err, errEvent):
		return err
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return &url.Error{Op: "follow", URL: t.client.base + t.path, Err: err}
}

// open asks for the stream. Its answer is one, or none for lack of events.
func (t *tail) open(ctx context.Context) (*http.Response, error) {
	req, err := t.client.request(ctx, call{method: http.MethodGet, path: t.path})
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", mediaEvents+", "+mediaProblem)
	if t.after != "" {
		req.Header.Set("Last-Event-ID", t.after)
	}
	web := *t.client.http
	web.Timeout = 0 // which would be that of the whole stream
	resp, err := web.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusNoContent || resp.StatusCode == http.StatusOK && mediaOf(resp.Header) == mediaEvents {
		return resp, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, eventMax))
	if err != nil {
		return nil, err
	}
	return nil, (&answer{status: resp.StatusCode, header: resp.Header, body: body}).problem()
}

// repetition says whether the stream is tried again, and after what wait. Before there
// was one, that is as with any call.
func (t *tail) repetition(ctx context.Context, patience time.Duration, err error) (wait time.Duration, again bool) {
	t.tries++
	if !t.begun {
		return t.client.repetition(ctx, call{repeatable: true}, t.tries-1, err)
	}
	wait = min(TailWaitDefault<<min(t.tries-1, 10), TailWaitMax)
	wait += rand.N(wait/2 + 1)
	if p, ok := errors.AsType[*Problem](err); ok {
		switch p.Status {
		case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			wait = max(wait, min(time.Duration(p.RetryAfter), RetryWaitMax))
		default:
			return 0, false
		}
	}
	used := patience > 0 && time.Since(t.alive)+wait > patience
	return wait, !used && !errors.Is(err, errEvent) && ctx.Err() == nil
}
