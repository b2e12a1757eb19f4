package store

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// Message is a job as asynq 0.26 stores it: the protobuf TaskMessage of its
// internal/proto/asynq.proto. Times are Unix seconds and durations seconds; 0
// means unset.
type Message struct {
	Type         string
	Payload      []byte
	Headers      map[string]string
	ID           string
	Queue        string
	Retry        int // retries allowed
	Retried      int // retries used
	Error        string
	LastFailedAt int64
	Timeout      int64
	Deadline     int64
	UniqueKey    string
	GroupKey     string
	Retention    int64
	CompletedAt  int64
}

// UserHeaders returns a copy of the headers that the caller set, or nil.
func (m *Message) UserHeaders() map[string]string {
	if _, ours := m.Headers[MetaHeader]; len(m.Headers) == 0 || ours && len(m.Headers) == 1 {
		return nil
	}
	h := maps.Clone(m.Headers)
	delete(h, MetaHeader)
	return h
}

// sizeHint is about what the encoding takes: enough for most messages.
func (m *Message) sizeHint() int {
	n := 96 + len(m.Type) + len(m.Payload) + len(m.ID) + len(m.Queue) + len(m.Error)
	for name, value := range m.Headers {
		n += 8 + len(name) + len(value)
	}
	return n
}

// Encode returns the protobuf encoding, with headers in sorted order.
func (m *Message) Encode() []byte {
	b := make([]byte, 0, m.sizeHint())
	b = appendString(b, 1, m.Type)
	b = appendBytes(b, 2, m.Payload)
	b = appendString(b, 3, m.ID)
	b = appendString(b, 4, m.Queue)
	b = appendVarint(b, 5, int64(m.Retry))
	b = appendVarint(b, 6, int64(m.Retried))
	b = appendString(b, 7, m.Error)
	b = appendVarint(b, 8, m.Timeout)
	b = appendVarint(b, 9, m.Deadline)
	b = appendString(b, 10, m.UniqueKey)
	b = appendVarint(b, 11, m.LastFailedAt)
	b = appendVarint(b, 12, m.Retention)
	b = appendVarint(b, 13, m.CompletedAt)
	b = appendString(b, 14, m.GroupKey)
	names := make([]string, 0, 8)
	for name := range m.Headers {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b = appendHeader(b, name, m.Headers[name])
	}
	return b
}

func appendHeader(b []byte, name, value string) []byte {
	size := sizeString(1, name) + sizeString(2, value)
	b = protowire.AppendVarint(protowire.AppendTag(b, 15, protowire.BytesType), uint64(size))
	return appendString(appendString(b, 1, name), 2, value)
}

func sizeString(field protowire.Number, s string) int {
	if s == "" {
		return 0
	}
	return protowire.SizeTag(field) + protowire.SizeBytes(len(s))
}

func appendString(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	if len(v) == 0 {
		return b
	}
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func appendVarint(b []byte, field protowire.Number, v int64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(v))
}

// ErrCorrupt is the cause of every error of [Decode].
var ErrCorrupt = errors.New("corrupt task message")

// Decode parses the protobuf encoding. Unknown fields are skipped.
func Decode(b []byte) (*Message, error) {
	m := &Message{}
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, fmt.Errorf("%w: %w", ErrCorrupt, protowire.ParseError(n))
		}
		b = b[n:]
		switch kind {
		case protowire.BytesType:
			var v []byte
			if v, n = protowire.ConsumeBytes(b); n >= 0 {
				if err := m.setBytes(field, v); err != nil {
					return nil, err
				}
			}
		case protowire.VarintType:
			var v uint64
			if v, n = protowire.ConsumeVarint(b); n >= 0 {
				m.setNumber(field, int64(v))
			}
		default:
			n = protowire.ConsumeFieldValue(field, kind, b)
		}
		if n < 0 {
			return nil, fmt.Errorf("%w: field %d: %w", ErrCorrupt, field, protowire.ParseError(n))
		}
		b = b[n:]
	}
	if m.ID == "" || m.Type == "" {
		return nil, fmt.Errorf("%w: no id or no type", ErrCorrupt)
	}
	return m, nil
}

// Readable reports whether asynq can decode the encoding, too: it takes no text that
// is not UTF-8.
func Readable(b []byte) bool {
	m, err := Decode(b)
	if err != nil {
		return false
	}
	for _, text := range []string{m.Type, m.ID, m.Queue, m.Error, m.UniqueKey, m.GroupKey} {
		if !utf8.ValidString(text) {
			return false
		}
	}
	for name, value := range m.Headers {
		if !utf8.ValidString(name) || !utf8.ValidString(value) {
			return false
		}
	}
	return true
}

func (m *Message) setBytes(field protowire.Number, v []byte) error {
	switch field {
	case 1:
		m.Type = string(v)
	case 2:
		m.Payload = slices.Clone(v)
	case 3:
		m.ID = string(v)
	case 4:
		m.Queue = string(v)
	case 7:
		m.Error = string(v)
	case 10:
		m.UniqueKey = string(v)
	case 14:
		m.GroupKey = string(v)
	case 15:
		return m.addHeader(v)
	}
	return nil
}

func (m *Message) setNumber(field protowire.Number, v int64) {
	switch field {
	case 5:
		m.Retry = int(v)
	case 6:
		m.Retried = int(v)
	case 8:
		m.Timeout = v
	case 9:
		m.Deadline = v
	case 11:
		m.LastFailedAt = v
	case 12:
		m.Retention = v
	case 13:
		m.CompletedAt = v
	}
}

func (m *Message) addHeader(entry []byte) error {
	var pair [2]string
	for len(entry) > 0 {
		field, kind, n := protowire.ConsumeTag(entry)
		if n < 0 || kind != protowire.BytesType {
			return fmt.Errorf("%w: bad header", ErrCorrupt)
		}
		entry = entry[n:]
		v, n := protowire.ConsumeBytes(entry)
		if n < 0 {
			return fmt.Errorf("%w: bad header", ErrCorrupt)
		}
		entry = entry[n:]
		if field == 1 || field == 2 {
			pair[field-1] = string(v)
		}
	}
	if m.Headers == nil {
		m.Headers = map[string]string{}
	}
	m.Headers[pair[0]] = pair[1]
	return nil
}
