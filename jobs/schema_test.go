package jobs_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/jobs"
)

func compile(t *testing.T, schema string) *jobs.Schema {
	t.Helper()
	s, err := jobs.CompileSchema(json.RawMessage(schema))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Every kind of violation is told in words, by pointer, without the value.
func TestViolations(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-secret"
	for name, c := range map[string]struct {
		schema, payload string
		want            []jobs.FieldError
	}{
		"type":        {`{"type":"object"}`, `"` + secret + `"`, []jobs.FieldError{{Detail: "must be object, not string"}}},
		"types":       {`{"type":["integer","null"]}`, `true`, []jobs.FieldError{{Detail: "must be integer or null, not boolean"}}},
		"enum":        {`{"enum":["a",2]}`, `"` + secret + `"`, []jobs.FieldError{{Detail: `must be one of "a", 2`}}},
		"const":       {`{"const":"a"}`, `1`, []jobs.FieldError{{Detail: `must be "a"`}}},
		"format":      {`{"format":"email"}`, `"` + secret + `"`, []jobs.FieldError{{Detail: "must be a valid email"}}},
		"pattern":     {`{"pattern":"^a+$"}`, `"` + secret + `"`, []jobs.FieldError{{Detail: "must match the pattern ^a+$"}}},
		"lengths":     {`{"properties":{"a":{"minLength":2},"b":{"maxLength":1}}}`, `{"a":"x","b":"xx"}`, []jobs.FieldError{{"/a", "must have at least 2 characters"}, {"/b", "must have at most 1 characters"}}},
		"numbers":     {`{"items":{"minimum":1,"maximum":5.5,"multipleOf":2}}`, `[0,7]`, []jobs.FieldError{{"/0", "must be at least 1"}, {"/1", "must be at most 5.5"}, {"/1", "must be a multiple of 2"}}},
		"open bounds": {`{"items":{"exclusiveMinimum":1,"exclusiveMaximum":3}}`, `[1,3]`, []jobs.FieldError{{"/0", "must be more than 1"}, {"/1", "must be less than 3"}}},
		"items":       {`{"properties":{"a":{"minItems":1},"b":{"maxItems":1},"c":{"uniqueItems":true}}}`, `{"a":[],"b":[1,2],"c":[1,1]}`, []jobs.FieldError{{"/a", "must have at least 1 items"}, {"/b", "must have at most 1 items"}, {"/c", "must not repeat an item (0 and 1 are equal)"}}},
		"fields":      {`{"required":["a/b"],"additionalProperties":false}`, `{"c~d":"` + secret + `"}`, []jobs.FieldError{{"/a~1b", "is required"}, {"/c~0d", "is not a known field"}}},
		"counts":      {`{"minProperties":2}`, `{}`, []jobs.FieldError{{Detail: "must have at least 2 fields"}}},
		"false":       {`{"properties":{"a":false}}`, `{"a":1}`, []jobs.FieldError{{"/a", "is not allowed"}}},
		"not":         {`{"not":{"required":["a"]}}`, `{"a":1}`, []jobs.FieldError{{Detail: "is not allowed"}}},
		"other":       {`{"contains":{"const":1}}`, `[2]`, []jobs.FieldError{{Pointer: "/0", Detail: "must be 1"}}},
		"not json":    {`{}`, `{` + secret, []jobs.FieldError{{Detail: "is not valid JSON"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := compile(t, c.schema).Validate(json.RawMessage(c.payload))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(want, got):\n%s", diff)
			}
			for _, f := range got {
				if strings.Contains(f.Detail, secret) {
					t.Errorf("detail repeats the value: %s", f.Detail)
				}
			}
		})
	}
}

// A payload with very many mistakes gets a bounded answer.
func TestViolationsAreBounded(t *testing.T) {
	t.Parallel()
	payload := "[" + strings.Repeat(`"x",`, 10_000) + `"x"]`
	if n := len(compile(t, `{"items":{"type":"integer"}}`).Validate(json.RawMessage(payload))); n != 50 {
		t.Errorf("%d errors, want 50", n)
	}
}

// Integers beyond 2^53 are compared exactly.
func TestLargeIntegersAreExact(t *testing.T) {
	t.Parallel()
	s := compile(t, `{"maximum":9007199254740992}`)
	if s.Validate(json.RawMessage(`9007199254740992`)) != nil || s.Validate(json.RawMessage(`9007199254740993`)) == nil {
		t.Error("2^53 and 2^53+1 are not told apart")
	}
}

// A schema cannot make the server read files or addresses, and a broken one is
// an error.
func TestCompileSchemaRefuses(t *testing.T) {
	t.Parallel()
	for _, schema := range []string{
		`{"$ref":"file:///etc/passwd"}`, `{"$ref":"https://example.com/schema.json"}`, `{"type":"nonsense"}`, `{`, `{"$ref":"#/$defs/none"}`, `{"pattern":"("}`,
	} {
		if _, err := jobs.CompileSchema(json.RawMessage(schema)); err == nil {
			t.Errorf("%s: accepted", schema)
		}
	}
}

// pair is generic: its name has the import path of its argument in it.
type pair[T any] struct {
	A T `json:"a"`
	B T `json:"b"`
}

// Schemas of all the shapes that payload types take.
func TestSchemaOfPayloadTypes(t *testing.T) {
	t.Parallel()
	type leaf struct {
		N int `json:"n"`
	}
	type twin struct {
		At time.Time  `json:"at"`
		In pair[leaf] `json:"in"`
	}
	type tree struct {
		Left  *tree           `json:"left,omitempty"`
		Leafs []leaf          `json:"leafs,omitempty"`
		By    map[string]leaf `json:"by,omitempty"`
		Raw   json.RawMessage `json:"raw,omitempty"`
	}
	r := jobs.NewRegistry()
	jobs.Handle(r, "tree", func(context.Context, tree) (struct{}, error) { return struct{}{}, nil }, jobs.Options{})
	jobs.Handle(r, "any", func(context.Context, any) (struct{}, error) { return struct{}{}, nil }, jobs.Options{})
	jobs.Handle(r, "map", func(context.Context, map[string]int) (struct{}, error) { return struct{}{}, nil }, jobs.Options{})
	jobs.Handle(r, "pointer", func(context.Context, *leaf) (*leaf, error) { return nil, nil }, jobs.Options{})
	jobs.Handle(r, "twin", func(context.Context, twin) (struct{}, error) { return struct{}{}, nil }, jobs.Options{})
	jobs.Handle(r, "empty", func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }, jobs.Options{})
	if err := r.Err(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, payload string
		ok            bool
	}{
		{"tree", `{"left":{"left":{"leafs":[{"n":1}]}},"by":{"x":{"n":2}},"raw":[1,{"a":null}]}`, true},
		{"tree", `{"left":{"left":{"leafs":[{"n":"1"}]}}}`, false},
		{"any", `[1,"a",null]`, true},
		{"map", `{"a":1}`, true},
		{"map", `{"a":"b"}`, false},
		{"pointer", `{"n":1}`, true},
		{"pointer", `{}`, false},
		{"twin", `{"at":"2030-01-31T12:00:00Z","in":{"a":{"n":1},"b":{"n":2}}}`, true},
		{"twin", `{"at":"2030-01-31T12:00:00Z","in":{"a":{"n":1},"b":{"n":"2"}}}`, false},
		{"twin", `{"at":"yesterday","in":{"a":{"n":1},"b":{"n":2}}}`, false},
		{"empty", `{}`, true},
		{"empty", `{"a":1}`, false},
	} {
		typ, _ := r.Lookup(c.name)
		if wrong := typ.Payload.Validate(json.RawMessage(c.payload)); (wrong == nil) != c.ok {
			t.Errorf("%s %s: %v", c.name, c.payload, wrong)
		}
	}
}

// Whatever the payload, validation ends without a panic.
func FuzzValidate(f *testing.F) {
	for _, seed := range []string{`{}`, `{"customer_id":1,"email":"a@b"}`, `[[[[`, `{"a":{"b":[1e999,-0]}}`, "\xff", `"\ud800"`} {
		f.Add([]byte(seed))
	}
	r := jobs.NewRegistry()
	jobs.Handle(r, "invoice.send", send, jobs.Options{})
	typ, _ := r.Lookup("invoice.send")
	f.Fuzz(func(_ *testing.T, payload []byte) { typ.Payload.Validate(payload) })
}
