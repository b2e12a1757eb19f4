package cmd

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == halfRound { // bench --compare has started this program again
		os.Exit(execute(context.Background(), processEnvironment()))
	}
	goleak.VerifyTestMain(m)
}

// noon is when every test of this package takes place.
func noon() time.Time { return time.Date(2030, 1, 31, 12, 0, 0, 0, time.UTC) }

// shell runs command lines in process, against a server of its own.
type shell struct {
	t        *testing.T
	api      *httptest.Server
	stdin    io.Reader
	env      map[string]string
	terminal bool // stdout and stderr are one
	width    int  // of the terminal, 0 when it does not tell
	extra    []*cobra.Command
}

func newShell(t *testing.T, api http.HandlerFunc) *shell {
	t.Helper()
	server := httptest.NewServer(api)
	t.Cleanup(server.Close)
	return &shell{t: t, api: server, stdin: strings.NewReader(""), env: map[string]string{"LEGWORK_API_URL": server.URL}}
}

// output is what one run left behind. The server's address reads URL.
type output struct {
	code     exitCode
	out, err string
}

func (s *shell) run(args ...string) output { return s.runContext(context.Background(), args...) }

func (s *shell) runContext(ctx context.Context, args ...string) output {
	s.t.Helper()
	var out, err bytes.Buffer
	code := execute(ctx, &environment{
		args: args, stdin: s.stdin, stdout: &out, stderr: &err, now: noon,
		getenv: func(name string) string { return s.env[name] },
		width:  func() int { return s.width },
		isTerminal: func(stream any) bool {
			return s.terminal && (stream == any(&out) || stream == any(&err) || stream == any(s.stdin))
		},
	}, s.extra...)
	hide := strings.NewReplacer(s.api.URL, "URL", strings.TrimPrefix(s.api.URL, "http://"), "ADDRESS")
	return output{exitCode(code), hide.Replace(out.String()), hide.Replace(err.String())}
}

// want checks a run whole.
func (s *shell) want(want output, args ...string) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.run(args...), cmp.AllowUnexported(output{})); diff != "" {
		s.t.Errorf("legwork %s: want (-), got (+)\n%s", strings.Join(args, " "), diff)
	}
}

// wantError checks the exit code and a part of stderr, and that stdout is empty.
func (s *shell) wantError(code exitCode, part string, args ...string) {
	s.t.Helper()
	got := s.run(args...)
	if got.code != code || !strings.Contains(got.err, part) || got.out != "" {
		s.t.Errorf("legwork %s: want %d and %q on stderr only, got %d\nstdout: %s\nstderr: %s",
			strings.Join(args, " "), code, part, got.code, got.out, got.err)
	}
}

// routes answers each "METHOD /path?query" with JSON, and fails the test on any
// other call. An answer that begins with three digits has that status.
func routes(t *testing.T, answers map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		call := r.Method + " " + r.URL.RequestURI()
		body, ok := answers[call]
		if !ok {
			t.Errorf("unexpected call %s", call)
		}
		_, _ = io.Copy(io.Discard, r.Body)
		reply(w, body)
	}
}

// reply sends "STATUS body" or "body", as a problem from 400 on.
func reply(w http.ResponseWriter, body string) {
	status := http.StatusOK
	if len(body) >= 4 && body[3] == ' ' && body[0] >= '2' && body[0] <= '5' {
		status = int(body[0]-'0')*100 + int(body[1]-'0')*10 + int(body[2]-'0')
		body = body[4:]
	}
	w.Header().Set("Content-Type", "application/json")
	if status >= 400 {
		w.Header().Set("Content-Type", "application/problem+json")
	}
	w.WriteHeader(status)
	if status != http.StatusNoContent {
		_, _ = io.WriteString(w, body)
	}
}

// silent fails the test on any call.
func silent(t *testing.T) http.HandlerFunc { return routes(t, nil) }

const (
	missingJSON = `404 {"code":"not_found","detail":"no job has this id"}`
	refusedJSON = `409 {"code":"conflict","detail":"the job is active"}`
	brokenJSON  = `500 {"code":"internal","detail":"a defect"}`
	downJSON    = `503 {"code":"unavailable","detail":"Redis cannot be reached"}`
)
