package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"legwork/client"
	"legwork/internal/store/storetest"
)

const ndjson = "application/x-ndjson"

// lines returns n times the line, as an NDJSON body.
func lines(n int, line string) string { return strings.Repeat(line+"\n", n) }

// Promise: a batch that is not a batch is refused as a whole, before anything
// of it is stored.
func TestBatchesThatAreRefusedWhole(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	const ok = `{"type":"test.ok"}`
	shape := refusal{422, client.CodeInvalidRequest, nil, `one member, \"jobs\", an array`}
	none := refusal{422, client.CodeInvalidRequest, nil, "the batch has no jobs"}
	large := func(says string) refusal { return refusal{413, client.CodeTooLarge, nil, says} }
	for name, c := range map[string]struct {
		mediaType, body string
		want            refusal
	}{
		"an array":              {"application/json", `[` + ok + `]`, shape},
		"a string":              {"application/json", `"` + marker + `"`, shape},
		"null":                  {"application/json", `null`, shape},
		"an empty object":       {"application/json", `{}`, shape},
		"another name":          {"application/json", `{"` + "items" + `":[` + ok + `]}`, shape},
		"jobs is an object":     {"application/json", `{"jobs":{"type":"` + marker + `"}}`, shape},
		"jobs is null":          {"application/json", `{"jobs":null}`, shape},
		"a member before":       {"application/json", `{"queue":"` + marker + `","jobs":[` + ok + `]}`, shape},
		"a member behind":       {"application/json", `{"jobs":[` + ok + `],"queue":"` + marker + `"}`, shape},
		"jobs twice":            {"application/json", `{"jobs":[` + ok + `],"jobs":[` + ok + `]}`, shape},
		"an empty array":        {"application/json", `{"jobs":[]}`, none},
		"trailing data":         {"application/json", `{"jobs":[` + ok + `]} ` + marker, notJSON("goes on after the batch")},
		"two batches":           {"application/json", `{"jobs":[` + ok + `]}{"jobs":[` + ok + `]}`, notJSON("goes on after the batch")},
		"text":                  {"application/json", marker, notJSON("at byte 0")},
		"blank":                 {"application/json", "  ", notJSON("ends early")},
		"empty":                 {"application/json", "", notJSON("is empty")},
		"cut in an item":        {"application/json", `{"jobs":[` + ok + `,{"type":"` + marker, notJSON("ends early")},
		"cut behind an item":    {"application/json", `{"jobs":[` + ok, notJSON("ends early")},
		"cut behind the array":  {"application/json", `{"jobs":[` + ok + `]`, notJSON("ends early")},
		"no comma":              {"application/json", `{"jobs":[` + ok + ok + `]}`, notJSON("at byte")},
		"a NUL byte":            {"application/json", `{"jobs":[` + ok + ",\x00]}", notJSON("at byte")},
		"invalid UTF-8":         {"application/json", `{"jobs":[` + ok + ",{\"type\":\"\xff\"}]}", notJSON("at byte")},
		"10,000 levels":         {"application/json", `{"jobs":[` + strings.Repeat("[", 10_000), notJSON("")},
		"10,001 jobs":           {"application/json", `{"jobs":[` + strings.Repeat(ok+",", 10_000) + ok + `]}`, large("more than 10000 jobs; nothing was enqueued")},
		"10,001 numbers":        {"application/json", `{"jobs":[` + strings.Repeat("1,", 10_000) + `1]}`, large("more than 10000 jobs; nothing was enqueued")},
		"10,001 lines":          {ndjson, lines(10_001, ok), large("more than 10000 jobs; nothing was enqueued")},
		"no lines":              {ndjson, "\n \n\r\n", none},
		"an empty stream":       {ndjson, "", notJSON("is empty")},
		"too many bytes":        {"application/json", `{"jobs":["` + strings.Repeat("x", batchBodyLimit), large("8388608 bytes")},
		"a stream of too many":  {ndjson, lines(batchBodyLimit/100+1, strings.Repeat(" ", 99)), large("8388608 bytes")},
		"JSON sent as a stream": {ndjson + "; charset=latin1", "", notJSON("is empty")},
	} {
		t.Run(name, func(t *testing.T) {
			a := r.send(http.MethodPost, "/v1/jobs/batch", c.body, "Content-Type", c.mediaType)
			a.check(t, c.want)
			r.untouched(t)
		})
	}
}

