package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"legwork/client"
	"legwork/internal/store/storetest"
)

func parameter(says string, pointers ...string) refusal {
	return refusal{422, client.CodeInvalidRequest, pointers, says}
}

// Promise: wrong parameters of a list are told by name, all that are out of
// bounds at once, and a misspelt one is not passed over in silence.
func TestWrongParameters(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	for query, want := range map[string]refusal{
		"state=" + marker:                      parameter("must be one of [active pending", "/state"),
		"state=Pending":                        parameter("must be one of", "/state"),
		"state=aggregating":                    parameter("must be one of", "/state"),
		"queue=" + strings.ToUpper(marker):     parameter("a queue is made of", "/queue"),
		"type=" + marker + "%20x":              parameter("a type is made of", "/type"),
		"tag=" + marker + ",x":                 parameter("a tag is made of", "/tag"),
		"tag=%00":                              parameter("a tag is made of", "/tag"),
		"queue=A&state=B&tag=%20&type=C":       parameter("wrong parameters", "/state", "/queue", "/type", "/tag"),
		"limit=0":                              parameter("", "/limit"),
		"limit=501":                            parameter("", "/limit"),
		"limit=-1":                             parameter("", "/limit"),
		"limit=" + marker:                      parameter("", "/limit"),
		"limit=1.5":                            parameter("", "/limit"),
		"limit=9223372036854775808":            parameter("", "/limit"),
		"quue=" + marker:                       parameter("unknown query parameter", "/quue"),
		"State=pending":                        parameter("unknown query parameter", "/State"),
		"a.b%2Fc~d=" + marker:                  parameter("unknown query parameter", "/a.b~1c~0d"),
		"cursor=" + marker:                     parameter("not a cursor of this server", "/cursor"),
		"cursor=!!!":                           parameter("not a cursor of this server", "/cursor"),
		"cursor=" + strings.Repeat("A", 20000): parameter("not a cursor of this server", "/cursor"),
		"cursor=" + forged(map[string]any{}):   parameter("not a cursor of this server", "/cursor"),
		"cursor=" + forged(map[string]any{"s": "pending", "q": "", "i": "a", "f": "0"}):           parameter("not a cursor", "/cursor"),
		"cursor=" + forged(map[string]any{"s": "pending", "q": "a", "i": "a", "t": -1, "f": "0"}): parameter("not a cursor", "/cursor"),
		"cursor=" + forged(map[string]any{"s": "aggregating", "q": "a", "i": "a", "f": "0"}):      parameter("not a cursor", "/cursor"),
		"cursor=" + forged(map[string]any{"s": "retry", "q": "a", "i": "a", "n": "x", "f": "0"}):  parameter("not a cursor", "/cursor"),
	} {
		name, _, _ := strings.Cut(query, "=")
		t.Run(name, func(t *testing.T) { r.get("/v1/jobs?"+query).check(t, want) })
	}
	for _, path := range []string{"/v1/queues", "/v1/types", "/v1/jobs/x", "/healthz", "/readyz", "/v1/types/x", "/v1/queues/x"} {
		r.get(path+"?verbose="+marker).check(t, parameter("unknown query parameter", "/verbose"))
	}
	r.post("/v1/jobs?wait="+marker, `{"type":"test.ok"}`).check(t, parameter("unknown query parameter", "/wait"))
	r.untouched(t)
}

func forged(cursor map[string]any) string {
	raw, _ := json.Marshal(cursor)
	return base64.RawURLEncoding.EncodeToString(raw)
}

// Promise: a cursor continues the list that it came from and no other.
func TestCursorOfAnotherList(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	for range 3 {
		r.enqueue(`{"type":"test.ok","tags":["a"]}`)
	}
	first := into[client.JobList](r.get("/v1/jobs?limit=1&type=test.ok&tag=a"))
	if first.NextCursor == "" {
		t.Fatal("no cursor")
	}
	cursor := "&cursor=" + url.QueryEscape(first.NextCursor)
	for _, query := range []string{"", "type=test.ok", "tag=a", "type=test.ok&tag=b", "type=test.ok&tag=a&state=pending", "type=test.ok&tag=a&queue=default"} {
		r.get("/v1/jobs?limit=1&"+query+cursor).check(t, parameter("belongs to a list with other filters", "/cursor"))
	}
	if a := r.get("/v1/jobs?limit=2&type=test.ok&tag=a" + cursor); a.status != http.StatusOK || len(into[client.JobList](a).Jobs) != 2 {
		t.Errorf("the same list with another limit: %d %s", a.status, a.body)
	}
}

// Promise: a Prefer header with a wait that is no number is refused, other
// preferences are ignored, and nothing is enqueued by a refused request.
func TestPreferHeader(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	const body = `{"type":"test.ok"}`
	for _, header := range []string{"wait", "wait=", "wait=" + marker, "wait=-1", "wait=1.5", "wait=10s", "wait=99999999999", "respond-async, wait=x", `wait="`} {
		r.post("/v1/jobs", body, "Prefer", header).check(t, parameter("whole number of seconds", "/Prefer"))
	}
	r.untouched(t)
	for _, header := range []string{"", "respond-async", "return=minimal; foo=" + marker, "wait=0", ",,;=", "handling=lenient, waiting=x"} {
		a := r.post("/v1/jobs", body, "Prefer", header)
		if a.status != http.StatusAccepted || a.header.Get("Preference-Applied") != "" {
			t.Errorf("Prefer %q: %d %s %q", header, a.status, a.body, a.header.Get("Preference-Applied"))
		}
	}
	r.pool("default")
	for _, headers := range [][]string{
		{"wait=10"}, {"WAIT=10"}, {`wait="10"`}, {"respond-async, wait=10"}, {"wait=10; x=y"}, {"wait=3600"}, {"respond-async", "wait=10"},
	} {
		var pairs []string
		for _, h := range headers {
			pairs = append(pairs, "Prefer", h)
		}
		a := r.post("/v1/jobs", body, pairs...)
		want := "wait=10"
		if headers[0] == "wait=3600" {
			want = "wait=60"
		}
		if a.status != http.StatusOK || a.header.Get("Preference-Applied") != want {
			t.Errorf("Prefer %q: %d %s %q", headers, a.status, a.body, a.header.Get("Preference-Applied"))
		}
	}
}
