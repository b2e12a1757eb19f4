package inspect

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// record is a job as its hash in Redis tells it.
type record struct {
	id, queue string // the queue is the shard that holds the job
	state     jobs.State
	raw       string         // the message as stored
	msg       *store.Message // nil when raw cannot be decoded
	result    string
	discarded string
	finished  int64 // Unix milliseconds, 0 when unknown
	unstarted bool
	progress  string  // a store.Progress, or ""
	cancel    string  // as stored; see store.ParseCancel
	since     int64   // Unix nanoseconds since when it is or was pending, 0 when unknown
	due       float64 // score in the set of its state, 0 when unknown
	ghost     string  // why there is no job behind the id, or ""
	from, as  string  // lineage as stored: id of the job that it is an edited copy of; its own copy, see store.ParseCopy
	index     string  // what it stands under in the indexes: state, fingerprint and type
}

// recordFields are the hash fields that make a record, in the order of [newRecord].
func recordFields() []string {
	return []string{
		store.FieldMessage, store.FieldState, store.FieldResult, store.FieldDiscarded,
		store.FieldFinished, store.FieldUnstarted, store.FieldPendingSince, store.FieldProgress, store.FieldCancel, store.FieldIndex,
		store.FieldRetriedFrom, store.FieldRetriedAs,
	}
}

// newRecord reads an HMGET of [recordFields]; ok is false when there is no such job.
func newRecord(queue, id string, values []any) (r *record, ok bool) {
	text := func(i int) string { s, _ := values[i].(string); return s }
	r = &record{id: id, queue: queue, raw: text(0), state: jobs.State(text(1)), result: text(2), discarded: text(3), unstarted: text(5) != "", index: text(9), from: text(10), as: text(11)}
	if r.raw == "" || r.state == "" {
		return nil, false
	}
	r.finished, _ = strconv.ParseInt(text(4), 10, 64)
	r.since, _ = strconv.ParseInt(text(6), 10, 64)
	r.progress, r.cancel = text(7), text(8)
	r.msg, _ = store.Decode([]byte(r.raw))
	return r, true
}

// fingerprint is that of the last failure of a job that is archived or waits for a
// retry, or "".
func (r *record) fingerprint() string {
	state, rest, _ := strings.Cut(r.index, " ")
	if state != string(r.state) {
		return ""
	}
	fingerprint, _, _ := strings.Cut(rest, " ")
	return fingerprint
}

// pendingSince is when the job became pending, in Unix nanoseconds. One that is
// gone or does not say is taken for the newest, so that nothing waits behind it.
func (r *record) pendingSince() int64 {
	switch {
	case r != nil && r.since > 0:
		return r.since
	case r != nil && r.msg != nil && !r.msg.CreatedAt().IsZero():
		return r.msg.CreatedAt().UnixNano()
	}
	return math.MaxInt64
}

// View shows a freshly accepted job without reading it back. Its payload must be
// JSON that can be part of an answer.
func View(m *store.Message, meta store.Meta, state jobs.State, due time.Time) client.Job {
	r := &record{id: m.ID, queue: m.Queue, state: state, msg: m}
	j := r.show(meta, m.Payload)
	if !due.IsZero() {
		j.NextRunAt = &due
	}
	return j
}

// view puts the record into the words of the API.
func (r *record) view() client.Job {
	if r.ghost != "" {
		return client.Job{ID: r.id, Queue: store.QueueOf(r.queue), State: string(r.state), Payload: json.RawMessage("null"), LastError: r.ghost, Missing: true}
	}
	if r.msg == nil {
		return client.Job{
			ID: r.id, Queue: store.QueueOf(r.queue), State: string(r.state), Payload: json.RawMessage("null"),
			LastError: "the job's message in Redis is damaged and cannot be read; delete the job",
		}
	}
	return r.show(r.msg.Meta(), jsonOf(r.msg.Payload))
}

