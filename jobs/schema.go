package jobs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	reflector "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema is a compiled JSON Schema (draft 2020-12). It is immutable and safe
// for concurrent use.
type Schema struct {
	raw      json.RawMessage
	compiled *jsonschema.Schema
	shape    *shape // nil when the schema says more than a shape can
}

// CompileSchema compiles a JSON Schema document. Formats such as "email" are
// asserted, and references to other documents are refused: nothing is loaded
// from disk or network.
func CompileSchema(raw json.RawMessage) (*Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("parse schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(noLoader{})
	const location = "payload.json"
	if err := c.AddResource(location, doc); err != nil {
		return nil, fmt.Errorf("add schema: %w", err)
	}
	compiled, err := c.Compile(location)
	if err != nil {
		return nil, fmt.Errorf("compile schema: %w", err)
	}
	return &Schema{raw: raw, compiled: compiled, shape: shapeOf(doc)}, nil
}

// JSON returns the schema document. Do not change it.
func (s *Schema) JSON() json.RawMessage { return s.raw }

// Validate returns everything that is wrong with the payload, with pointers
// that start at the payload's root, or nil. Details never repeat what was
// submitted.
func (s *Schema) Validate(payload json.RawMessage) []FieldError {
	if s.shape.accepts(payload) {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return []FieldError{{Detail: "is not valid JSON"}}
	}
	return violations(s.compiled.Validate(value))
}

type noLoader struct{}

func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("schema refers to %q: only references inside the document are allowed", url)
}

func schemaOf(t reflect.Type) (*Schema, error) {
	raw, err := reflectSchema(t)
	if err != nil {
		return nil, err
	}
	return CompileSchema(raw)
}

// rootName stands for the root type among a schema's definitions. The root is
// not listed there, so a type that contains itself refers to the document.
const rootName = "@root"

// reflectSchema derives the JSON Schema of a Go type. The reflector panics on
// types that JSON cannot hold (channels, functions), which becomes an error.
func reflectSchema(t reflect.Type) (raw json.RawMessage, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
	}()
	r := reflector.Reflector{Anonymous: true, ExpandedStruct: true, Namer: namer(t)}
	raw, err = json.Marshal(r.ReflectFromType(t))
	return bytes.ReplaceAll(raw, []byte(`"$ref":"#/$defs/`+rootName+`"`), []byte(`"$ref":"#"`)), err
}

// namer names definitions after their types; types of the same name in
// different packages are numbered.
func namer(root reflect.Type) func(reflect.Type) string {
	if root.Kind() == reflect.Pointer {
		root = root.Elem()
	}
	taken := map[string]reflect.Type{}
	return func(t reflect.Type) string {
		if t == root {
			return rootName
		}
		base := strings.Map(plainName, t.Name())
		name := base
		for n := 2; taken[name] != nil && taken[name] != t; n++ {
			name = fmt.Sprintf("%s%d", base, n)
		}
		if name != "" {
			taken[name] = t
		}
		return name
	}
}

// plainName keeps what needs no escaping in a reference: the name of a generic
// type has brackets and import paths in it.
func plainName(r rune) rune {
	if r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
		return r
	}
	return '_'
}
