package httpapi_test

import (
	"fmt"
	"mime"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// compileAt compiles the schema at a place of the document.
func compileAt(t *testing.T, doc map[string]any, path ...string) *jsonschema.Schema {
	t.Helper()
	dig(t, doc, path...)
	escape := strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D")
	at := "doc.json#"
	for _, name := range path {
		at += "/" + escape.Replace(name)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("doc.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(at)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// Promise: what the document says of the body of the enqueue calls is what the
// door says: the payload is held against the schema of the job's type.
func TestOpenAPIBodies(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), catalogue)
	doc := r.document()
	one := compileAt(t, doc, "paths", "/v1/jobs", "post", "requestBody", "content", "application/json", "schema")
	many := compileAt(t, doc, "paths", "/v1/jobs/batch", "post", "requestBody", "content", "application/json", "schema")
	for body, good := range map[string]bool{
		`{"type":"test.person","payload":{"name":"Ada"}}`:             true,
		`{"type":"test.person","payload":{"name":"A"}}`:               false,
		`{"type":"test.ok","payload":{"name":"A"}}`:                   false,
		`{"type":"test.any","payload":[1],"delay":"1h","tags":["a"]}`: true,
		`{"payload":{}}`:                    false,
		`{"type":"test.ok","prio":1}`:       false,
		`{"type":"test.ok","timeout":10}`:   false,
		`{"type":"test.ok","tags":[1]}`:     false,
		`{"type":"type.text","payload":""}`: true,
	} {
		for text, schema := range map[string]*jsonschema.Schema{body: one, `{"jobs":[` + body + `]}`: many} {
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(value); (err == nil) != good {
				t.Errorf("%s by the document: %v", text, err)
			}
		}
		if a := r.post("/v1/jobs", body); (a.status == 202) != good {
			t.Errorf("%s at the door: %d %s", body, a.status, a.body)
		}
	}
}

// Promise: every kind of answer, good or bad, is as the document says.
func TestOpenAPIAnswers(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, holding(nil))
	doc := r.document()
	r.eachState()
	announceFarWork(t, inst)
	w := r.onlyWorker()
	const everything = `{"type":"test.any","id":"x","payload":{"a":1},"delay":"1h","deadline":"2030-01-01T00:00:00Z","headers":{"a":"b"},"tags":["t"]}`
	check := func(method, path, template, body string, status int, headers ...string) {
		t.Helper()
		a := r.send(method, path, body, append([]string{"Content-Type", "application/json"}, headers...)...)
		if a.status != status {
			t.Errorf("%s %s = %d %s, want %d", method, path, a.status, a.body, status)
			return
		}
		response := []string{"paths", template, strings.ToLower(method), "responses", fmt.Sprint(status)}
		if dig(t, doc, response...); status == 204 {
			return
		}
		mediaType, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(a.body)))
		if err != nil {
			t.Fatal(err)
		}
		if err := compileAt(t, doc, append(response, "content", mediaType, "schema")...).Validate(value); err != nil {
			t.Errorf("%s %s %d: %v\n%s", method, path, status, err, a.body)
		}
	}
	check("POST", "/v1/jobs", "/v1/jobs", everything, 202)
	check("POST", "/v1/jobs", "/v1/jobs", everything, 409)
	check("POST", "/v1/jobs", "/v1/jobs", `{"type":"test.die"}`, 202, "Prefer", "wait=1", "X-Note", "the queue is paused")
	check("POST", "/v1/jobs", "/v1/jobs", `{`, 400)
	check("POST", "/v1/jobs", "/v1/jobs", `{"type":"test.person"}`, 422)
	check("POST", "/v1/jobs", "/v1/jobs", strings.Repeat("x", bodyLimit+1), 413)
	check("POST", "/v1/jobs/batch", "/v1/jobs/batch", `{"jobs":[{"type":"test.ok"},{"type":"test.person"},{"type":"test.ok","id":"x"}]}`, 200)
	check("POST", "/v1/jobs/batch", "/v1/jobs/batch", `{}`, 422)
	check("GET", "/v1/jobs?limit=500", "/v1/jobs", "", 200)
	check("GET", "/v1/jobs?limit=2", "/v1/jobs", "", 200)
	check("GET", "/v1/jobs?state=x", "/v1/jobs", "", 422)
	for _, state := range jobs.States() {
		check("GET", "/v1/jobs/"+string(state), "/v1/jobs/{id}", "", 200)
	}
	check("GET", "/v1/jobs/export?state=none", "/v1/jobs/export", "", 422)
	check("POST", "/v1/jobs/import", "/v1/jobs/import", "{}", 415)
	check("GET", "/v1/jobs/none", "/v1/jobs/{id}", "", 404)
	check("POST", "/v1/jobs/completed/retry", "/v1/jobs/{id}/retry", `{"payload":{}}`, 202)
	check("GET", "/v1/jobs/completed", "/v1/jobs/{id}", "", 200)
	check("POST", "/v1/jobs/completed/retry", "/v1/jobs/{id}/retry", `{"payload":{},"delay":"1h"}`, 409)
	check("POST", "/v1/jobs/archived/retry", "/v1/jobs/{id}/retry", `{"payload":1}`, 422)
	check("POST", "/v1/jobs/archived/retry", "/v1/jobs/{id}/retry", `{`, 400)
	check("POST", "/v1/jobs/archived/retry", "/v1/jobs/{id}/retry", strings.Repeat("x", bodyLimit+1), 413)
	check("POST", "/v1/jobs/archived/retry", "/v1/jobs/{id}/retry", "", 200)
	check("PATCH", "/v1/jobs/scheduled", "/v1/jobs/{id}", `{"delay":"2h"}`, 200)
	check("PATCH", "/v1/jobs/scheduled", "/v1/jobs/{id}", `{"queue":"x"}`, 422)
	check("PATCH", "/v1/jobs/scheduled", "/v1/jobs/{id}", `{`, 400)
	check("PATCH", "/v1/jobs/none", "/v1/jobs/{id}", `{"delay":"2h"}`, 404)
	check("PATCH", "/v1/jobs/active", "/v1/jobs/{id}", `{"delay":"2h"}`, 409)
	check("GET", "/v1/workers", "/v1/workers", "", 200)
	check("GET", "/v1/workers/"+w, "/v1/workers/{id}", "", 200)
	check("GET", "/v1/workers/none", "/v1/workers/{id}", "", 404)
	check("POST", "/v1/workers/"+w+"/quiet", "/v1/workers/{id}/quiet", "", 200)
	check("POST", "/v1/workers/far-1/quiet", "/v1/workers/{id}/quiet", "", 202)
	check("POST", "/v1/workers/none/quiet", "/v1/workers/{id}/quiet", "", 404)
	check("POST", "/v1/workers/"+w+"/resume", "/v1/workers/{id}/resume", "", 200)
	check("POST", "/v1/jobs/active/cancel", "/v1/jobs/{id}/cancel", "", 200)
	check("POST", "/v1/jobs/scheduled/archive", "/v1/jobs/{id}/archive", "", 200)
	check("POST", "/v1/jobs/scheduled/archive", "/v1/jobs/{id}/archive", "", 409)
	check("DELETE", "/v1/jobs/scheduled", "/v1/jobs/{id}", "", 204)
	check("GET", "/v1/queues", "/v1/queues", "", 200)
	check("GET", "/v1/queues/default", "/v1/queues/{name}", "", 200)
	check("POST", "/v1/queues/default/resume", "/v1/queues/{name}/resume", "", 200)
	check("POST", "/v1/queues/none/pause", "/v1/queues/{name}/pause", "", 404)
	check("GET", "/v1/stats?by=type", "/v1/stats", "", 200)
	check("GET", "/v1/stats?step=2m", "/v1/stats", "", 422)
	check("GET", "/v1/types", "/v1/types", "", 200)
	check("GET", "/v1/types/test.person", "/v1/types/{type}", "", 200)
	check("POST", "/v1/jobs", "/v1/jobs", `{"type":"test.ok"}`, 200, "Prefer", "wait=20")
	check("GET", "/healthz", "/healthz", "", 200)
	check("GET", "/readyz", "/readyz", "", 200)
	inst.Kill()
	check("GET", "/v1/jobs", "/v1/jobs", "", 503)
	check("GET", "/readyz", "/readyz", "", 503)
}
