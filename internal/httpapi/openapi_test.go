package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// picture is a payload type with definitions of its own: nested, shared and
// recursive ones.
type picture struct {
	Source  place            `json:"source"`
	Targets []place          `json:"targets,omitempty"`
	Parts   map[string]point `json:"parts,omitempty"`
	Within  *picture         `json:"within,omitempty"`
	Ref     string           `json:"$ref,omitempty"`
	Schema  string           `json:"$schema,omitempty"`
}

type place struct {
	URL string `json:"url" jsonschema:"format=uri"`
	At  point  `json:"at,omitzero"`
}

type point struct {
	X int `json:"x"`
	Y int `json:"y"`
}

// catalogue registers payload types of every shape.
func catalogue(reg *jobs.Registry) {
	commonTypes(reg)
	jobs.Handle(reg, "type.nested", func(_ context.Context, p picture) (picture, error) { return p, nil }, jobs.Options{
		Summary:  "Turns a picture.",
		Examples: []any{map[string]any{"source": map[string]any{"url": "http://a/b"}}, map[string]any{"source": map[string]any{"url": "http://c/d"}}},
	})
	jobs.Handle(reg, "type.map", func(_ context.Context, m map[string]int) (int, error) { return len(m), nil }, jobs.Options{})
	jobs.Handle(reg, "type.list", func(_ context.Context, l []point) ([]point, error) { return l, nil }, jobs.Options{})
	jobs.Handle(reg, "type.text", func(_ context.Context, s string) (string, error) { return s, nil }, jobs.Options{Examples: []any{"hello"}})
	jobs.Handle(reg, "type.raw", func(_ context.Context, r json.RawMessage) (json.RawMessage, error) { return r, nil }, jobs.Options{})
}

// document fetches the OpenAPI document.
func (r *rig) document() map[string]any {
	r.t.Helper()
	a := r.get("/openapi.json")
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
		r.t.Fatalf("openapi.json = %d %v %s", a.status, a.header, a.body)
	}
	return into[map[string]any](a)
}

// Promise: the document is OpenAPI 3.1 by the specification's own schema, with
// any types or none, and every reference in it leads somewhere.
func TestOpenAPIIsValid(t *testing.T) {
	t.Parallel()
	schema := specification(t)
	for name, register := range map[string]func(*jobs.Registry){"no types": func(*jobs.Registry) {}, "many types": catalogue} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			doc := newRig(t, storetest.Redis(t), register).document()
			if err := schema.Validate(doc); err != nil {
				t.Errorf("%#v", err)
			}
			for name := range dig(t, doc, "components", "schemas").(map[string]any) {
				embedded(t, doc, name)
			}
			walk(doc, "#", func(at string, node map[string]any) {
				ref, ok := node["$ref"].(string)
				if !ok || strings.HasSuffix(at, "/properties") {
					return
				}
				if !resolves(doc, ref) {
					t.Errorf("%s: $ref %q leads nowhere", at, ref)
				}
			})
		})
	}
}

// specification compiles the OpenAPI Initiative's schema of OpenAPI 3.1
// (2022-10-07, https://spec.openapis.org/oas/3.1/schema/2022-10-07).
func specification(t *testing.T) *jsonschema.Schema {
	t.Helper()
	raw, err := os.ReadFile("testdata/openapi-3.1.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// walk visits every object with its place.
func walk(v any, at string, visit func(at string, node map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(at, v)
		for name, value := range v {
			walk(value, at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), visit)
		}
	case []any:
		for i, value := range v {
			walk(value, fmt.Sprint(at, "/", i), visit)
		}
	}
}

// resolves follows a reference within the document.
func resolves(doc any, ref string) bool {
	path, ok := strings.CutPrefix(ref, "#/")
	for _, name := range strings.Split(path, "/") {
		node, isObject := doc.(map[string]any)
		if !ok || !isObject {
			return false
		}
		doc, ok = node[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
	}
	return ok
}

// Promise: the payload schema of every type is in the document, means the same
// there as it does at the door, and is tied to the type in the enqueue call.
func TestOpenAPIHasPayloadSchemas(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), catalogue)
	doc := r.document()
	for _, c := range []struct {
		typ        string
		good, evil string
	}{
		{"type.nested", `{"source":{"url":"http://a/b"},"parts":{"a":{"x":1,"y":2}},"within":{"source":{"url":"http://c"}},"$ref":"x","$schema":"y"}`, `{"source":{"url":"http://a/b"},"within":{"source":{"url":7}}}`},
		{"type.map", `{"a":1}`, `{"a":"b"}`},
		{"type.list", `[{"x":1,"y":2}]`, `[{"x":1}]`},
		{"type.text", `"hello"`, `7`},
		{"type.raw", `[{"any":"thing"},7,null]`, ""},
		{"test.any", `{"a":[1]}`, ""},
		{"test.ok", `{}`, `{"a":1}`},
		{"test.person", `{"name":"Ada","age":36}`, `{"name":"Ada","age":0}`},
	} {
		schema := embedded(t, doc, "payload."+c.typ)
		for payload, want := range map[string]bool{c.good: true, c.evil: false} {
			if payload == "" {
				continue
			}
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(payload))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(value); (err == nil) != want {
				t.Errorf("%s: payload %s against the document: %v", c.typ, payload, err)
			}
			a := r.post("/v1/jobs", fmt.Sprintf(`{"type":%q,"payload":%s}`, c.typ, payload))
			if (a.status == http.StatusAccepted) != want {
				t.Errorf("%s: payload %s at the door: %d %s", c.typ, payload, a.status, a.body)
			}
		}
	}
	body := dig(t, doc, "paths", "/v1/jobs", "post", "requestBody", "content", "application/json").(map[string]any)
	examples := body["examples"].(map[string]any)
	for _, name := range []string{"type.nested", "type.nested 2", "type.text"} {
		raw, _ := json.Marshal(dig(t, examples, name, "value"))
		if a := r.post("/v1/jobs", string(raw)); a.status != http.StatusAccepted {
			t.Errorf("example %q: %d %s", name, a.status, a.body)
		}
	}
}

