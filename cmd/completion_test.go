package cmd

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// Promise: each shell gets a script, and nothing else on stdout.
func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	s := newShell(t, silent(t))
	for shell, mark := range map[string]string{
		"bash": "bash completion", "zsh": "#compdef legwork", "fish": "fish completion", "powershell": "Register-ArgumentCompleter",
	} {
		if got := s.run("completion", shell); got.code != exitOK || got.err != "" || !strings.Contains(got.out, mark) {
			t.Errorf("%s: code %d, stderr %q", shell, got.code, got.err)
		}
	}
}

// Promise: types, queues and states are suggested where they belong, by what
// was typed so far.
func TestCompletionOfNames(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"GET /v1/types":  `{"types":[{"name":"email.send","summary":"Sends one\nmail"},{"name":"email.check"},{"name":"image.thumbnail"}]}`,
		"GET /v1/queues": queuesJSON,
	}))
	const types = "email.send\tSends one mail\nemail.check\n"
	for _, test := range []struct{ line, want string }{
		{"enqueue email", types},
		{"jobs list --type email", types},
		{"types show email", types},
		{"types show email.send e", ""},
		{"enqueue email.send e", ""},
		{"enqueue --queue d", "default\n"},
		{"jobs list --queue m", "mail\n"},
		{"queues pause m", "mail\n"},
		{"queues resume default m", "mail\n"},
		{"jobs list --state r", "active\npending\nscheduled\nretry\narchived\ncompleted\n"},
		{"enqueue zzz", ""},
	} {
		got := s.run(append([]string{"__complete"}, strings.Fields(test.line)...)...)
		if want := test.want + ":4\n"; got.code != exitOK || got.out != want {
			t.Errorf("%s: got %q, want %q", test.line, got.out, want)
		}
	}
}

// Promise: a server that fails, hangs or is misspelt costs a second at most and
// shows nothing.
func TestCompletionIsSilentOnFailure(t *testing.T) {
	t.Parallel()
	failing := newShell(t, routes(t, map[string]string{"GET /v1/types": downJSON, "GET /v1/queues": downJSON}))
	hanging := newShell(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	misspelt := newShell(t, silent(t))
	misspelt.env["LEGWORK_API_URL"] = "nonsense"
	for name, s := range map[string]*shell{"failing": failing, "hanging": hanging, "misspelt": misspelt} {
		for _, args := range [][]string{{"__complete", "enqueue", ""}, {"__complete", "queues", "pause", ""}} {
			begin := time.Now()
			got := s.run(args...)
			if got.code != exitOK || got.out != ":4\n" || strings.Contains(got.err, "legwork:") {
				t.Errorf("%s: got %+v", name, got)
			}
			if spent := time.Since(begin); spent > 10*completionTimeout {
				t.Errorf("%s: took %s", name, spent)
			}
		}
	}
}
