package jobs

import (
	"bytes"
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// shape is the part of a schema that can be checked in one pass over the text of
// a payload: types, properties, required names, lengths and bounds, which is what
// most Go types come to. It only ever says yes. What it cannot tell, be it right
// or wrong, is left to the full validator, which costs many times as much.
//
// A nil shape accepts nothing.
type shape struct {
	kind     string            // a JSON Schema type, or "" for any value
	fields   map[string]*shape // of an object
	rest     *shape            // of an object's other members
	required map[string]bool
	items    *shape // of an array

	bounded     bool  // least and most are set
	least, most int64 // length of a string or an array, value of a number
}

// errUnsure ends a pass that cannot say yes.
var errUnsure = errors.New("not certain to be valid")

// accepts reports whether the payload is certain to be valid.
func (s *shape) accepts(payload []byte) bool {
	return s != nil && json.Unmarshal(payload, &visit{s}) == nil
}

// visit walks a value in the form of its shape. The decoder it is given checks
// the syntax, and that no name is repeated.
type visit struct{ shape *shape }

// UnmarshalJSONFrom implements [json.UnmarshalerFrom].
func (v *visit) UnmarshalJSONFrom(d *jsontext.Decoder) error { return v.shape.walk(d) }

func (s *shape) walk(d *jsontext.Decoder) error {
	if s == nil {
		return errUnsure
	}
	switch kind := d.PeekKind(); {
	case s.kind == "":
		return d.SkipValue()
	case s.kind == "object" && kind == '{':
		return s.walkObject(d)
	case s.kind == "array" && kind == '[':
		return s.walkArray(d)
	}
	raw, err := d.ReadValue()
	if err != nil {
		return err
	}
	if !s.holds(raw) {
		return errUnsure
	}
	return nil
}

func (s *shape) walkObject(d *jsontext.Decoder) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	missing := len(s.required)
	for d.PeekKind() != '}' {
		name, err := d.ReadValue()
		if err != nil {
			return err
		}
		if bytes.IndexByte(name, '\\') >= 0 {
			return errUnsure
		}
		name = name[1 : len(name)-1]
		if s.required[string(name)] {
			missing--
		}
		member, known := s.fields[string(name)]
		if !known {
			member = s.rest
		}
		if err := member.walk(d); err != nil {
			return err
		}
	}
	if missing > 0 {
		return errUnsure
	}
	_, err := d.ReadToken()
	return err
}

func (s *shape) walkArray(d *jsontext.Decoder) error {
	if _, err := d.ReadToken(); err != nil {
		return err
	}
	n := int64(0)
	for ; d.PeekKind() != ']'; n++ {
		if err := s.items.walk(d); err != nil {
			return err
		}
	}
	if s.bounded && (n < s.least || n > s.most) {
		return errUnsure
	}
	_, err := d.ReadToken()
	return err
}

// holds reports whether the text of a value that is no object and no array is
// certain to be of this shape.
func (s *shape) holds(raw jsontext.Value) bool {
	switch kind := raw.Kind(); s.kind {
	case "string":
		return kind == '"' && s.holdsText(raw[1:len(raw)-1])
	case "boolean":
		return kind == 't' || kind == 'f'
	case "integer", "number":
		return kind == '0' && s.holdsNumber(raw)
	}
	return false
}

func (s *shape) holdsText(text []byte) bool {
	if !s.bounded {
		return true
	}
	n := int64(utf8.RuneCount(text))
	return bytes.IndexByte(text, '\\') < 0 && n >= s.least && n <= s.most
}

func (s *shape) holdsNumber(raw []byte) bool {
	if s.kind == "number" && !s.bounded {
		return true
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return err == nil && (!s.bounded || n >= s.least && n <= s.most)
}
