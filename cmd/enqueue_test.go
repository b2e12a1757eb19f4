package cmd

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// taker accepts one job and remembers what it was sent.
type taker struct {
	body, prefer string
	answer       string
}

func (k *taker) handle(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	k.body, k.prefer = strings.TrimSpace(string(raw)), r.Header.Get("Prefer")
	reply(w, k.answer)
}

const acceptedJSON = `202 {"id":"n-1","type":"email.send","queue":"mail","state":"pending","timeout":"1m","retention":"1h"}`

func newTaker(t *testing.T, answer string) (*shell, *taker) {
	t.Helper()
	k := &taker{answer: answer}
	return newShell(t, k.handle), k
}

// Promise: an accepted job prints its ID for programs and a sentence for people.
func TestEnqueuePrintsID(t *testing.T) {
	t.Parallel()
	s, k := newTaker(t, acceptedJSON)
	s.want(output{exitOK, "n-1\n", "enqueued email.send in queue mail, pending\n"}, "enqueue", "email.send")
	if k.body != `{"type":"email.send"}` || k.prefer != "" {
		t.Errorf("sent %s, prefer %q", k.body, k.prefer)
	}
	if got := s.run("enqueue", "email.send", "--json"); got.out != acceptedJSON[4:]+"\n" || got.err != "" {
		t.Errorf("got %+v", got)
	}
}

// Promise: the payload comes from any of its sources, as it was written.
func TestEnqueuePayloadSources(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "payload.json")
	if err := os.WriteFile(file, []byte("{\n  \"to\": \"<ada>\"\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, stdin, want string
		args              []string
	}{
		{"argument", "", `{"n":1.10}`, []string{`{"n": 1.10}`}},
		{"argument that is no object", "", `3`, []string{"3"}},
		{"stdin", `["a"]`, `["a"]`, []string{"-"}},
		{"file", "", `{"to":"<ada>"}`, []string{"--payload-file", file}},
		{"file that is stdin", `{"a":null}`, `{"a":null}`, []string{"--payload-file", "-"}},
		{"fields", "", `{"a":"x=y","b":{"c":[1,2.50]},"d":"","e":":="}`,
			[]string{"-f", "a=x=y", "-f", `b:={"c":[1,2.50]}`, "-f", "d=", "--field", "e=:="}},
	} {
		s, k := newTaker(t, acceptedJSON)
		s.stdin = strings.NewReader(test.stdin)
		got := s.run(append([]string{"enqueue", "email.send"}, test.args...)...)
		if want := `{"type":"email.send","payload":` + test.want + `}`; got.code != exitOK || k.body != want {
			t.Errorf("%s: got %+v\nsent %s\nwant %s", test.name, got, k.body, want)
		}
	}
}

// Promise: every flag reaches its field, and zero is not the same as unset.
func TestEnqueueFlags(t *testing.T) {
	t.Parallel()
	s, k := newTaker(t, acceptedJSON)
	s.run("enqueue", "a", "--queue", "q", "--id", "i", "--run-at", "2030-01-31T08:00:00+01:00", "--max-retries", "0", "--timeout", "90s",
		"--deadline", "2030-02-01T00:00:00Z", "--retention", "0s", "--header", "trace=a=b", "--header", "x=", "--tag", "one", "--tag", "two")
	want := `{"type":"a","queue":"q","id":"i","run_at":"2030-01-31T08:00:00+01:00","max_retries":0,"timeout":"1m30s",` +
		`"deadline":"2030-02-01T00:00:00Z","retention":"0s","headers":{"trace":"a=b","x":""},"tags":["one","two"]}`
	if k.body != want {
		t.Errorf("sent %s\nwant %s", k.body, want)
	}
	s.run("enqueue", "a", "--delay", "15m")
	if want := `{"type":"a","delay":"15m0s"}`; k.body != want {
		t.Errorf("sent %s, want %s", k.body, want)
	}
}

