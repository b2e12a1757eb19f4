package jobs

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"
)

func schemaText(t testing.TB, text string) *Schema {
	t.Helper()
	s, err := CompileSchema(json.RawMessage(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return s
}

// fullyValid asks the full validator alone.
func (s *Schema) fullyValid(payload string) bool {
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(payload))
	return err == nil && s.compiled.Validate(value) == nil
}

// What the quick check accepts, the full validator accepts.
func TestShapeIsNeverMoreLenientThanTheSchema(t *testing.T) {
	t.Parallel()
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		raw, err := json.Marshal(drawSchema(t, 3))
		if err != nil {
			t.Fatal(err)
		}
		s, err := CompileSchema(raw)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		for range 10 {
			payload := drawValue(t, 3)
			if !s.shape.accepts([]byte(payload)) {
				continue
			}
			accepted++
			if !s.fullyValid(payload) {
				t.Fatalf("schema %s: payload %s is accepted, but not valid", raw, payload)
			}
		}
	})
	if accepted == 0 {
		t.Error("no payload was accepted: the test tests nothing")
	}
}

// drawSchema makes schemas of keywords that a shape knows and some that it does
// not, the latter both with and without a type.
func drawSchema(t *rapid.T, depth int) any {
	m := map[string]any{}
	kind := rapid.SampledFrom([]string{"object", "array", "string", "integer", "number", "boolean", "", "null"}).Draw(t, "kind")
	if kind != "" {
		m["type"] = kind
	}
	words := map[string]func() any{
		"minLength":   func() any { return rapid.IntRange(0, 2).Draw(t, "n") },
		"maxLength":   func() any { return rapid.IntRange(0, 3).Draw(t, "n") },
		"minItems":    func() any { return rapid.IntRange(0, 2).Draw(t, "n") },
		"maxItems":    func() any { return rapid.IntRange(0, 2).Draw(t, "n") },
		"minimum":     func() any { return rapid.SampledFrom([]float64{-1, 0, 0.5, 1}).Draw(t, "x") },
		"maximum":     func() any { return rapid.SampledFrom([]float64{1, 2.5, 1e3}).Draw(t, "x") },
		"enum":        func() any { return []any{"a", 1, nil} },
		"format":      func() any { return "email" },
		"uniqueItems": func() any { return true },
		"description": func() any { return "text" },
		"required": func() any {
			return rapid.SliceOfDistinct(rapid.SampledFrom(names()), rapid.ID[string]).Draw(t, "required")
		},
		"$ref": func() any { return "#" },
	}
	if depth > 0 {
		words["items"] = func() any { return drawSchema(t, depth-1) }
		words["additionalProperties"] = func() any {
			if rapid.Bool().Draw(t, "closed") {
				return false
			}
			return drawSchema(t, depth-1)
		}
		words["properties"] = func() any {
			fields := map[string]any{}
			for _, name := range names() {
				if rapid.Bool().Draw(t, "field") {
					fields[name] = drawSchema(t, depth-1)
				}
			}
			return fields
		}
	}
	known := []string{"minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum", "description", "required"}
	if depth > 0 {
		known = append(known, "items", "additionalProperties", "properties", "properties", "properties")
	}
	choice := rapid.SampledFrom(known)
	if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
		choice = rapid.SampledFrom([]string{"enum", "format", "uniqueItems", "$ref"})
	}
	for range rapid.IntRange(0, 4).Draw(t, "words") {
		word := choice.Draw(t, "word")
		m[word] = words[word]()
	}
	return m
}

func names() []string { return []string{"a", "b", "\u00e9"} }

// drawValue makes JSON text, now and then odd or broken.
func drawValue(t *rapid.T, depth int) string {
	kinds := []string{"scalar"}
	if depth > 0 {
		kinds = []string{"scalar", "array", "object", "object"}
	}
	switch rapid.SampledFrom(kinds).Draw(t, "kind") {
	case "array":
		return "[" + strings.Join(rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string { return drawValue(t, depth-1) }), 0, 3).Draw(t, "items"), ",") + "]"
	case "object":
		var members []string
		for range rapid.IntRange(0, 3).Draw(t, "members") {
			name := rapid.SampledFrom([]string{`"a"`, `"b"`, `"é"`, `"\u0061"`, `"x"`}).Draw(t, "name")
			members = append(members, name+":"+drawValue(t, depth-1))
		}
		return "{" + strings.Join(members, ", ") + "}"
	}
	return rapid.SampledFrom([]string{
		`""`, `"a"`, `"ab"`, `"é"`, `"ééé"`, `"\u00e9"`, `"\ud83d\ude00"`, "\"\xff\"", `"a@b.c"`, "0", "-0", "1", "2", "-1", "1.0", "1.5",
		"1e3", "1E400", "9007199254740993", "123456789012345678901234567890", "true", "false", "null", "01", "", "nul",
	}).Draw(t, "scalar")
}

