package jobs

import (
	"encoding/json"
	"math"
	"strings"
)

// kindUnknown is the kind of a shape that accepts nothing.
const kindUnknown = "unknown"

// sketch makes the shapes of one schema document.
type sketch struct {
	targets map[string]any    // what references may point to, by reference
	done    map[string]*shape // shapes of those
}

// shapeOf returns the shape of a decoded schema document, or nil when the schema
// says more than a shape can.
func shapeOf(doc any) *shape {
	k := &sketch{targets: map[string]any{"#": doc}, done: map[string]*shape{}}
	root, _ := doc.(map[string]any)
	defs, _ := root["$defs"].(map[string]any)
	for name, node := range defs {
		if !strings.ContainsAny(name, "/~%") {
			k.targets["#/$defs/"+name] = node
		}
	}
	if s := k.refer("#"); s.kind != kindUnknown {
		return s
	}
	return nil
}

func (k *sketch) shape(node any) *shape {
	if node == true {
		return &shape{}
	}
	m, ok := node.(map[string]any)
	if !ok {
		return nil
	}
	if ref, ok := m["$ref"].(string); ok && len(m) == 1 {
		return k.refer(ref)
	}
	s := &shape{rest: &shape{}, items: &shape{}, most: math.MaxInt64}
	if kind, typed := m["type"]; typed {
		if s.kind, ok = kind.(string); !ok || s.kind == "" {
			return nil
		}
	}
	if s.kind == "integer" || s.kind == "number" {
		s.least = math.MinInt64
	}
	for word, value := range m {
		if !annotation(word) && !k.take(s, word, value) {
			return nil
		}
	}
	if s.hopeless() {
		return nil
	}
	return s
}

// hopeless reports whether the shape demands a member that it cannot check.
func (s *shape) hopeless() bool {
	for name := range s.required {
		if member, known := s.fields[name]; known && member == nil || !known && s.rest == nil {
			return true
		}
	}
	return false
}

// refer returns the shape of what the reference points to. A reference from
// inside that gets the same one before it is finished.
func (k *sketch) refer(ref string) *shape {
	s, begun := k.done[ref]
	if begun {
		return s
	}
	s = &shape{kind: kindUnknown}
	k.done[ref] = s
	if made := k.shape(k.targets[ref]); made != nil {
		*s = *made
	}
	return s
}

// annotation reports whether the keyword says nothing about validity.
func annotation(word string) bool {
	switch word {
	case "$schema", "$defs", "$comment", "type", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly":
		return true
	}
	return false
}

// take puts a keyword into the shape; false when it cannot.
func (k *sketch) take(s *shape, word string, value any) bool {
	switch s.kind + " " + word {
	case "object properties":
		fields, ok := value.(map[string]any)
		s.fields = make(map[string]*shape, len(fields))
		for name, node := range fields {
			s.fields[name] = k.shape(node)
		}
		return ok
	case "object additionalProperties":
		s.rest = k.shape(value)
		return true
	case "object required":
		return s.require(value)
	case "array items":
		s.items = k.shape(value)
		return true
	case "string minLength", "array minItems", "integer minimum", "number minimum":
		return s.bound(&s.least, value)
	case "string maxLength", "array maxItems", "integer maximum", "number maximum":
		return s.bound(&s.most, value)
	}
	return false
}

func (s *shape) require(value any) bool {
	names, ok := value.([]any)
	s.required = make(map[string]bool, len(names))
	for _, name := range names {
		text, isText := name.(string)
		s.required[text] = true
		ok = ok && isText
	}
	return ok
}

func (s *shape) bound(into *int64, value any) bool {
	n, isNumber := value.(json.Number)
	bound, err := n.Int64()
	*into, s.bounded = bound, true
	return isNumber && err == nil
}
