package inspect

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"

	"github.com/google/uuid"

	"legwork/client"
	"legwork/jobs"
)

// cursor says where a page ended: in the jobs of one state, behind one entry of a section.
// In sorted sets that entry is the place in every shard, whatever their number. In lists
// each shard that has been read from has a place of its own. It is valid for the filter
// it was made with.
type cursor struct {
	state  jobs.State
	filter []byte // digest of what was asked for

	score     float64 // in sets: of the last job looked at, with its id and shard
	id, shard string

	since  int64 // in lists: since when the last job looked at waits; the places' times are written as what they differ by
	places []lanePlace
}

// lanePlace is where a list has been left.
type lanePlace struct {
	shard string
	mark  *mark
}

// marksMany is how many lists may be remembered by several jobs each, so that a cursor
// stays short: one more list is about 45 bytes of it.
const marksMany = 16

// cursorForm is the first byte of every cursor, so that those of other versions are told.
const cursorForm = 1

// cursor is where the section has been left.
func (s *section) cursor(f client.JobFilter) *cursor {
	c := &cursor{state: s.state, filter: filterKey(f)}
	if !isList(s.state) {
		c.score, c.id, c.shard = s.last.score, s.last.id, s.last.lane.shard
		return c
	}
	c.since = s.last.since
	for _, l := range s.lanes {
		if l.seen != nil {
			c.places = append(c.places, lanePlace{l.shard, l.seen})
		}
	}
	return c
}

// resume makes the section begin where the cursor stands. Lists of shards that the cursor
// does not know begin at their start.
func (s *section) resume(c *cursor) {
	if !isList(s.state) {
		for _, l := range s.lanes {
			l.from = &mark{score: c.score, id: c.id, before: compareShards(l.shard, c.shard) > 0}
		}
		return
	}
	for _, p := range c.places {
		for _, l := range s.lanes {
			if l.shard == p.shard {
				l.from, l.seen = p.mark, p.mark
			}
		}
	}
}

// filterKey stands for the filter, without the size of its pages.
func filterKey(f client.JobFilter) []byte {
	f.Limit, f.Cursor = 0, ""
	sum := sha256.Sum256([]byte(f.Values().Encode()))
	return sum[:8]
}

func (c *cursor) encode() string {
	out := append([]byte{cursorForm}, c.filter...)
	out = appendText(out, string(c.state))
	if !isList(c.state) {
		out = binary.BigEndian.AppendUint64(out, math.Float64bits(c.score))
		out = appendText(appendText(out, c.id), c.shard)
		return base64.RawURLEncoding.EncodeToString(out)
	}
	out = binary.AppendVarint(out, c.since)
	out = binary.AppendUvarint(out, uint64(len(c.places)))
	for _, p := range c.places {
		out = binary.AppendUvarint(appendText(out, p.shard), uint64(p.mark.tail))
		if p.mark.tail == 0 {
			continue // the place is the end of the list
		}
		seen := p.mark.seen
		if len(c.places) > marksMany {
			seen = seen[:min(len(seen), 1)]
		}
		out = binary.AppendVarint(out, p.mark.since-c.since)
		out = binary.AppendUvarint(out, uint64(len(seen)))
		for _, j := range seen {
			out = binary.AppendVarint(appendText(out, j.id), j.stamp-p.mark.since)
		}
	}
	return base64.RawURLEncoding.EncodeToString(out)
}

// appendText writes a length and a text; a UUID as 0 and its 16 bytes.
func appendText(out []byte, text string) []byte {
	if u, err := uuid.Parse(text); err == nil && u.String() == text {
		return append(append(out, 0), u[:]...)
	}
	return append(binary.AppendUvarint(out, uint64(len(text))+1), text...)
}

// decodeCursor reads a cursor that encode made for the same filter.
func decodeCursor(text string, m *matcher) (*cursor, error) {
	if text == "" {
		return nil, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(text)
	c, ok := readCursor(raw)
	switch {
	case err != nil || !ok:
		return nil, badCursor("is not a cursor of this server; start again without one")
	case !bytes.Equal(c.filter, filterKey(m.filter)) || !slices.Contains(m.states(), c.state):
		return nil, badCursor("belongs to a list with other filters; start again without one")
	}
	return c, nil
}

func readCursor(raw []byte) (*cursor, bool) {
	in := &cursorReader{rest: raw}
	if form := in.bytes(1); !in.bad && form[0] != cursorForm {
		return nil, false
	}
	c := &cursor{filter: in.bytes(8), state: jobs.State(in.text())}
	switch {
	case !c.state.Valid():
		return nil, false
	case !isList(c.state):
		if bits := in.bytes(8); !in.bad {
			c.score = math.Float64frombits(binary.BigEndian.Uint64(bits))
		}
		c.id, c.shard = in.text(), in.text()
		return c, in.ended() && !math.IsNaN(c.score)
	}
	c.since = in.signed()
	for n := in.count(); n > 0 && !in.bad; n-- {
		c.places = append(c.places, lanePlace{shard: in.text(), mark: in.mark(c.since)})
	}
	return c, in.ended()
}

// mark reads a place in a list.
func (r *cursorReader) mark(since int64) *mark {
	m := &mark{tail: int64(r.number()), since: math.MaxInt64}
	if m.tail == 0 {
		return m
	}
	m.since = since + r.signed()
	seen := r.count()
	r.bad = r.bad || m.tail < 0 || seen > seenMax
	for ; seen > 0 && !r.bad; seen-- {
		m.seen = append(m.seen, waypoint{id: r.text(), stamp: m.since + r.signed()})
	}
	return m
}

// cursorReader takes what encode wrote off the front. Once something was bad, all is.
type cursorReader struct {
	rest []byte
	bad  bool
}

func (r *cursorReader) ended() bool { return !r.bad && len(r.rest) == 0 }

func (r *cursorReader) bytes(n uint64) []byte {
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *cursorReader) number() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.bytes(uint64(max(n, 0)))
	r.bad = r.bad || n <= 0
	return v
}

func (r *cursorReader) signed() int64 {
	v, n := binary.Varint(r.rest)
	r.bytes(uint64(max(n, 0)))
	r.bad = r.bad || n <= 0
	return v
}

// count is a number of things that each take a byte at least.
func (r *cursorReader) count() uint64 {
	n := r.number()
	r.bad = r.bad || n > uint64(len(r.rest))
	return n
}

func (r *cursorReader) text() string {
	n := r.number()
	if n > 0 {
		return string(r.bytes(n - 1))
	}
	u, err := uuid.FromBytes(r.bytes(16))
	r.bad = r.bad || err != nil
	return u.String()
}

func badCursor(detail string) error {
	return &jobs.Error{
		Code: jobs.CodeInvalidRequest, Message: "the list cannot be continued",
		Fields: []jobs.FieldError{{Pointer: "/cursor", Detail: detail}},
	}
}
