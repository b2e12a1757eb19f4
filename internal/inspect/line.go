package inspect

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// whole is a job with all that is kept of it.
type whole struct {
	shard, id string
	score     float64           // in the set of its state
	fields    map[string]string // its hash; empty for a ghost
}

// line encodes the job as a line of an export, without its end.
func (w *whole) line() []byte {
	e := client.ExportedJob{Format: client.ExportFormat, ID: strings.ToValidUTF8(w.id, "\ufffd"), Queue: store.QueueOf(w.shard), State: w.fields[store.FieldState]}
	e.Failures, e.Attempts = w.attempts()
	e.Fingerprint = w.fingerprint(e.Attempts)
	e.Fields, e.BinaryFields = w.extras()
	if result := w.fields[store.FieldResult]; result != "" {
		e.Result = jsonOf([]byte(result))
	}
	if w.state() == jobs.StateArchived {
		e.State = string(jobs.StateArchived)
		e.DiedAt = moment(time.UnixMicro(int64(math.Round(min(max(w.score, 0), maxUnix) * 1e6))))
	}
	var payload []byte
	raw := []byte(w.fields[store.FieldMessage])
	msg, err := store.Decode(raw)
	switch {
	case len(w.fields) == 0:
		e.Damaged = "only the id was left of the job"
	case err != nil || !store.Readable(raw) || !describe(&e, msg):
		e.Damaged, e.Message = "the job's message cannot be read", raw
	case oneLine(msg.Payload):
		payload = msg.Payload
	default:
		e.Base64 = msg.Payload
	}
	return encodeLine(&e, payload)
}

// state is the job's state; what has none but stands among the dead letters is one.
func (w *whole) state() jobs.State {
	if s := w.fields[store.FieldState]; s != "" {
		return jobs.State(s)
	}
	return jobs.StateArchived
}

// describe puts the message into the words of an export; false when it holds data of
// Legwork's in a form of later versions.
func describe(e *client.ExportedJob, m *store.Message) bool {
	meta, ours, err := m.OwnMeta()
	if err != nil {
		return false
	}
	e.Type, e.MaxRetries, e.Retried = m.Type, m.Retry, m.Retried
	e.Timeout, e.Retention = client.Duration(meta.Timeout*int64(time.Millisecond)), client.Duration(m.Retention*int64(time.Second))
	e.Tags, e.Headers, e.LastError = meta.Tags, m.UserHeaders(), m.Error
	if ours {
		e.CreatedAt = moment(time.UnixMicro(meta.Created))
		if meta.RunAt > 0 {
			e.RunAt = moment(time.UnixMicro(meta.RunAt))
		}
		if meta.Until > 0 {
			e.Deadline = moment(time.UnixMilli(meta.Until))
		}
	}
	if m.LastFailedAt > 0 {
		e.LastFailedAt = moment(time.Unix(m.LastFailedAt, 0))
	}
	if a := (client.ExportedAsynq{Timeout: m.Timeout, Deadline: m.Deadline, CompletedAt: m.CompletedAt, UniqueKey: m.UniqueKey, GroupKey: m.GroupKey}); a != (client.ExportedAsynq{}) {
		e.Asynq = &a
	}
	return true
}

// oneLine reports whether the payload can be part of a line as it is: strict JSON
// without a line break or space around it.
func oneLine(payload []byte) bool {
	return jsontext.Value(payload).IsValid() && !TooDeep(payload) && !bytes.ContainsAny(payload, "\r\n") && len(bytes.TrimSpace(payload)) == len(payload)
}

// encodeLine writes the payload as it came: encoding/json would take the space out of
// it.
func encodeLine(e *client.ExportedJob, payload []byte) []byte {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		panic(err) // every raw value in it is valid JSON
	}
	out.Truncate(out.Len() - len("}\n"))
	if payload != nil {
		out.WriteString(`,"payload":`)
		out.Write(payload)
	}
	out.WriteByte('}')
	return out.Bytes()
}

// attempts returns how many failures were recorded, and the records that are left,
// the oldest first.
func (w *whole) attempts() (int, []json.RawMessage) {
	count, _ := strconv.Atoi(w.fields[store.FieldFails])
	var list []json.RawMessage
	for n := max(1, count-store.AttemptsMax+1); n <= count; n++ {
		record := w.fields[failField(n)]
		if jsontext.Value(record).IsValid() {
			list = append(list, json.RawMessage(record))
		}
	}
	return count, list
}

// failField is the field of the nth failure ever recorded.
func failField(n int) string { return store.FieldFailPrefix + strconv.Itoa(n%store.AttemptsMax) }

func (w *whole) fingerprint(attempts []json.RawMessage) string {
	if words := strings.SplitN(w.fields[store.FieldIndex], " ", 3); len(words) == 3 && words[1] != "" {
		return words[1]
	}
	if len(attempts) == 0 {
		return ""
	}
	var last store.Attempt
	_ = json.Unmarshal(attempts[len(attempts)-1], &last) // a record in another form has none
	return last.Fingerprint
}

// extras returns what Legwork keeps beside the message and the attempts.
func (w *whole) extras() (text map[string]string, binary map[string][]byte) {
	for _, name := range slices.Sorted(maps.Keys(w.fields)) {
		value := w.fields[name]
		switch {
		case !extra(name):
		case utf8.ValidString(name) && utf8.ValidString(value):
			if text == nil {
				text = map[string]string{}
			}
			text[name] = value
		default:
			if binary == nil {
				binary = map[string][]byte{}
			}
			binary[strings.ToValidUTF8(name, "\ufffd")] = []byte(value)
		}
	}
	return text, binary
}

// extra reports whether a field of a job's hash is Legwork's, and said nowhere else.
func extra(name string) bool {
	return strings.HasPrefix(name, "lw_") && name != store.FieldIndex && name != store.FieldFails && !strings.HasPrefix(name, store.FieldFailPrefix)
}
