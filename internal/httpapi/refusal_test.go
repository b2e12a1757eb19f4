package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/client"
	"legwork/internal/store/storetest"
)

// marker stands in the values of bad requests. No answer may repeat it.
const marker = "zqxjk77"

// refusal is what a bad request must be answered with.
type refusal struct {
	status   int
	code     string
	pointers []string
	says     string // a part of the answer
}

// check compares a problem with what is wanted of it.
func (a answer) check(t *testing.T, want refusal) client.Problem {
	t.Helper()
	a.t = t
	if a.status != want.status {
		t.Errorf("status = %d, want %d: %s", a.status, want.status, a.body)
	}
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type = %q: %s", got, a.body)
	}
	if strings.Contains(strings.ToLower(string(a.body)), marker) {
		t.Errorf("the answer repeats what was submitted: %s", a.body)
	}
	p := into[client.Problem](a)
	if p.Status != want.status || p.Code != want.code || p.Title != http.StatusText(want.status) || p.Type != "about:blank" || p.Detail == "" {
		t.Errorf("problem = %+v, want status %d and code %s", p, want.status, want.code)
	}
	var pointers []string
	for _, f := range p.Errors {
		pointers = append(pointers, f.Pointer)
		if f.Detail == "" {
			t.Errorf("no detail at %s", f.Pointer)
		}
	}
	if diff := cmp.Diff(want.pointers, pointers); diff != "" {
		t.Errorf("pointers (want, got):\n%s", diff)
	}
	if !strings.Contains(string(a.body), want.says) {
		t.Errorf("answer %s does not say %q", a.body, want.says)
	}
	return p
}

func notJSON(says string, pointers ...string) refusal {
	return refusal{400, client.CodeInvalidJSON, pointers, says}
}

func wrongField(pointers ...string) refusal {
	return refusal{422, client.CodeInvalidRequest, pointers, "wrong fields"}
}

func wrongPayload(pointers ...string) refusal {
	return refusal{422, client.CodeInvalidPayload, pointers, "schema"}
}

// job is a job of type test.any with more members.
func job(more string) string { return `{"type":"test.any",` + more + `}` }

// Promise: a body that is not one JSON object without repeated names gets 400,
// tells where, repeats nothing, and stores nothing.
func TestBodiesThatAreNotJSON(t *testing.T) {
	t.Parallel()
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	runRefusals(t, map[string]refusedBody{
		"text":                   {marker, notJSON("at byte 0")},
		"empty":                  {"", notJSON("is empty")},
		"blank":                  {" \n\t", notJSON("")},
		"half an object":         {`{"type":"` + marker, notJSON("ends early")},
		"single quotes":          {`{'type':'` + marker + `'}`, notJSON("at byte 1")},
		"trailing comma":         {`{"type":"test.ok",}`, notJSON("at byte")},
		"two values":             {`{"type":"test.ok"} {"type":"` + marker + `"}`, notJSON("at byte 19")},
		"trailing text":          {`{"type":"test.ok"}` + marker, notJSON("at byte 18")},
		"NaN":                    {job(`"payload":NaN`), notJSON("at byte")},
		"a NUL byte":             {"{\"type\":\"test\x00ok\"}", notJSON("at byte")},
		"a NUL byte behind":      {"{\"type\":\"test.ok\"}\x00", notJSON("at byte")},
		"invalid UTF-8":          {"{\"type\":\"\xff" + marker + "\"}", notJSON("at byte")},
		"invalid UTF-8, payload": {job("\"payload\":{\"a\":\"\xc3\x28\"}"), notJSON("at byte")},
		"half a surrogate":       {job(`"payload":"\ud800"`), notJSON("at byte")},
		"a byte order mark":      {"\xef\xbb\xbf" + `{"type":"test.ok"}`, notJSON("at byte 0")},
		"a repeated name":        {`{"type":"test.ok","type":"` + marker + `"}`, notJSON("repeats a name", "/type")},
		"repeated in payload":    {job(`"payload":{"a":{"b":1,"b":"` + marker + `"}}`), notJSON("repeats a name", "/payload/a/b")},
		"repeated header":        {job(`"headers":{"x":"1","x":"2"}`), notJSON("repeats a name", "/headers/x")},
		"repeated, escaped":      {`{"type":"test.ok","\u0074ype":"x"}`, notJSON("repeats a name", "/type")},
		"10,000 levels":          {job(`"payload":` + deep(10_000)), notJSON("")},
		"10,000 levels, open":    {`{"payload":` + strings.Repeat(`{"a":`, 10_001), notJSON("")},
	})
}

