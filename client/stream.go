package client

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

const mediaEvents = "text/event-stream"

// eventMax bounds one line of a stream, in bytes: many times what a line of a log has.
const eventMax = 1 << 20

// errEvent is in the chain of what is wrong with an event that arrived whole. To ask for
// it again would bring the same.
var errEvent = errors.New("the server sent an event that cannot be read")

// rawEvent is a server-sent event as it arrived.
type rawEvent struct{ id, event, data string }

// eventReader reads server-sent events
// (https://html.spec.whatwg.org/multipage/server-sent-events.html), in memory bounded by
// eventMax. Lines end with a line feed, with or without a carriage return before it.
type eventReader struct {
	lines *bufio.Scanner
}

// newEventReader returns a reader that calls alive whenever something arrives.
func newEventReader(r io.Reader, alive func()) *eventReader {
	lines := bufio.NewScanner(&pulseReader{r, alive})
	lines.Buffer(nil, eventMax)
	lines.Split(wholeLines)
	return &eventReader{lines: lines}
}

// pulseReader tells of every piece that it reads.
type pulseReader struct {
	io.Reader
	alive func()
}

func (p *pulseReader) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	if n > 0 {
		p.alive()
	}
	return n, err
}

// wholeLines is [bufio.ScanLines] without what is left at the end: it was cut off.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	advance, token, err = bufio.ScanLines(data, false)
	if advance == 0 && atEOF {
		return len(data), nil, err
	}
	return advance, token, err
}

// next returns the next event that has data. At the end of the stream the error is
// [io.EOF]; an event that the stream broke off in is none.
func (r *eventReader) next() (rawEvent, error) {
	var e rawEvent
	var data []string
	for size := 0; r.lines.Scan(); {
		line := r.lines.Text()
		if line == "" {
			if len(data) > 0 {
				e.data = strings.Join(data, "\n")
				return e, nil
			}
			e = rawEvent{}
			continue
		}
		if size += len(line); size > eventMax {
			return rawEvent{}, fmt.Errorf("%w: it has more than %d KiB", errEvent, eventMax>>10)
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "": // a comment
			size = 0
		case "id":
			e.id = value
		case "event":
			e.event = value
		case "data":
			data = append(data, value)
		}
	}
	switch err := r.lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return rawEvent{}, fmt.Errorf("%w: a line of it has more than %d KiB", errEvent, eventMax>>10)
	case err != nil:
		return rawEvent{}, err
	}
	return rawEvent{}, io.EOF
}

// decode reads the event's data. Kinds that this package does not know are for later
// ones.
func (r rawEvent) decode() (e JobEvent, known bool, err error) {
	e = JobEvent{ID: r.id, Event: r.event}
	var data any
	switch r.event {
	case EventLog:
		e.Log = new(LogLine)
		data = e.Log
	case EventProgress:
		e.Progress = new(Progress)
		data = e.Progress
	case EventState:
		e.State = new(StateChange)
		data = e.State
	case EventEnd:
		e.End = new(JobEnd)
		data = e.End
	default:
		return e, false, nil
	}
	if err := json.Unmarshal([]byte(r.data), data); err != nil {
		return e, false, fmt.Errorf("%w: %w", errEvent, err)
	}
	return e, true, nil
}

func mediaOf(h http.Header) string {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}
