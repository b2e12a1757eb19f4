package httpapi_test

import (
	"context"
	"fmt"
	"mime"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

const groupName = "0123456789abcdef"

// group stores a failure group.
func (r *rig) group(fp string, changes ...any) {
	r.t.Helper()
	now := time.Now().UnixMilli()
	fields := []any{
		store.GroupType, "test.fail", store.GroupKind, store.KindError, store.GroupTitle, "no <n>", store.GroupError, "no 1", store.GroupCount, 3,
		store.GroupFirst, now, store.GroupLast, now, store.GroupQueuePrefix + "default", 3, store.GroupJob, "j1", store.GroupShard, "default",
	}
	ctx := context.Background()
	pipe := r.inst.Client.Pipeline()
	pipe.HSet(ctx, store.KeyFailurePrefix+fp, append(fields, changes...)...)
	pipe.Do(ctx, "ZADD", store.KeyFailures, now, fp)
	if _, err := pipe.Exec(ctx); err != nil {
		r.t.Fatal(err)
	}
}

// Promise: every answer of the failures calls is as the document says.
func TestFailureAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	doc := r.document()
	r.group(groupName)
	r.group("ffffffffffffffff", store.GroupState, store.GroupRegressed, store.GroupSince, 1000, store.GroupSettled, 1, store.GroupFrame, "main.f")
	r.inst.Client.Set(context.Background(), store.KeyFailurePrefix+"eeeeeeeeeeeeeeee", "x", 0)
	const one = "/v1/failures/" + groupName
	const path = "/v1/failures/{fingerprint}"
	for _, c := range []struct {
		method, path, template, body string
		status                       int
	}{
		{"GET", "/v1/failures?trend=7d&limit=1", "/v1/failures", "", 200},
		{"GET", "/v1/failures", "/v1/failures", "", 200},
		{"GET", "/v1/failures?state=x", "/v1/failures", "", 422},
		{"GET", one, path, "", 200},
		{"GET", one + "?trend=1h", path, "", 422},
		{"GET", "/v1/failures/x", path, "", 400},
		{"GET", "/v1/failures/aaaaaaaaaaaaaaaa", path, "", 404},
		{"POST", one + "/resolve", path + "/resolve", "", 200},
		{"POST", "/v1/failures/aaaaaaaaaaaaaaaa/resolve", path + "/resolve", "", 404},
		{"POST", "/v1/failures/eeeeeeeeeeeeeeee/resolve", path + "/resolve", "", 409},
		{"POST", one + "/ignore", path + "/ignore", `{"for":"72h"}`, 200},
		{"POST", one + "/ignore", path + "/ignore", `{"until":"2001-01-01T00:00:00Z"}`, 422},
		{"POST", one + "/ignore", path + "/ignore", `{`, 400},
		{"POST", one + "/ignore", path + "/ignore", strings.Repeat("x", bodyLimit+1), 413},
		{"POST", "/v1/failures/xyz/ignore", path + "/ignore", `{"for":"72h"}`, 400},
		{"POST", one + "/retry", path + "/retry", "", 202},
		{"POST", one + "/retry", path + "/retry", `{"rate":5,"dry_run":true}`, 202},
		{"POST", one + "/retry", path + "/retry", `{"rate":-1}`, 422},
		{"POST", one + "/retry", path + "/retry", `{`, 400},
		{"POST", one + "/retry", path + "/retry", strings.Repeat("x", bodyLimit+1), 413},
		{"POST", "/v1/failures/xyz/retry", path + "/retry", "", 400},
		{"POST", "/v1/failures/aaaaaaaaaaaaaaaa/retry", path + "/retry", "", 404},
		{"POST", one + "/reopen", path + "/reopen", "", 200},
	} {
		a := r.send(c.method, c.path, c.body, "Content-Type", "application/json")
		if a.status != c.status {
			t.Errorf("%s %s = %d %s, want %d", c.method, c.path, a.status, a.body, c.status)
			continue
		}
		mediaType, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(a.body)))
		if err != nil {
			t.Fatal(err)
		}
		schema := compileAt(t, doc, "paths", c.template, strings.ToLower(c.method), "responses", fmt.Sprint(c.status), "content", mediaType, "schema")
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s %s %d: %v\n%s", c.method, c.path, c.status, err, a.body)
		}
	}
	r.inst.Kill()
	if a := r.get("/v1/failures"); a.status != 503 || a.header.Get("Retry-After") == "" {
		t.Errorf("without Redis: %d %s", a.status, a.body)
	}
}