func (r *record) show(meta store.Meta, payload json.RawMessage) client.Job {
	j := client.Job{
		ID: r.id, Type: r.msg.Type, Queue: store.QueueOf(r.queue), State: string(r.state),
		Attempt: r.attempt(), MaxRetries: r.msg.Retry,
		Timeout: client.Duration(meta.Timeout * int64(time.Millisecond)), Retention: client.Duration(r.msg.Retention * int64(time.Second)),
		Payload: payload, Discarded: r.discarded, LastError: r.msg.Error, Progress: viewProgress(r.progress),
		Tags: meta.Tags, Headers: r.msg.UserHeaders(),
		NextRunAt: r.nextRun(), FinishedAt: r.finishedAt(), Cancel: r.cancelView(),
		RetriedFrom: r.from, RetriedAs: store.ParseCopy(r.as).ID,
	}
	if at := moment(meta.CreatedAt(r.id)); at != nil {
		j.CreatedAt = *at
	}
	j.RunAt = j.CreatedAt
	if at := moment(time.UnixMicro(meta.RunAt)); meta.RunAt > 0 && at != nil {
		j.RunAt = *at
	}
	if meta.Until > 0 {
		j.Deadline = moment(time.UnixMilli(meta.Until))
	}
	if r.result != "" {
		j.Result = jsonOf([]byte(r.result))
	}
	return j
}

// attempt is the number of attempts started: asynq counts retries, and a run in
// progress or ended is one more than those.
func (r *record) attempt() int {
	switch r.state {
	case jobs.StateActive, jobs.StateCompleted:
		return r.msg.Retried + 1
	case jobs.StateArchived:
		if !r.unstarted {
			return r.msg.Retried + 1
		}
	}
	return r.msg.Retried
}

// maxUnix is a score beyond every time that can be shown, and short of those
// that overflow as microseconds.
const maxUnix = 1e12

func (r *record) nextRun() *time.Time {
	if r.due <= 0 || r.state != jobs.StateScheduled && r.state != jobs.StateRetry {
		return nil
	}
	return moment(time.UnixMicro(int64(min(r.due, maxUnix)*1e6 + 0.5)).UTC())
}

func (r *record) finishedAt() *time.Time {
	var at time.Time
	switch {
	case r.state == jobs.StateCompleted && r.finished > 0:
		at = time.UnixMilli(r.finished).UTC()
	case r.state == jobs.StateCompleted && r.msg.CompletedAt > 0:
		at = time.Unix(r.msg.CompletedAt, 0).UTC()
	case r.state == jobs.StateArchived && r.msg.LastFailedAt > 0:
		at = time.Unix(r.msg.LastFailedAt, 0).UTC()
	default:
		return nil
	}
	return moment(at)
}

// cancelView is what is known of the wish to end a job that runs.
func (r *record) cancelView() *client.Cancel {
	c, ok := store.ParseCancel(r.cancel)
	if !ok || r.state != jobs.StateActive {
		return nil
	}
	v := &client.Cancel{AskedAt: time.UnixMilli(c.Asked).UTC(), Worker: c.Worker}
	if c.Acknowledged > 0 {
		v.AcknowledgedAt = moment(time.UnixMilli(c.Acknowledged))
	}
	return v
}

// jsonOf returns the bytes when they are JSON that can be part of an answer;
// what another asynq client wrote in another form is shown as a JSON string.
func jsonOf(b []byte) json.RawMessage {
	if json.Valid(b) && utf8.Valid(b) && !TooDeep(b) {
		return b
	}
	s, _ := json.Marshal(string(b))
	return s
}

// depthMax leaves an answer room for its own levels around a job's: decoders
// commonly stop at 10,000.
const depthMax = 9_990

// TooDeep reports whether a JSON value is nested too deep to be part of an
// answer.
func TooDeep(b []byte) bool {
	if len(b) <= 2*depthMax {
		return false
	}
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[', c == '{':
			if depth++; depth > depthMax {
				return true
			}
		case c == ']', c == '}':
			depth--
		}
	}
	return false
}

// moment returns the time, or nil when RFC 3339 cannot write it: what another
// asynq client wrote may lie beyond the year 9999.
func moment(t time.Time) *time.Time {
	t = t.UTC()
	if t.Year() < 1 || t.Year() > 9999 {
		return nil
	}
	return &t
}
