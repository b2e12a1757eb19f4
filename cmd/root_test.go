package cmd

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Promise: an unknown command, subcommand, flag or help topic ends with 2, says
// what may have been meant, and prints no usage.
func TestWrongUsage(t *testing.T) {
	t.Parallel()
	s := newShell(t, silent(t))
	s.want(output{exitUsage, "", "legwork: unknown command \"jbos\" for \"legwork\"; did you mean jobs?\n  see `legwork --help`\n"}, "jbos")
	s.want(output{exitUsage, "", "legwork: unknown command \"canel\" for \"legwork jobs\"; did you mean cancel?\n  see `legwork jobs --help`\n"}, "jobs", "canel")
	s.want(output{exitUsage, "", "legwork: unknown flag: --qeue; did you mean --queue?\n  see `legwork enqueue --help`\n"}, "enqueue", "--qeue", "x")
	s.want(output{exitUsage, "", "legwork: unknown flag: --zzzzzz\n  see `legwork version --help`\n"}, "version", "--zzzzzz")
	s.wantError(exitUsage, `no help for "quues"; did you mean queues?`, "help", "quues")
	s.wantError(exitUsage, `no help for "jobs gte"; did you mean get?`, "help", "jobs", "gte")
	s.wantError(exitUsage, `unknown command "tcsh" for "legwork completion"`, "completion", "tcsh")
	s.wantError(exitUsage, "unknown shorthand flag", "jobs", "list", "-q")
	s.wantError(exitUsage, "invalid argument", "jobs", "list", "--limit", "many")
	s.wantError(exitUsage, "takes no arguments", "version", "now")
}

// Promise: help goes to stdout and is no error, alone or for a group.
func TestHelp(t *testing.T) {
	t.Parallel()
	s := newShell(t, silent(t))
	for _, test := range []struct{ args, want string }{
		{"", "legwork [command]"},
		{"--help", "LEGWORK_API_URL"},
		{"help jobs", "legwork jobs [command]"},
		{"jobs", "legwork jobs [command]"},
		{"jobs list --help", "--state state"},
		{"help enqueue", "legwork enqueue TYPE [PAYLOAD] [flags]"},
		{"help completion", "bash"},
	} {
		got := s.run(strings.Fields(test.args)...)
		if got.code != exitOK || got.err != "" || !strings.Contains(got.out, test.want) {
			t.Errorf("legwork %s: got %+v", test.args, got)
		}
	}
	if got := s.run("help", "jobs"); strings.Contains(got.out, "legwork jobs [flags]") {
		t.Errorf("a group shows itself as a command:\n%s", got.out)
	}
}

// Promise: "get" and "show" are one word, for whatever is shown.
func TestGetIsShow(t *testing.T) {
	t.Parallel()
	s := newShell(t, silent(t))
	for _, noun := range []string{"jobs", "failures", "types", "actions"} {
		get, show := s.run(noun, "get", "--help"), s.run(noun, "show", "--help")
		if get != show || get.code != exitOK || !strings.Contains(get.out, "get") {
			t.Errorf("legwork %s get and show: got %+v and %+v", noun, get, show)
		}
	}
}

// Promise: the exit codes are documented, each of them.
func TestHelpExitCodes(t *testing.T) {
	t.Parallel()
	got := newShell(t, silent(t)).run("help", "exit-codes")
	for _, want := range []string{"0  done", "1  any", "2  wrong", "3  bad", "4  Redis", "5  address", "6  the server refused", "7  no such", "8  doctor"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("%q is missing in\n%s", want, got.out)
		}
	}
}

// Promise: what keeps the server from answering ends with 4 and says what to check.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + listener.Addr().String()
	_ = listener.Close()
	s := newShell(t, silent(t))
	got := s.run("queues", "list", "--server", nobody)
	hint := "\n  is `legwork dev` or `legwork serve` running at " + nobody + "? set --server or LEGWORK_API_URL\n"
	if got.code != exitUnreachable || !strings.HasPrefix(got.err, "legwork: cannot reach "+nobody+": dial tcp") || !strings.HasSuffix(got.err, hint) {
		t.Errorf("got %+v", got)
	}
	newShell(t, routes(t, map[string]string{"GET /v1/queues": downJSON})).
		wantError(exitUnreachable, "legwork: Redis cannot be reached (503 unavailable)\n", "queues", "list")
}