// Promise: bad items in the middle of a batch are told one by one, with the
// status and the problem that each alone would get; the good ones go through.
func TestBadItemsInTheMiddle(t *testing.T) {
	t.Parallel()
	items := []string{
		`{"type":"test.ok","id":"a"}`,
		`{"type":"test.ok","prio":1}`,
		`{"type":"test.ok","queue":"` + strings.ToUpper(marker) + `"}`,
		`{"type":"test.none"}`,
		`{"type":"test.person","payload":{"name":"` + marker + `","age":200}}`,
		`{"type":"test.ok","id":"a"}`,
		`null`,
		`"` + marker + `"`,
		`{"type":"test.ok","type":"test.ok"}`,
		`{"type":"test.any","payload":"` + strings.Repeat("x", bodyLimit) + `"}`,
		`{"type":"test.ok","id":"z"}`,
	}
	statuses := []int{202, 422, 422, 422, 422, 409, 422, 422, 400, 413, 202}
	for name, send := range map[string]func(*rig) answer{
		"array": func(r *rig) answer { return r.post("/v1/jobs/batch", `{"jobs":[`+strings.Join(items, ",\n")+`]}`) },
		"lines": func(r *rig) answer {
			return r.send(http.MethodPost, "/v1/jobs/batch", "\r\n"+strings.Join(items, "\r\n\n"), "Content-Type", ndjson+"; charset=utf-8")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, storetest.Redis(t), nil)
			a := send(r)
			if a.status != http.StatusOK || strings.Contains(strings.ToLower(string(a.body)), marker) {
				t.Errorf("answer = %d %s", a.status, a.body)
			}
			result := into[client.BatchResult](a)
			if result.Enqueued != 2 || result.Rejected != len(items)-2 {
				t.Errorf("enqueued %d, rejected %d", result.Enqueued, result.Rejected)
			}
			for i, item := range result.Results {
				good := statuses[i] == 202
				if item.Index != i || item.Status != statuses[i] || good != (item.ID != "") || good != (item.Error == nil) {
					t.Errorf("item %d = %+v %v, want status %d", i, item, item.Error, statuses[i])
				}
				if item.Error != nil && (item.Error.Status != item.Status || item.Error.Code == "" || item.Error.Detail == "") {
					t.Errorf("item %d: problem = %+v", i, item.Error)
				}
			}
			if list := into[client.JobList](r.get("/v1/jobs")); len(list.Jobs) != 2 {
				t.Errorf("%d jobs stored, want the 2 good ones", len(list.Jobs))
			}
		})
	}
}

// Promise: a batch of as many jobs as are allowed goes through, in the order of
// its items, as an array and as lines.
func TestLargestBatch(t *testing.T) {
	t.Parallel()
	for _, mediaType := range []string{"application/json", ndjson} {
		t.Run(mediaType, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, storetest.Redis(t), nil)
			items := make([]string, batchLimit)
			for i := range items {
				items[i] = fmt.Sprintf(`{"type":"test.ok","id":"job-%d","queue":"q%d"}`, i, i%3)
			}
			body := strings.Join(items, "\n")
			if mediaType != ndjson {
				body = `{"jobs":[` + strings.Join(items, ",") + `]}`
			}
			a := r.send(http.MethodPost, "/v1/jobs/batch", body, "Content-Type", mediaType)
			result := into[client.BatchResult](a)
			if a.status != http.StatusOK || result.Enqueued != batchLimit || result.Rejected != 0 {
				t.Fatalf("status %d, enqueued %d, rejected %d", a.status, result.Enqueued, result.Rejected)
			}
			for i, item := range result.Results {
				if item.Index != i || item.Status != 202 || item.ID != fmt.Sprint("job-", i) {
					t.Fatalf("item %d = %+v", i, item)
				}
			}
			for i, q := range into[client.QueueList](r.get("/v1/queues")).Queues {
				if q.Name != fmt.Sprint("q", i) || q.States["pending"] < batchLimit/3 {
					t.Errorf("queue = %+v", q)
				}
			}
		})
	}
}