// What most payload types come to is checked quickly, all the way down.
func TestShapeKnowsWhatMostTypesNeed(t *testing.T) {
	t.Parallel()
	person := `{"type":"object","additionalProperties":false,"required":["name","age"],"properties":{
		"name":{"type":"string","minLength":1,"maxLength":5},"age":{"type":"integer","minimum":0,"maximum":150},
		"score":{"type":"number"},"admin":{"type":"boolean"},"tags":{"type":"array","items":{"type":"string"},"maxItems":2},
		"extra":{"type":"object","additionalProperties":{"type":"integer"}},"raw":true,
		"boss":{"$ref":"#"},"home":{"$ref":"#/$defs/home"},"mail":{"type":"string","format":"email"}},
		"$defs":{"home":{"type":"object","properties":{"city":{"type":"string"},"next":{"$ref":"#/$defs/home"}}}}}`
	s := schemaText(t, person)
	for payload, want := range map[string]bool{
		`{"name":"Zoë","age":42}`:                                                          true,
		` { "age" : 0 , "name" : "A" } `:                                                   true,
		`{"name":"A","age":1,"score":1.5e3}`:                                               true,
		`{"name":"A","age":1,"tags":["x","y\n"]}`:                                          true,
		`{"name":"A","age":1,"extra":{"a":1,"b":-2}}`:                                      true,
		`{"name":"A","age":1,"raw":[{"x":null}],"boss":{"name":"B","age":2,"admin":true}}`: true,
		`{"name":"A","age":1,"home":{"city":"X","next":{"city":"Y","z":1}}}`:               true,
		`{"name":"A","age":1,"mail":"a@example.com"}`:                                      false, // valid, but for the full validator to say
		`{"name":"A\n","age":1}`:                                                           false,
		`{"name":"A","age":1.0}`:                                                           false,
		`{"name":"A"}`:                                                                     false,
		`{"name":"","age":1}`:                                                              false,
		`{"name":"Zoëzoë","age":1}`:                                                        false,
		`{"name":"A","age":151}`:                                                           false,
		`{"name":"A","age":1,"age":2}`:                                                     false,
		`{"name":"A","age":1,"x":1}`:                                                       false,
		`{"name":"A","age":1,"tags":["x","y","z"]}`:                                        false,
		`{"name":"A","age":1,"boss":{"name":"B"}}`:                                         false,
		`{"name":"A","age":1} {}`:                                                          false,
		`[]`:                                                                               false,
	} {
		if got := s.shape.accepts([]byte(payload)); got != want {
			t.Errorf("%s: accepted = %t, want %t", payload, got, want)
		}
	}
	deep := fmt.Sprintf(`{"name":"A","age":1,"raw":%s%s}`, strings.Repeat("[", 20_000), strings.Repeat("]", 20_000))
	if s.shape.accepts([]byte(deep)) {
		t.Error("nesting without bound is accepted")
	}
}

// A schema that no payload can be checked against quickly costs no attempt.
func TestShapeIsNilWhereItIsOfNoUse(t *testing.T) {
	t.Parallel()
	for _, schema := range []string{
		`{"type":"object","required":["m"],"properties":{"m":{"type":"string","format":"email"}}}`,
		`{"type":"object","properties":{"a":true},"minProperties":1}`,
		`{"properties":{"a":{"type":"string"}}}`, `{"type":["string","null"]}`, `{"$ref":"#"}`, `{"anyOf":[true]}`, `{"const":1}`, `false`,
	} {
		if s := schemaText(t, schema); s.shape != nil {
			t.Errorf("%s has a shape", schema)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	s := schemaText(b, `{"type":"object","additionalProperties":false,"required":["id","note"],"properties":{
		"id":{"type":"integer","minimum":1},"note":{"type":"string","minLength":1}}}`)
	payload := json.RawMessage(`{"id":12345,"note":"` + strings.Repeat("x", 70) + `"}`)
	b.ReportAllocs()
	for b.Loop() {
		if wrong := s.Validate(payload); wrong != nil {
			b.Fatal(wrong)
		}
	}
}
