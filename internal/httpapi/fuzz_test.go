package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"legwork/client"
	"legwork/internal/store/storetest"
)

// direct passes one request to the API without a network.
func (r *rig) direct(t *testing.T, method, target, contentType string, body []byte) answer {
	q := httptest.NewRequest(method, target, strings.NewReader(string(body)))
	q.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, q)
	return answer{t: t, status: w.Code, header: w.Header(), body: w.Body.Bytes()}
}

// blameless fails the test unless the answer is one that a caller's request can
// get: good, or a problem of 4xx.
func (a answer) blameless(t *testing.T) {
	t.Helper()
	if a.status >= 500 || a.status < 200 {
		t.Fatalf("answer = %d %s", a.status, a.body)
	}
	if a.status >= 400 {
		if p := into[client.Problem](a); p.Status != a.status || p.Code == "" || p.Code == client.CodeInternal || a.header.Get("Content-Type") != "application/problem+json" {
			t.Fatalf("problem = %d %v %s", a.status, a.header, a.body)
		}
	}
}

// FuzzEnqueueBody holds that no body makes the API answer 5xx, and that a job
// which was accepted can be read back with the payload that was sent.
func FuzzEnqueueBody(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `null`, `{"type":"test.any"}`, `{"type":"test.any","payload":{"a":[1,2.50,1e400,"\u0000\ud83d\ude00",null]}}`,
		`{"type":"test.person","payload":{"name":"Ada","age":36,"email":"a@b.c","likes":["x"]}}`,
		`{"type":"test.any","run_at":"2030-01-01T00:00:00Z","delay":"1s","timeout":"1s","deadline":"2031-01-01T00:00:00+01:00","retention":"0s"}`,
		`{"type":"test.any","queue":"q","id":"i","max_retries":3,"headers":{"a":"b"},"tags":["t"]}`,
		`{"type":"test.any","type":"x"}`, "{\"type\":\"\xff\"}", `{"type":"test.any","payload":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`,
		`{"type":"test.any","delay":"-9223372036854775808ns"}`, `{"type":"test.any","delay":"2562047h47m16.854775807s"}`,
		`{"type":"test.any","run_at":"0001-01-01T00:00:00Z"}`, `{"type":"test.any","deadline":"9999-12-31T23:59:59.999999999Z"}`,
		`{"type":"test.any","payload":-0.0e-0}`, `{"type":"test.any","headers":{"\u0000":"\u2028"}}`,
	} {
		f.Add([]byte(seed))
	}
	r := newRig(f, storetest.Redis(f), nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		a := r.direct(t, http.MethodPost, "/v1/jobs", "application/json", body)
		a.blameless(t)
		if a.status != http.StatusAccepted {
			return
		}
		stored := r.direct(t, http.MethodGet, a.header.Get("Location"), "", nil)
		if stored.status != http.StatusOK {
			t.Fatalf("accepted job = %d %s", stored.status, stored.body)
		}
		var sent client.Enqueue
		if err := json.Unmarshal(body, &sent); err != nil {
			t.Fatalf("accepted %q: %v", body, err)
		}
		if len(sent.Payload) > 0 {
			sameJSON(t, into[client.Job](stored).Payload, sent.Payload)
		}
	})
}

// FuzzBatchBody holds that no batch makes the API answer 5xx, and that every
// item gets an answer of its own.
func FuzzBatchBody(f *testing.F) {
	for _, seed := range []string{
		``, `{"jobs":[]}`, `{"jobs":[{"type":"test.any"},{"type":"none"},null,7]}`, `{"jobs":[{"type":"test.any"}],"x":1}`, `{"jobs":[{"type":"test.any"}]}{}`,
		"{\"type\":\"test.any\"}\n\r\n{\"type\":\"test.any\",\"id\":\"i\"}\n{", "\n\n", `{"jobs":[[[[[`, `{"jobs":[{"type":"test.ok","payload":{"a":1,"a":2}}]}`,
	} {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	r := newRig(f, storetest.Redis(f), nil)
	f.Fuzz(func(t *testing.T, body []byte, stream bool) {
		contentType := "application/json"
		if stream {
			contentType = ndjson
		}
		a := r.direct(t, http.MethodPost, "/v1/jobs/batch", contentType, body)
		a.blameless(t)
		if a.status != http.StatusOK {
			return
		}
		result := into[client.BatchResult](a)
		if result.Enqueued+result.Rejected != len(result.Results) || len(result.Results) == 0 {
			t.Fatalf("result = %s", a.body)
		}
		for i, item := range result.Results {
			if item.Index != i || item.Status >= 500 || (item.Error == nil) != (item.Status == http.StatusAccepted) {
				t.Fatalf("item = %+v", item)
			}
		}
	})
}

// FuzzListParameters holds that no filter and no cursor makes the API answer 5xx.
func FuzzListParameters(f *testing.F) {
	for _, seed := range [][4]string{
		{"pending", "default", "", "10"}, {"", "", "", ""}, {"archived", "a", "eyJzIjoicGVuZGluZyJ9", "0"}, {"x", "{}", "!!", "-1"},
		{"scheduled", "", forged(map[string]any{"s": "scheduled", "q": "default", "i": "x", "n": "1e300", "f": []string{"scheduled", "", ","}}), "1"},
		{"pending", "", forged(map[string]any{"s": "pending", "q": "default", "i": "x", "t": 1 << 62, "f": []string{"pending", "", ","}}), "1"},
		{"scheduled", "", forged(map[string]any{"s": "scheduled", "q": "default", "i": "x", "n": "-Inf", "f": []string{"scheduled", "", ","}}), "1"},
		{"scheduled", "", forged(map[string]any{"s": "scheduled", "q": "default", "i": "x", "n": "0x1p-2", "f": []string{"scheduled", "", ","}}), "1"},
		{"", "", forged(map[string]any{"s": "completed", "n": "1", "q": "default", "i": "\x00", "f": []string{"", "", ","}}), "500"},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	r := newRig(f, storetest.Redis(f), nil)
	r.fill(20, `{"type":"test.ok"}`)
	r.fill(20, `{"type":"test.ok","delay":"1h"}`)
	f.Fuzz(func(t *testing.T, state, queue, cursor, limit string) {
		query := url.Values{"state": {state}, "queue": {queue}, "cursor": {cursor}, "limit": {limit}}
		r.direct(t, http.MethodGet, "/v1/jobs?"+query.Encode(), "", nil).blameless(t)
	})
}
