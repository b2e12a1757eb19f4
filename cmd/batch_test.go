package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"legwork/client"
)

// depot takes batches: jobs of type "bad" are rejected, the rest get the number
// of their line in the request as ID.
type depot struct {
	requests []int // lines in each
	largest  int   // bytes
	failAt   int   // request that is answered with 503, from 1
}

func (d *depot) handle(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	items := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	d.requests = append(d.requests, len(items))
	d.largest = max(d.largest, len(raw))
	if len(d.requests) == d.failAt {
		reply(w, downJSON)
		return
	}
	var results []string
	rejected := 0
	for i, item := range items {
		if strings.Contains(item, `"bad"`) {
			rejected++
			results = append(results, fmt.Sprintf(`{"index":%d,"status":422,"error":{"status":422,"code":"unknown_type","detail":"nobody runs it"}}`, i))
			continue
		}
		results = append(results, fmt.Sprintf(`{"index":%d,"id":"n-%d","status":202}`, i, i))
	}
	reply(w, fmt.Sprintf(`{"enqueued":%d,"rejected":%d,"results":[%s]}`, len(items)-rejected, rejected, strings.Join(results, ",")))
}

func newDepot(t *testing.T, stdin string) (*shell, *depot) {
	t.Helper()
	d := new(depot)
	s := newShell(t, d.handle)
	s.stdin = strings.NewReader(stdin)
	return s, d
}

// Promise: good lines go through, and each bad one is named by its place in the
// file, whoever found it bad.
func TestBatchReportsLines(t *testing.T) {
	t.Parallel()
	const in = "\xef\xbb\xbf{\"type\":\"a\"}\r\n\n{\"type\":\"bad\"}\n{\"type\":\n  \n{\"type\":\"b\"}"
	s, d := newDepot(t, in)
	s.want(output{exitRefused, "", `line 4: is not JSON: unexpected end of JSON input at byte 8 (400 invalid_json)
line 3: nobody runs it (422 unknown_type)
2 enqueued, 2 rejected
`}, "enqueue", "--batch", "-")
	if fmt.Sprint(d.requests) != "[3]" {
		t.Errorf("requests of %v lines", d.requests)
	}
	s.stdin = strings.NewReader(in)
	s.want(output{exitRefused, `{"line":4,"status":400,"error":{"type":"about:blank","title":"Bad Request","status":400,"detail":"is not JSON: unexpected end of JSON input at byte 8","code":"invalid_json"}}
{"line":1,"id":"n-0","status":202}
{"line":3,"status":422,"error":{"type":"","title":"","status":422,"detail":"nobody runs it","code":"unknown_type"}}
{"line":6,"id":"n-2","status":202}
`, "2 enqueued, 2 rejected\n"}, "enqueue", "--batch", "-", "--json")
}

// Promise: no request has more than 10,000 lines, and lines keep their numbers
// over requests.
func TestBatchChunksByLines(t *testing.T) {
	t.Parallel()
	s, d := newDepot(t, strings.Repeat("{\"type\":\"a\"}\n", 2*client.BatchMax)+"{\"type\":\"bad\"}\n")
	s.want(output{exitRefused, "", "line 20001: nobody runs it (422 unknown_type)\n20000 enqueued, 1 rejected\n"}, "enqueue", "--batch", "-")
	if fmt.Sprint(d.requests) != "[10000 10000 1]" {
		t.Errorf("requests of %v lines", d.requests)
	}
}

// Promise: no request is larger than 8 MiB, and a line that could never fit is
// rejected alone.
func TestBatchChunksByBytes(t *testing.T) {
	t.Parallel()
	line := `{"type":"a","payload":"` + strings.Repeat("x", 1<<20) + `"}` + "\n"
	huge := `{"type":"a","payload":"` + strings.Repeat("x", chunkMax) + `"}` + "\n"
	s, d := newDepot(t, strings.Repeat(line, 10)+huge+line+strings.TrimSuffix(huge, "\n"))
	s.want(output{exitRefused, "", "line 11: is longer than a request may be (413 too_large)\n" +
		"line 13: is longer than a request may be (413 too_large)\n11 enqueued, 2 rejected\n"}, "enqueue", "--batch", "-")
	if fmt.Sprint(d.requests) != "[7 4]" || d.largest > 8<<20 {
		t.Errorf("requests of %v lines, the largest of %d bytes", d.requests, d.largest)
	}
}