// Promise: wrong parameters and bodies are told by name, never repeated, and change
// nothing.
func TestFailureRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	r.group(groupName)
	for query, want := range map[string]refusal{
		"state=" + marker:                  parameter("must be one of [open resolved", "/state"),
		"state=Open":                       parameter("must be one of", "/state"),
		"kind=" + marker:                   parameter("must be one of [error panic", "/kind"),
		"trend=" + marker:                  parameter("24h or 7d", "/trend"),
		"type=" + marker + "!":             parameter("a type is made of", "/type"),
		"queue=" + marker + "!":            parameter("a queue is made of", "/queue"),
		"limit=0":                          parameter("", "/limit"),
		"limit=501":                        parameter("", "/limit"),
		"limit=1.5":                        parameter("", "/limit"),
		"cursor=" + marker:                 parameter("not a cursor of this server", "/cursor"),
		"fingerprint=1":                    parameter("unknown query parameter", "/fingerprint"),
		"q=" + strings.Repeat(marker, 100): parameter("at most 256", "/q"),
		"cursor=" + forged(map[string]any{"l": 1, "i": groupName, "f": "x"}): parameter("other filters", "/cursor"),
		"cursor=" + forged(map[string]any{"l": 1, "i": "x"}):                 parameter("not a cursor", "/cursor"),
		"state=A&kind=B": parameter("cannot be listed", "/state", "/kind"),
	} {
		name, _, _ := strings.Cut(query, "=")
		t.Run(name, func(t *testing.T) { r.get("/v1/failures?"+query).check(t, want) })
	}
	for body, want := range map[string]refusal{
		``:                                 {400, client.CodeInvalidJSON, nil, "the body is empty"},
		`{"for":`:                          {400, client.CodeInvalidJSON, nil, "ends early"},
		`{"for":"1h","for":"2h"}`:          {400, client.CodeInvalidJSON, []string{"/for"}, "more than once"},
		`[]`:                               parameter("", ""),
		`{}`:                               parameter("is required", "/until"),
		`null`:                             parameter("is required", "/until"),
		`{"for":"0s"}`:                     parameter("in the future", "/for"),
		`{"for":"-1h"}`:                    parameter("in the future", "/for"),
		`{"for":"` + marker + `"}`:         parameter("must be a duration", "/for"),
		`{"for":3600}`:                     parameter("must be a duration", "/for"),
		`{"until":"` + marker + `"}`:       parameter("RFC 3339", "/until"),
		`{"until":"2001-01-01T00:00:00Z"}`: parameter("in the future", "/until"),
		`{"until":"9999-01-01T00:00:00Z"}`: parameter("ten years", "/until"),
		`{"until":"2099-01-01T00:00:00Z","for":"1h"}`: parameter("together", "/for"),
		`{"hours":3}`: parameter("is not a known field", "/hours"),
	} {
		r.post("/v1/failures/"+groupName+"/ignore", body).check(t, want)
	}
	r.send("POST", "/v1/failures/"+groupName+"/ignore", `{"for":"1h"}`, "Content-Type", "text/plain").check(t, refusal{415, client.CodeUnsupported, nil, "Content-Type"})
	for body, want := range map[string]refusal{
		`{"rate":"` + marker + `"}`: parameter("must be a whole number", "/rate"),
		`{"rate":100001}`:           parameter("1 to 100000", "/rate"),
		`{"dry_run":1}`:             parameter("", "/dry_run"),
		`{"state":"retry"}`:         parameter("is not a known field", "/state"),
		`[]`:                        parameter("", ""),
	} {
		r.post("/v1/failures/"+groupName+"/retry", body).check(t, want)
	}
	r.send("POST", "/v1/failures/"+groupName+"/retry", `{}`, "Content-Type", "text/plain").check(t, refusal{415, client.CodeUnsupported, nil, "Content-Type"})
	if list := into[client.ActionList](r.get("/v1/actions")); len(list.Actions) != 0 {
		t.Errorf("actions = %+v", list.Actions)
	}
	for _, fp := range []string{marker, "0123456789ABCDEF", "0123456789abcde", "0123456789abcdef0", "%2E%2E", "a%2Fb"} {
		for _, verb := range []string{"", "/resolve", "/reopen", "/ignore"} {
			a := r.get("/v1/failures/" + fp)
			if verb != "" {
				a = r.post("/v1/failures/"+fp+verb, `{"for":"1h"}`)
			}
			a.check(t, refusal{400, client.CodeInvalidRequest, nil, "16 hexadecimal digits"})
		}
		r.post("/v1/failures/"+fp+"/retry", `{}`).check(t, refusal{400, client.CodeInvalidRequest, nil, "16 hexadecimal digits"})
	}
	if g := into[client.FailureGroup](r.get("/v1/failures/" + groupName)); g.State != "open" || g.Count != 3 {
		t.Errorf("group = %+v", g)
	}
}

// Promise: the dead letters of a failure group, and no other jobs, are retried in one
// action that the answer names.
func TestRetryFailureGroup(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	stop := r.pool("default")
	for _, id := range []string{"a", "b"} {
		r.enqueue(`{"type":"test.die","id":"` + id + `"}`)
	}
	r.enqueue(`{"type":"test.fail","id":"other","max_retries":0}`)
	for _, id := range []string{"a", "b", "other"} {
		r.until(id, jobs.StateArchived)
	}
	stop()
	r.tally.Flush(context.Background())
	list := into[client.FailureList](r.get("/v1/failures?type=test.die"))
	if len(list.Failures) != 1 || list.Failures[0].Dead != 2 {
		t.Fatalf("groups = %+v", list.Failures)
	}
	path := "/v1/failures/" + list.Failures[0].Fingerprint + "/retry"
	end := func(a answer) client.Action {
		t.Helper()
		at := a.header.Get("Location")
		if a.status != 202 || at != "/v1/actions/"+into[client.Action](a).ID {
			t.Fatalf("retry: %d %q %s", a.status, at, a.body)
		}
		var out client.Action
		eventually(t, func() bool { out = into[client.Action](r.get(at)); return out.Finished() }, func() string { return "the action does not end" })
		return out
	}
	if dry := end(r.post(path, `{"dry_run":true}`)); dry.Matched != 2 || len(dry.Sample) != 2 {
		t.Errorf("dry run = %+v", dry)
	}
	if done := end(r.send("POST", path, "")); done.Done != 2 || done.Filter.Fingerprint != list.Failures[0].Fingerprint {
		t.Errorf("action = %+v", done)
	}
	for id, want := range map[string]string{"a": "pending", "b": "pending", "other": "archived"} {
		if j := into[client.Job](r.get("/v1/jobs/" + id)); j.State != want {
			t.Errorf("%s is %s, want %s", id, j.State, want)
		}
	}
}