// Promise: a job whose fields are wrong gets 422 with a pointer to the field,
// whether the field is unknown, of the wrong JSON type, or out of bounds.
func TestWrongFields(t *testing.T) {
	t.Parallel()
	now := time.Now()
	at := func(d time.Duration) string { return now.Add(d).Format(time.RFC3339) }
	cases := map[string]refusedBody{
		"unknown field":      {job(`"` + "prio" + `":"` + marker + `"`), wrongField("/prio")},
		"case of a name":     {`{"Type":"test.ok"}`, wrongField("/Type")},
		"an array":           {`[1]`, wrongField("")},
		"arrays without end": {strings.Repeat(`[`, 10_001), wrongField("")},
		"a string":           {`"` + marker + `"`, wrongField("")},
		"null":               {`null`, wrongField("/type")},
		"no type":            {`{}`, wrongField("/type")},
		"null type":          {`{"type":null}`, wrongField("/type")},
		"type name":          {`{"type":"` + marker + ` X"}`, wrongField("/type")},
		"type too long":      {`{"type":"` + strings.Repeat("a", 65) + `"}`, wrongField("/type")},
		"queue name":         {job(`"queue":"` + marker + `/x"`), wrongField("/queue")},
		"queue in capitals":  {job(`"queue":"` + strings.ToUpper(marker) + `"`), wrongField("/queue")},
		"id":                 {job(`"id":"` + marker + ` {x}"`), wrongField("/id")},
		"id that is a call":  {job(`"id":"export"`), refusal{422, client.CodeInvalidRequest, []string{"/id"}, "these are calls of the API"}},
		"id with a NUL":      {job(`"id":"` + marker + `\u0000"`), wrongField("/id")},
		"all names":          {job(`"id":" ","queue":" "`), wrongField("/queue", "/id")},
		"far past":           {job(`"run_at":"1999-01-01T00:00:00Z"`), wrongField("/run_at")},
		"25 hours ago":       {job(`"run_at":"` + at(-25*time.Hour) + `"`), wrongField("/run_at")},
		"beyond 10 years":    {job(`"run_at":"` + at(3651*24*time.Hour) + `"`), wrongField("/run_at")},
		"year 9999":          {job(`"run_at":"9999-12-31T23:59:59Z"`), wrongField("/run_at")},
		"year 0":             {job(`"run_at":"0000-01-01T00:00:00Z"`), wrongField("/run_at")},
		"a long delay":       {job(`"delay":"87601h"`), wrongField("/delay")},
		"negative delay":     {job(`"delay":"-1s"`), wrongField("/delay")},
		"both times":         {job(`"delay":"1s","run_at":"` + at(time.Hour) + `"`), wrongField("/delay")},
		"negative timeout":   {job(`"timeout":"-5s"`), wrongField("/timeout")},
		"sub-second timeout": {job(`"timeout":"999ms"`), wrongField("/timeout")},
		"zero timeout":       {job(`"timeout":"0s"`), wrongField("/timeout")},
		"endless timeout":    {job(`"timeout":"25h"`), wrongField("/timeout")},
		"negative retries":   {job(`"max_retries":-1`), wrongField("/max_retries")},
		"many retries":       {job(`"max_retries":1001`), wrongField("/max_retries")},
		"huge retries":       {job(`"max_retries":99999999999999999999`), wrongField("/max_retries")},
		"negative retention": {job(`"retention":"-1s"`), wrongField("/retention")},
		"short retention":    {job(`"retention":"10ms"`), wrongField("/retention")},
		"passed deadline":    {job(`"deadline":"` + at(-time.Second) + `"`), wrongField("/deadline")},
		"tags":               {job(`"tags":["ok","` + marker + ` b",""]`), wrongField("/tags/1", "/tags/2")},
		"null tag":           {job(`"tags":[null]`), wrongField("/tags/0")},
		"reserved header":    {job(`"headers":{"Legwork-X":"` + marker + `"}`), wrongField("/headers/Legwork-X")},
		"header with a line": {job(`"headers":{"a/b":"` + marker + `\r\nx"}`), wrongField("/headers/a~1b")},
	}
	for field, kinds := range map[string][]string{
		"type": {`7`, `{}`, `["` + marker + `"]`}, "queue": {`7`, `true`}, "id": {`7`, `[]`},
		"run_at":      {`1893456000`, `"` + marker + `"`, `"2030-01-01"`, `"2030-01-01 00:00:00Z"`, `{}`},
		"delay":       {`10`, `"` + marker + `"`, `"10"`, `"` + strings.Repeat("9", 30) + `h"`},
		"timeout":     {`10`, `"10 s"`, `[]`},
		"retention":   {`60`, `false`},
		"deadline":    {`"tomorrow"`, `1`},
		"max_retries": {`"3"`, `1.5`, `1e1`, `true`},
		"headers":     {`[]`, `"` + marker + `"`}, "headers/a": {`1`, `{"b":"` + marker + `"}`},
		"tags": {`"` + marker + `"`, `{}`}, "tags/0": {`1`, `["` + marker + `"]`},
	} {
		for i, value := range kinds {
			cases[fmt.Sprintf("%s of a wrong kind %d", field, i)] = refusedBody{wrongKind(field, value), wrongField("/" + field)}
		}
	}
	runRefusals(t, cases)
}