// Promise: bad input never reaches the server, and says what is wrong with it.
func TestEnqueueBadInput(t *testing.T) {
	t.Parallel()
	s := newShell(t, silent(t))
	for _, test := range []struct {
		want string
		args []string
	}{
		{"name the job's type", nil},
		{"name the job's type", []string{""}},
		{`"y}" is too much (is the payload quoted?)`, []string{"a", "{x:", "y}"}},
		{"the payload is not JSON: invalid character 't' looking for beginning of object key string at byte 2", []string{"a", "{to: 1}"}},
		{"the payload is not JSON: it is empty", []string{"a", ""}},
		{"the payload is not JSON: invalid character '2' after top-level value at byte 3", []string{"a", "1 2"}},
		{"stdin is not JSON: it is empty", []string{"a", "-"}},
		{"no such file", []string{"a", "--payload-file", "/nonexistent.json"}},
		{"is a directory", []string{"a", "--payload-file", t.TempDir()}},
		{"in one way", []string{"a", "{}", "-f", "a=b"}},
		{"in one way", []string{"a", "--payload-file", "-", "-f", "a=b"}},
		{"in one way", []string{"a", "-", "--payload-file", "-"}},
		{`--field "a": want key=text or key:=json`, []string{"a", "-f", "a"}},
		{`--field "=b": the key is empty`, []string{"a", "-f", "=b"}},
		{`--field ":=1": the key is empty`, []string{"a", "-f", ":=1"}},
		{`--field "a:=b": the value is not JSON`, []string{"a", "-f", "a:=b"}},
		{`--field "a=2": the key is given twice`, []string{"a", "-f", "a=1", "-f", "a=2"}},
		{`--run-at "tomorrow": want a time such as`, []string{"a", "--run-at", "tomorrow"}},
		{`--deadline "2030-01-01": want a time such as`, []string{"a", "--deadline", "2030-01-01"}},
		{`--header "a": want name=value`, []string{"a", "--header", "a"}},
		{`--header "=a": want name=value`, []string{"a", "--header", "=a"}},
		{"none of the others can be", []string{"a", "--run-at", "2030-01-31T08:00:00Z", "--delay", "1s"}},
		{"invalid argument", []string{"a", "--delay", "5"}},
		{"invalid argument", []string{"a", "--max-retries", "x"}},
		{"at most 60s", []string{"a", "--wait", "61s"}},
		{"at most 60s", []string{"a", "--wait", "0s"}},
		{"at most 60s", []string{"a", "--wait", "-1s"}},
	} {
		s.wantError(exitUsage, test.want, append([]string{"enqueue"}, test.args...)...)
	}
}

// Promise: a refused job shows every wrong field.
func TestEnqueueRefused(t *testing.T) {
	t.Parallel()
	s, _ := newTaker(t, `422 {"code":"invalid_payload","detail":"the payload fails the schema of email.send",
		"errors":[{"pointer":"/payload/to","detail":"is required"},{"pointer":"/payload/cc","detail":"must be a valid email"}]}`)
	s.want(output{exitRefused, "", "legwork: the payload fails the schema of email.send (422 invalid_payload)\n" +
		"  /payload/to: is required\n  /payload/cc: must be a valid email\n"}, "enqueue", "email.send", "{}")
}

// Promise: --wait prints the result, and ends well only if the job did.
func TestEnqueueWait(t *testing.T) {
	t.Parallel()
	const head = `"id":"n-1","type":"a","timeout":"1m","retention":"1h"`
	for _, test := range []struct {
		answer string
		want   output
	}{
		{`{` + head + `,"state":"completed","result":{"url": "x"}}`, output{exitOK, `{"url":"x"}` + "\n", "job n-1 completed\n"}},
		{`{` + head + `,"state":"completed"}`, output{exitOK, "", "job n-1 completed\n"}},
		{`{` + head + `,"state":"completed","discarded":"pointless"}`, output{exitOK, "", "job n-1 was discarded: pointless\n"}},
		{`{` + head + `,"state":"archived","last_error":"no route"}`, output{exitFailure, "", "legwork: job n-1 was archived: no route\n"}},
		{`202 {` + head + `,"state":"active"}`, output{exitFailure, "", "legwork: job n-1 is still active after 30s; `legwork jobs get n-1` shows it later\n"}},
	} {
		s, k := newTaker(t, test.answer)
		s.want(test.want, "enqueue", "a", "--wait", "30s")
		if k.prefer != "wait=30" {
			t.Errorf("prefer %q", k.prefer)
		}
	}
	s, _ := newTaker(t, `{`+head+`,"state":"archived"}`)
	if got := s.run("enqueue", "a", "--wait", "30s", "--json"); got.code != exitFailure || got.out != `{`+head+`,"state":"archived"}`+"\n" {
		t.Errorf("got %+v", got)
	}
}