// Promise: each kind of refusal has its code and, where it helps, a hint.
func TestRefusals(t *testing.T) {
	t.Parallel()
	html := func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "nothing \x1b[31mhere", http.StatusNotFound)
	}
	newShell(t, html).want(output{exitRefused, "", "legwork: an answer that is not Legwork's: Not Found: nothing [31mhere (404 unexpected_answer)\n" +
		"  does URL lead to Legwork? set --server or LEGWORK_API_URL\n"}, "queues", "list")
	for _, test := range []struct {
		answer, want string
		code         exitCode
	}{
		{`401 {"code":"unauthorized","detail":"no key"}`, "legwork: no key (401 unauthorized)\n  set --api-key or LEGWORK_API_KEY\n", exitRefused},
		{missingJSON, "legwork: no job has this id (404 not_found)\n", exitNotFound},
		{brokenJSON, "legwork: a defect (500 internal)\n", exitFailure},
		{`422 {"code":"invalid_request","detail":"wrong","errors":[{"pointer":"/limit","detail":"must be\u001b[31m less"}]}`,
			"legwork: wrong (422 invalid_request)\n  /limit: must be [31m less\n", exitRefused},
	} {
		newShell(t, routes(t, map[string]string{"GET /v1/jobs/x": test.answer})).
			want(output{test.code, "", test.want}, "jobs", "get", "x")
	}
	newShell(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		reply(w, `429 {"code":"limited","detail":"slow down"}`)
	}).want(output{exitRefused, "", "legwork: slow down (429 limited)\n  try again in 7s\n"}, "types", "list")
}

// Promise: an address or key that cannot work ends with 3 before any call.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	s := newShell(t, silent(t))
	s.wantError(exitConfig, `base URL "localhost:8080": want http://host:port`, "jobs", "list", "--server", "localhost:8080")
	s.env["LEGWORK_API_KEY"] = "hunter2\n"
	s.wantError(exitConfig, "LEGWORK_API_KEY", "jobs", "list")
	if got := s.run("jobs", "list"); strings.Contains(got.err, "hunter2") {
		t.Errorf("the key is repeated: %s", got.err)
	}
	s.env = map[string]string{"LEGWORK_API_URL": "http://me:hunter2@x"}
	if got := s.run("jobs", "list"); got.code != exitConfig || strings.Contains(got.err, "hunter2") {
		t.Errorf("got %+v", got)
	}
}

// Promise: flags win over the environment.
func TestKeyAndServerPrecedence(t *testing.T) {
	t.Parallel()
	var keys []string
	s := newShell(t, func(w http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("Authorization"))
		reply(w, `{"queues":[]}`)
	})
	s.env["LEGWORK_API_KEY"] = "from-env"
	s.run("queues", "list")
	s.env["LEGWORK_API_URL"] = "http://127.0.0.1:1"
	s.run("queues", "list", "--api-key", "from-flag", "--server", s.api.URL)
	if got := strings.Join(keys, ", "); got != "Bearer from-env, Bearer from-flag" {
		t.Errorf("got %s", got)
	}
}

// Promise: an interrupt ends the command with 1 and one word.
func TestInterrupt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	s := newShell(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if got := s.runContext(ctx, "queues", "list"); got != (output{exitFailure, "", "legwork: interrupted\n"}) {
		t.Errorf("got %+v", got)
	}
}

// Promise: commands of others join, and end with the code they ask for.
func TestExtraCommands(t *testing.T) {
	t.Parallel()
	s := newShell(t, silent(t))
	s.extra = []*cobra.Command{{Use: "serve", Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		return withExit(exitTaken, errors.New("address 127.0.0.1:80 is in use"))
	}}}
	s.want(output{exitTaken, "", "legwork: address 127.0.0.1:80 is in use\n"}, "serve")
	s.wantError(exitUsage, `unknown command "x" for "legwork serve"`, "serve", "x")
}

// Promise: the version names the program and Go, as text and as JSON.
func TestVersion(t *testing.T) {
	t.Parallel()
	s := newShell(t, silent(t))
	for _, args := range []string{"version", "--version"} {
		if got := s.run(args); got.code != exitOK || !strings.HasPrefix(got.out, "legwork ") || !strings.Contains(got.out, "go1.") {
			t.Errorf("%s: got %+v", args, got)
		}
	}
	if got := s.run("version", "--json"); !strings.HasPrefix(got.out, `{"version":`) || strings.Count(got.out, "\n") != 1 {
		t.Errorf("got %+v", got)
	}
	s.terminal = true
	if got := s.run("version", "--json"); !strings.HasPrefix(got.out, "{\n  \"version\":") {
		t.Errorf("got %+v", got)
	}
}

// Promise: the environment of the process is complete, and a pipe is no terminal.
func TestProcessEnvironment(t *testing.T) {
	t.Parallel()
	env := processEnvironment()
	if env.stdin != os.Stdin || env.stdout != os.Stdout || env.stderr != os.Stderr || env.getenv == nil || env.now == nil {
		t.Errorf("got %+v", env)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if env.isTerminal(w) || env.isTerminal("no file") {
		t.Error("a pipe passes for a terminal")
	}
}

// Promise: the worst of several outcomes is the one to look at first.
func TestWorse(t *testing.T) {
	t.Parallel()
	order := []exitCode{exitOK, exitNotFound, exitRefused, exitFailure, exitUnreachable}
	for i, a := range order {
		for j, b := range order {
			if got, want := worse(a, b), order[max(i, j)]; got != want {
				t.Errorf("worse(%d, %d) = %d, want %d", a, b, got, want)
			}
		}
	}
}