func wrongKind(field, value string) string {
	switch outer, inner, nested := strings.Cut(field, "/"); {
	case outer == "type":
		return `{"type":` + value + `}`
	case nested && outer == "tags":
		return job(`"tags":[` + value + `]`)
	case nested:
		return job(`"` + outer + `":{"` + inner + `":` + value + `}`)
	}
	return job(`"` + field + `":` + value)
}

// Promise: a payload is held against its type's schema at the door; all that is
// wrong is told at once by pointer; an unknown type names the nearest known one.
func TestWrongPayloads(t *testing.T) {
	t.Parallel()
	p := func(payload string) string { return `{"type":"test.person","payload":` + payload + `}` }
	unknown := func(says string) refusal { return refusal{422, client.CodeUnknownType, []string{"/type"}, says} }
	runRefusals(t, map[string]refusedBody{
		"unknown type, near": {`{"type":"test.preson"}`, unknown(`did you mean \"test.person\"?`)},
		"unknown type, far":  {`{"type":"` + marker + `.run"}`, unknown("no program has registered this type")},
		"no payload":         {`{"type":"test.person"}`, wrongPayload("/payload/name")},
		"null payload":       {p(`null`), wrongPayload("/payload")},
		"a string":           {p(`"` + marker + `"`), wrongPayload("/payload")},
		"all at once": {
			p(`{"name":"z","age":0,"email":"` + marker + `","likes":["a","b","c","` + marker + `"],"a/b":"` + marker + `"}`),
			wrongPayload("/payload/age", "/payload/a~1b", "/payload/email", "/payload/likes", "/payload/name"),
		},
		"inside an array": {p(`{"name":"Ada","likes":["x",7]}`), wrongPayload("/payload/likes/1")},
		"a huge number":   {p(`{"name":"Ada","age":1e400}`), wrongPayload("/payload/age")},
		"too large":       {`{"type":"test.any","payload":"` + strings.Repeat("x", 256<<10) + `"}`, refusal{413, client.CodeTooLarge, []string{"/payload"}, "262144"}},
	})
}

// refusedBody is a body for POST /v1/jobs and its answer.
type refusedBody struct {
	body string
	want refusal
}

// runRefusals posts each body alone, as the one item of a batch, and as its one
// line; it expects the same refusal each time and nothing in Redis.
func runRefusals(t *testing.T, cases map[string]refusedBody) {
	t.Helper()
	r := newRig(t, storetest.Redis(t), nil)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			p := r.post("/v1/jobs", c.body).check(t, c.want)
			r.untouched(t)
			if strings.ContainsAny(c.body, "\n") || strings.TrimSpace(c.body) == "" {
				return
			}
			a := r.send(http.MethodPost, "/v1/jobs/batch", c.body+"\n", "Content-Type", "application/x-ndjson")
			result := into[client.BatchResult](a)
			want := client.BatchResult{Rejected: 1, Results: []client.BatchItem{{Status: c.want.status, Error: &p}}}
			if diff := cmp.Diff(want, result); a.status != http.StatusOK || diff != "" {
				t.Errorf("as a line of a batch: %d (want, got)\n%s", a.status, diff)
			}
			r.untouched(t)
			if !json.Valid([]byte(c.body)) || c.want.status == http.StatusBadRequest {
				return
			}
			a = r.post("/v1/jobs/batch", `{"jobs":[`+c.body+`]}`)
			if diff := cmp.Diff(want, into[client.BatchResult](a)); a.status != http.StatusOK || diff != "" {
				t.Errorf("as an item of a batch: %d (want, got)\n%s", a.status, diff)
			}
			r.untouched(t)
		})
	}
}