// Promise: when a request fails, what is known of the lines is said, and
// nothing after it is sent.
func TestBatchStopsAtFailure(t *testing.T) {
	t.Parallel()
	s, d := newDepot(t, strings.Repeat("{\"type\":\"a\"}\n", client.BatchMax+5))
	d.failAt = 2
	s.want(output{exitUnreachable, "", "10000 enqueued, 0 rejected\n" +
		"legwork: lines 10001 to 10005 were not confirmed: Redis cannot be reached (503 unavailable)\n"}, "enqueue", "--batch", "-")
	s, d = newDepot(t, "")
	s.stdin = io.MultiReader(strings.NewReader("{\"type\":\"a\"}\n"), iotest.ErrReader(errors.New("disk on fire")))
	s.want(output{exitFailure, "", "0 enqueued, 0 rejected\n" +
		"legwork: read the batch after line 1 (lines from 1 on were not sent): disk on fire\n"}, "enqueue", "--batch", "-")
	if len(d.requests) != 0 {
		t.Errorf("%d requests", len(d.requests))
	}
}

// Promise: an answer that does not add up is an error, not a success.
func TestBatchChecksTheAnswer(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		`{"enqueued":0,"rejected":0,"results":[]}`:                         "lines 1 to 1: the server answered for 0 of 1",
		`{"enqueued":1,"rejected":0,"results":[{"index":1,"status":202}]}`: "the server answered for item 1 of 1",
		`{"enqueued":0,"rejected":1,"results":[{"index":0,"status":422}]}`: "line 1: rejected without a reason (422 unexpected_answer)",
	} {
		s, _ := newTaker(t, answer)
		s.stdin = strings.NewReader("{}")
		if got := s.run("enqueue", "--batch", "-"); got.code == exitOK || !strings.Contains(got.err, want) {
			t.Errorf("%s: got %+v", answer, got)
		}
	}
}

// Promise: a terminal sees a progress bar that is gone at the end; a pipe sees none.
func TestBatchProgress(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "jobs.ndjson")
	if err := os.WriteFile(file, bytes.Repeat([]byte("{\"type\":\"a\"}\n"), client.BatchMax+1), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := newDepot(t, "{\"type\":\"a\"}\n{\"type\":\"bad\"}\n")
	s.want(output{exitOK, "", "10001 enqueued, 0 rejected\n"}, "enqueue", "--batch", file)
	s.terminal = true
	for _, path := range []string{file, "-"} {
		got := s.run("enqueue", "--batch", path)
		if !strings.Contains(got.err, "enqueue") || !strings.Contains(got.err, "\r") || got.out != "" {
			t.Errorf("%s: got %+v", path, got)
		}
	}
}

// Promise: bad input never reaches the server.
func TestBatchBadInput(t *testing.T) {
	t.Parallel()
	s := newShell(t, silent(t))
	s.wantError(exitUsage, `the lines of a batch name their types; leave "a" away`, "enqueue", "a", "--batch", "-")
	s.wantError(exitUsage, "none of the others can be", "enqueue", "--batch", "-", "--queue", "q")
	s.wantError(exitUsage, "none of the others can be", "enqueue", "--batch", "-", "--wait", "1s")
	s.wantError(exitUsage, "no such file", "enqueue", "--batch", "/nonexistent.ndjson")
	s.wantError(exitUsage, "is a directory", "enqueue", "--batch", t.TempDir())
	s.want(output{exitOK, "", "0 enqueued, 0 rejected\n"}, "enqueue", "--batch", "-")
}
