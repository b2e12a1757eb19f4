package cmd

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

const deadJob = `{"id":"d","type":"email.send","queue":"mail","state":"archived","timeout":"1m","retention":"1h","payload":{"to":"old"}}`

// desk is a server with jobs to edit, which remembers what it was sent.
type desk struct {
	mu     sync.Mutex
	sent   []string // guarded by mu
	refuse string   // answer to every edit, "" accepts
}

func (k *desk) handle(w http.ResponseWriter, r *http.Request) {
	raw, _ := io.ReadAll(r.Body)
	call := r.Method + " " + r.URL.Path
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.Method != http.MethodGet {
		k.sent = append(k.sent, strings.TrimSpace(call+" "+string(raw)))
		if k.refuse != "" {
			reply(w, k.refuse)
			return
		}
	}
	reply(w, map[string]string{
		"GET /v1/jobs/d": deadJob, "GET /v1/jobs/w": strings.NewReplacer(`"d"`, `"w"`, "archived", "scheduled").Replace(deadJob),
		"POST /v1/jobs/d/retry": `202 {"id":"n","state":"pending","queue":"mail","timeout":"1m","retention":"1h","retried_from":"d"}`,
		"PATCH /v1/jobs/w":      `{"id":"w","state":"scheduled","timeout":"1m","retention":"1h"}`,
		"GET /v1/jobs/none":     missingJSON,
	}[call])
}

// take returns what was sent since the last time.
func (k *desk) take() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	all := strings.Join(k.sent, "\n")
	k.sent = nil
	return all
}

// Promise: a dead letter is retried as the flags say, with a payload from anywhere; the
// copy is told apart from the job.
func TestJobsRetryEdited(t *testing.T) {
	t.Parallel()
	k := &desk{}
	s := newShell(t, k.handle)
	file := filepath.Join(t.TempDir(), "p.json")
	if err := os.WriteFile(file, []byte(`{"to": "file"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s.want(output{exitOK, "n pending\n", "d stays as it is; its edited copy is n in queue mail, pending\n"}, "jobs", "retry", "d", "--payload", `{"to":"<new>"}`, "--front")
	if sent, want := k.take(), `POST /v1/jobs/d/retry {"payload":{"to":"<new>"},"front":true}`; sent != want {
		t.Errorf("sent %s, want %s", sent, want)
	}
	s.stdin = strings.NewReader(`[1]`)
	for _, test := range []struct{ want, flags string }{
		{`{"payload":{"to":"file"}}`, "--payload @" + file},
		{`{"payload":[1]}`, "--payload -"},
		{`{"queue":"q","delay":"1m30s","max_retries":0}`, "--to q --delay 90s --max-retries 0"},
		{`{"run_at":"2030-01-31T08:00:00Z"}`, "--run-at 2030-01-31T08:00:00Z"},
		{`{"front":true}`, "--front"},
	} {
		if got := s.run(append([]string{"jobs", "retry", "d", "--json"}, strings.Fields(test.flags)...)...); got.code != exitOK || !strings.HasPrefix(got.out, `{"id":"n"`) {
			t.Errorf("%s: %+v", test.flags, got)
		}
		if sent := k.take(); sent != "POST /v1/jobs/d/retry "+test.want {
			t.Errorf("%s sent %s, want %s", test.flags, sent, test.want)
		}
	}
	k.refuse = `422 {"code":"invalid_payload","detail":"no","errors":[{"pointer":"/payload/to","detail":"is not a mail address"}]}`
	s.wantError(exitRefused, "/payload/to", "jobs", "retry", "d", "--payload", "{}")
	k.take()
	for part, args := range map[string]string{
		"give one ID":               "a b --payload {}",
		"in place of --filter":      "--filter queue=q --payload {}",
		"is not JSON":               "d --payload {",
		"--run-at":                  "d --run-at tomorrow",
		"name a file":               "d --payload @",
		"no such file":              "d --payload @/nowhere/at/all",
		"none of the others can be": "d --run-at 2030-01-31T08:00:00Z --delay 1s",
	} {
		s.wantError(exitUsage, part, append([]string{"jobs", "retry"}, strings.Fields(args)...)...)
	}
	if sent := k.take(); sent != "" {
		t.Errorf("wrong usage sent %s", sent)
	}
}

// Promise: edit opens the payload in the person's editor and sends what has changed of
// it, in place for a job that waits; what is refused is kept.
func TestJobsEdit(t *testing.T) {
	t.Parallel()
	k := &desk{}
	s := newShell(t, k.handle)
	s.terminal, s.env["NO_COLOR"] = true, "1"
	s.env["EDITOR"] = "sed -i s/old/new/"
	for id, want := range map[string]string{"d": `POST /v1/jobs/d/retry {"payload":{"to":"new"}}`, "w": `PATCH /v1/jobs/w {"payload":{"to":"new"}}`} {
		if got := s.run("jobs", "edit", id); got.code != exitOK {
			t.Errorf("%s: %+v", id, got)
		}
		if sent := k.take(); sent != want {
			t.Errorf("%s sent %s, want %s", id, sent, want)
		}
	}
	for editor, want := range map[string]string{"true": "unchanged", "sed -i s/:/:\\ \\ /": "unchanged"} {
		s.env["VISUAL"] = editor
		if got := s.run("jobs", "edit", "d"); got.code != exitOK || got.out != "" || !strings.Contains(got.err, want) {
			t.Errorf("%s: %+v", editor, got)
		}
	}
	kept := func(code exitCode, part string) {
		t.Helper()
		got := s.run("jobs", "edit", "d")
		at := regexp.MustCompile(`your text is kept in (\S+\.json)`).FindStringSubmatch(got.err)
		if got.code != code || !strings.Contains(got.err, part) || at == nil {
			t.Fatalf("got %+v, want %d and %q", got, code, part)
		}
		if _, err := os.Stat(at[1]); err != nil {
			t.Error(err)
		}
		_ = os.Remove(at[1])
	}
	s.env["VISUAL"] = "false"
	kept(exitUsage, `editor "false"`)
	s.env["VISUAL"] = "sed -i s/}//"
	kept(exitUsage, "is not JSON")
	if sent := k.take(); sent != "" {
		t.Errorf("sent %s", sent)
	}
	s.env["VISUAL"], k.refuse = "", refusedJSON
	kept(exitRefused, "the job is active")
	s.wantError(exitNotFound, "no job has this id", "jobs", "edit", "none")
	s.terminal = false
	s.wantError(exitUsage, "give --payload", "jobs", "edit", "d")
	s.wantError(exitUsage, "needs one ID", "jobs", "edit")
	s.wantError(exitUsage, "is empty", "jobs", "edit", "")
	k.take()
	k.refuse = ""
	s.want(output{exitOK, "w scheduled\n", ""}, "jobs", "edit", "w", "--payload", "[]", "--delay", "10m")
	if sent := k.take(); sent != `PATCH /v1/jobs/w {"payload":[],"delay":"10m0s"}` {
		t.Errorf("sent %s", sent)
	}
}