// embedded compiles one named schema of the document, in its place there.
func embedded(t *testing.T, doc map[string]any, name string) *jsonschema.Schema {
	t.Helper()
	return compileAt(t, doc, "components", "schemas", name)
}

func dig(t *testing.T, v any, names ...string) any {
	t.Helper()
	for _, name := range names {
		m, _ := v.(map[string]any)
		if v = m[name]; v == nil {
			t.Fatalf("no %q in the document", name)
		}
	}
	return v
}

// Promise: the document lists every path that the API answers, and each call
// has a summary, an id of its own, and the problems it may answer with.
func TestOpenAPIListsEveryCall(t *testing.T) {
	t.Parallel()
	doc := newRig(t, storetest.Redis(t), nil).document()
	want := []string{
		"delete /v1/jobs/{id}",
		"get /healthz",
		"get /readyz",
		"get /v1/actions",
		"get /v1/actions/{id}",
		"get /v1/failures",
		"get /v1/failures/{fingerprint}",
		"get /v1/jobs",
		"get /v1/jobs/export",
		"get /v1/jobs/{id}",
		"get /v1/jobs/{id}/events",
		"get /v1/jobs/{id}/logs",
		"get /v1/jobs/{id}/why",
		"get /v1/queues",
		"get /v1/queues/{name}",
		"get /v1/stats",
		"get /v1/types",
		"get /v1/types/{type}",
		"get /v1/workers",
		"get /v1/workers/{id}",
		"patch /v1/jobs/{id}",
		"post /v1/actions",
		"post /v1/actions/{id}/abort",
		"post /v1/failures/{fingerprint}/ignore",
		"post /v1/failures/{fingerprint}/reopen",
		"post /v1/failures/{fingerprint}/resolve",
		"post /v1/failures/{fingerprint}/retry",
		"post /v1/jobs",
		"post /v1/jobs/batch",
		"post /v1/jobs/import",
		"post /v1/jobs/{id}/archive",
		"post /v1/jobs/{id}/cancel",
		"post /v1/jobs/{id}/retry",
		"post /v1/queues/{name}/pause",
		"post /v1/queues/{name}/resume",
		"post /v1/workers/{id}/quiet",
		"post /v1/workers/{id}/resume",
	}
	var got []string
	ids := map[string]bool{}
	for path, methods := range doc["paths"].(map[string]any) {
		for method, v := range methods.(map[string]any) {
			op := v.(map[string]any)
			got = append(got, method+" "+path)
			id, _ := op["operationId"].(string)
			if id == "" || ids[id] || op["summary"] == nil || op["tags"] == nil {
				t.Errorf("%s %s: id %q, summary %v", method, path, id, op["summary"])
			}
			ids[id] = true
			for status, answer := range op["responses"].(map[string]any) {
				if content, ok := answer.(map[string]any)["content"].(map[string]any); ok && status >= "4" && path != "/readyz" && content["application/problem+json"] == nil {
					t.Errorf("%s %s: answer %s is %v", method, path, status, content)
				}
			}
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("calls = %q", got)
	}
}
