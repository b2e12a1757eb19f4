package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MetaHeader is the header of a [Message] that holds its [Meta]. Callers cannot
// set it: header names that begin with "legwork" are refused at the door.
const MetaHeader = "legwork"

// metaForm begins an encoded Meta, so that a later form can be told apart.
const metaForm = "1"

// Meta is what Legwork knows of a job beyond asynq's message.
type Meta struct {
	Created int64    // Unix microseconds
	RunAt   int64    // Unix microseconds; 0 when at once
	Timeout int64    // milliseconds
	Until   int64    // deadline, Unix milliseconds; 0 when none
	Waiter  string   // process that wants to hear of the end, or ""
	Tags    []string // without spaces and commas
}

// encode writes the meta as words: form, created, run at, timeout, until, waiter
// and tags; a word may be empty. It is read for every job that starts,
// so it is not JSON.
func (m Meta) encode() string {
	b := make([]byte, 0, 64)
	b = append(b, metaForm...)
	for _, n := range []int64{m.Created, m.RunAt, m.Timeout, m.Until} {
		b = strconv.AppendInt(append(b, ' '), n, 10)
	}
	for _, word := range []string{m.Waiter, strings.Join(m.Tags, ",")} {
		b = append(append(b, ' '), word...)
	}
	return string(b)
}

func decodeMeta(text string) (Meta, error) {
	var m Meta
	word, rest, _ := strings.Cut(text, " ")
	ok := word == metaForm
	for _, into := range []*int64{&m.Created, &m.RunAt, &m.Timeout, &m.Until} {
		word, rest, _ = strings.Cut(rest, " ")
		n, err := strconv.ParseInt(word, 10, 64)
		*into, ok = n, ok && err == nil
	}
	waiter, tags, last := strings.Cut(rest, " ")
	m.Waiter = waiter
	if !ok || !last || strings.Contains(tags, " ") {
		return Meta{}, fmt.Errorf("%w: meta of an unknown form", ErrCorrupt)
	}
	if tags != "" {
		m.Tags = strings.Split(tags, ",")
	}
	return m, nil
}

// Meta returns the message's own data. A message that another asynq client
// wrote has none: created is then zero and the timeout is asynq's.
func (m *Message) Meta() Meta {
	meta, _, _ := m.OwnMeta()
	return meta
}

// OwnMeta is [Message.Meta], and tells whether the message is Legwork's. The error
// wraps [ErrCorrupt] when its data are in a form that is not known here; the meta is
// then as of another client's message.
func (m *Message) OwnMeta() (meta Meta, ours bool, err error) {
	text, ours := m.Headers[MetaHeader]
	if ours {
		if meta, err = decodeMeta(text); err == nil {
			return meta, true, nil
		}
	}
	return Meta{Timeout: m.Timeout * 1000, Until: m.Deadline * 1000}, ours, err
}

// SetMeta stores the message's own data in its headers.
func (m *Message) SetMeta(meta Meta) {
	if m.Headers == nil {
		m.Headers = make(map[string]string, 1)
	}
	m.Headers[MetaHeader] = meta.encode()
}

// CreatedAt is when the job was accepted: from its meta, else from a UUIDv7 id,
// else the zero time.
func (m *Message) CreatedAt() time.Time { return m.Meta().CreatedAt(m.ID) }

// CreatedAt is [Message.CreatedAt] of the job with that id.
func (m Meta) CreatedAt(id string) time.Time {
	if m.Created > 0 {
		return time.UnixMicro(m.Created).UTC()
	}
	return timeOfUUIDv7(id)
}
