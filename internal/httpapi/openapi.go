package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"legwork/client"
)

// schemaPrefix is where an OpenAPI document keeps its schemas.
const schemaPrefix = "#/components/schemas/"

// describeProblems makes the document say of every problem what [problem] is,
// in place of the model of huma's own errors.
func describeProblems(doc *huma.OpenAPI) {
	schemas := doc.Components.Schemas
	schema := schemas.Schema(reflect.TypeFor[client.Problem](), true, "")
	for _, path := range doc.Paths {
		for _, op := range []*huma.Operation{path.Get, path.Post, path.Patch, path.Delete} {
			if op == nil {
				continue
			}
			for _, answer := range op.Responses {
				if content := answer.Content[typeProblem]; content != nil {
					content.Schema = schema
				}
			}
		}
	}
	delete(schemas.Map(), "ErrorModel")
	delete(schemas.Map(), "ErrorDetail")
}

// openAPI returns the OpenAPI 3.1 document of the API with the payload schema of
// every known type: the schema "payload.<type>", and one example per type under
// the enqueue call.
func (s *server) openAPI(ctx context.Context, base *huma.OpenAPI) ([]byte, error) {
	raw, err := json.Marshal(base)
	if err != nil {
		return nil, fmt.Errorf("encode openapi: %w", err)
	}
	var doc map[string]any
	if err := json.Unmarshal(raw, &doc); err != nil {
		return nil, fmt.Errorf("decode openapi: %w", err)
	}
	schemas, _ := dig(doc, "components", "schemas").(map[string]any)
	body, _ := dig(doc, "paths", "/v1/jobs", "post", "requestBody", "content", typeJSON).(map[string]any)
	enqueue, _ := schemas["Enqueue"].(map[string]any)
	if enqueue == nil || body == nil {
		return nil, fmt.Errorf("openapi: the enqueue call is missing from the document")
	}
	var cases []any
	examples := map[string]any{}
	for _, t := range s.types(ctx) {
		name := "payload." + t.Name
		var schema any
		if err := json.Unmarshal(t.Schema, &schema); err != nil {
			return nil, fmt.Errorf("openapi: schema of type %q: %w", t.Name, err)
		}
		schemas[name] = embedSchema(schema, name)
		cases = append(cases, caseOf(t.Name, name))
		addExamples(examples, t)
	}
	if len(cases) > 0 {
		enqueue["allOf"] = cases
	}
	body["examples"] = examples
	return json.Marshal(doc)
}

// caseOf says: when the job's type is this one, its payload has that schema.
func caseOf(typeName, schemaName string) any {
	return map[string]any{
		"if":   map[string]any{"properties": map[string]any{"type": map[string]any{"const": typeName}}},
		"then": map[string]any{"properties": map[string]any{"payload": map[string]any{"$ref": schemaPrefix + schemaName}}},
	}
}

func addExamples(examples map[string]any, t client.Type) {
	for i, payload := range t.Examples {
		key := t.Name
		if i > 0 {
			key = fmt.Sprintf("%s %d", t.Name, i+1)
		}
		examples[key] = map[string]any{"summary": t.Summary, "value": map[string]any{"type": t.Name, "payload": payload}}
	}
}

// embedSchema makes a stand-alone schema part of the document: its references to
// its own root and definitions are moved along.
func embedSchema(v any, name string) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			switch ref, isString := value.(string); {
			case isString && (key == "$schema" || key == "$id"):
			case key == "$ref" && isString && strings.HasPrefix(ref, "#"):
				out[key] = schemaPrefix + name + strings.TrimPrefix(ref, "#")
			default:
				out[key] = embedSchema(value, name)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = embedSchema(value, name)
		}
		return out
	}
	return v
}

// dig follows the names into nested objects; nil when one is missing.
func dig(v any, names ...string) any {
	for _, name := range names {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[name]
	}
	return v
}
