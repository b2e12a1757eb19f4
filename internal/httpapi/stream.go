package httpapi

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"legwork/client"
	"legwork/internal/inspect"
	"legwork/jobs"
)

// A stream looks soon after something has happened, since more may follow, such as the
// end of a job after its last line; and then ever later, for no word comes of a change of
// state. lookAway is for a Redis that is away.
const (
	lookSoon = 50 * time.Millisecond
	lookMax  = 500 * time.Millisecond
	lookAway = 2 * time.Second
)

// stream is one reader of a job's events.
type stream struct {
	*server
	c     echo.Context
	watch *inspect.Watch
	conn  *http.ResponseController
	grown <-chan struct{}
	away  bool      // Redis was, at the last look
	sent  time.Time // when the reader was last sent anything
	text  bytes.Buffer
}

// follow streams the job's events. What is wrong before the first one is a problem like
// any other.
func (s *server) follow(c echo.Context, in *eventsInput) {
	ctx := c.Request().Context()
	leave, ok := s.streams.enter(s.Streams.Most)
	if !ok {
		s.answerProblem(c, newProblem(errStreams()))
		return
	}
	defer leave()
	watch, err := s.Inspector.Watch(in.ID, in.After)
	if err != nil {
		s.answerProblem(c, newProblem(err))
		return
	}
	st := &stream{server: s, c: c, watch: watch, conn: http.NewResponseController(c.Response())}
	var forget func()
	st.grown, forget = s.Followers.Follow(in.ID) // before the first look, so that no word is missed
	defer forget()
	seen, err := st.look(ctx)
	switch {
	case err != nil:
		s.answerProblem(c, s.fail(ctx, err))
	case seen.Over && len(seen.Events) == 0:
		c.Response().WriteHeader(http.StatusNoContent)
	default:
		st.run(ctx, seen)
	}
}

// run sends what was seen, and what comes, until the job has ended, the reader leaves or
// does not read, or the process stops.
func (st *stream) run(ctx context.Context, seen inspect.Look) {
	st.begin()
	if onlyHead(ctx) {
		return
	}
	for pause := lookSoon; ; pause = min(2*pause, lookMax) {
		if len(seen.Events) > 0 {
			pause = lookSoon
		}
		if err := st.send(seen.Events); err != nil {
			st.log.DebugContext(ctx, "events not written", "error", err)
			return
		}
		if seen.Over {
			return
		}
		if st.away {
			pause = lookAway
		}
		if !seen.More && !st.rest(ctx, pause) {
			return
		}
		var err error
		if seen, err = st.lookAgain(ctx); err != nil {
			return
		}
	}
}

func (st *stream) look(ctx context.Context) (inspect.Look, error) {
	ctx, cancel := st.bounded(ctx)
	defer cancel()
	return st.watch.Look(ctx)
}

// lookAgain is look, but that a Redis which is away is waited for: the place is kept, and
// nothing is lost. The error has been logged.
func (st *stream) lookAgain(ctx context.Context) (inspect.Look, error) {
	seen, err := st.look(ctx)
	away := err != nil && jobs.CodeOf(err) == jobs.CodeUnavailable && ctx.Err() == nil
	if away && !st.away {
		st.unavailable.log(ctx, st.log, err)
	}
	if st.away = away; away {
		return inspect.Look{}, nil
	}
	if err != nil {
		_ = st.fail(ctx, err) // tells the log
	}
	return seen, err
}

// rest waits until a look is worthwhile, and reports whether the stream goes on.
func (st *stream) rest(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	grown := st.grown
	if st.away {
		grown = nil
	}
	select {
	case <-grown:
	case <-timer.C:
	case <-st.Waiters.Released():
		return false
	case <-ctx.Done():
		return false
	}
	return true
}

// begin sends the head. The time limits of the server are for requests that end; each
// event has its own.
func (st *stream) begin() {
	_ = st.conn.SetReadDeadline(time.Time{}) // not every server can
	h := st.c.Response().Header()
	h.Set(echo.HeaderContentType, typeEvents)
	h.Set("X-Accel-Buffering", "no")      // nginx
	h.Set(echo.HeaderConnection, "close") // its time limits are not those of other requests
	st.c.Response().WriteHeader(http.StatusOK)
}

// send writes the events, or a comment when the stream has been quiet for long. A reader
// that does not read is cut off.
func (st *stream) send(events []client.JobEvent) error {
	if len(events) == 0 && time.Since(st.sent) < st.Streams.Ping {
		return nil
	}
	if len(events) == 0 {
		st.text.WriteString(":\n\n")
		if err := st.write(); err != nil {
			return err
		}
	}
	for n := range events {
		if err := wordEvent(&st.text, &events[n]); err != nil {
			return err
		}
		if err := st.write(); err != nil {
			return err
		}
	}
	st.sent = time.Now()
	return st.conn.Flush()
}

func (st *stream) write() error {
	_ = st.conn.SetWriteDeadline(time.Now().Add(st.Streams.Write))
	_, err := st.text.WriteTo(st.c.Response())
	return err
}

// wordEvent appends the event as it is sent: the kind, its data in one line of JSON, and
// the place to go on after.
func wordEvent(b *bytes.Buffer, e *client.JobEvent) error {
	var data any
	switch e.Event {
	case client.EventLog:
		data = e.Log
	case client.EventProgress:
		data = e.Progress
	case client.EventState:
		data = e.State
	case client.EventEnd:
		data = e.End
	}
	b.WriteString("id: " + e.ID + "\nevent: " + e.Event + "\ndata: ")
	err := plainEncoder(b).Encode(data) // ends the line
	b.WriteByte('\n')
	return err
}
