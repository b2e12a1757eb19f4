package cmd

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"legwork/client"
	"legwork/internal/store/storetest"
)

const exportEnd = `{"complete":true,"jobs":2}` + "\n"

// exporter answers an export with a text.
func exporter(t *testing.T, text string) *shell {
	return newShell(t, routes(t, map[string]string{"GET /v1/jobs/export?queue=mail&state=archived": text}))
}

// files lists a directory, temporary files too.
func files(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// Promise: an export goes to stdout or to a new file, compressed if its name says so,
// without the line that ends it on the wire.
func TestExportCommand(t *testing.T) {
	t.Parallel()
	const lines = "{\"id\":\"a\"}\n{\"id\":\"b\"}\n"
	s := exporter(t, lines+exportEnd)
	s.want(output{exitOK, lines, "2 exported\n"}, "jobs", "export", "--queue", "mail")
	dir := t.TempDir()
	plain, zipped := filepath.Join(dir, "a.ndjson"), filepath.Join(dir, "a.ndjson.gz")
	s.want(output{exitOK, "", "2 exported to " + plain + "\n"}, "jobs", "export", "--queue", "mail", "-o", plain)
	s.want(output{exitOK, fmt.Sprintf("{\"file\":%q,\"jobs\":2}\n", zipped), ""}, "jobs", "export", "--queue", "mail", "-o", zipped, "--json")
	if raw, err := os.ReadFile(plain); string(raw) != lines {
		t.Errorf("%q %v", raw, err)
	}
	f, err := os.Open(zipped)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if raw, err := io.ReadAll(z); string(raw) != lines || err != nil {
		t.Errorf("%q %v", raw, err)
	}
	if info, err := os.Stat(plain); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v: dead letters are their owner's alone (%v)", info.Mode(), err)
	}
	s.wantError(exitUsage, "exists; name a new file", "jobs", "export", "--queue", "mail", "-o", plain)
	s.wantError(exitUsage, "no such file or directory", "jobs", "export", "--queue", "mail", "-o", filepath.Join(dir, "none", "a"))
	if got := files(t, dir); len(got) != 2 {
		t.Errorf("files %q", got)
	}
}

// Promise: an export that does not arrive whole is an error, and leaves no file.
func TestExportCommandCutOff(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		code exitCode
		part string
	}{
		"{\"id\":\"a\"}\n":             {exitFailure, "cut off after 1 jobs"},
		"{\"id\":\"a\"}\n{\"id\":":     {exitFailure, "cut off after 1 jobs"},
		"{\"id\":\"a\"}\n" + exportEnd: {exitFailure, "1 of 2 jobs came"},
		"{\"id\":\"a\"}\n{\"complete\":false,\"jobs\":1,\"error\":{\"status\":503,\"code\":\"unavailable\",\"detail\":\"Redis cannot be reached\"}}\n": {exitUnreachable, "Redis cannot be reached"},
		downJSON: {exitUnreachable, "Redis cannot be reached"},
	} {
		s, dir := exporter(t, text), t.TempDir()
		s.wantError(want.code, want.part, "jobs", "export", "--queue", "mail", "-o", filepath.Join(dir, "x.gz"))
		if got := files(t, dir); len(got) != 0 {
			t.Errorf("%q leaves %q", text, got)
		}
	}
}

// Promise: an import tells of each failed line, counts all, and ends with 6 if there
// was one; skipped lines are no failure.
func TestImportCommand(t *testing.T) {
	t.Parallel()
	var answer string
	var sent []string
	s := newShell(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		sent = append(sent, r.Method+" "+r.URL.Path+" "+string(raw))
		reply(w, answer)
	})
	path := filepath.Join(t.TempDir(), "x.ndjson")
	if err := os.WriteFile(path, []byte("lines\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	skipped := `{"line":1,"id":"a","error":{"status":409,"code":"conflict","detail":"exists"}}`
	answer = `{"imported":5,"skipped":1,"failed":0,"errors":[` + skipped + `]}`
	s.want(output{exitOK, "", "5 imported, 1 skipped, 0 failed (skipped: a job has the id already)\n"}, "jobs", "import", path)
	answer = `{"imported":5,"skipped":1,"failed":2,"errors":[` + skipped + `,{"line":3,"error":{"status":400,"code":"invalid_json","detail":"the line is not valid JSON"}}]}`
	s.stdin = strings.NewReader("more\n")
	s.want(output{exitRefused, "", "line 3: the line is not valid JSON (400 invalid_json)\n1 more lines failed\n5 imported, 1 skipped, 2 failed (skipped: a job has the id already)\n"}, "jobs", "import", "-")
	s.want(output{exitRefused, answer + "\n", ""}, "jobs", "import", path, "--json")
	answer = downJSON
	s.wantError(exitUnreachable, "Redis cannot be reached", "jobs", "import", path)
	want := []string{"POST /v1/jobs/import lines\n", "POST /v1/jobs/import more\n", "POST /v1/jobs/import lines\n", "POST /v1/jobs/import lines\n"}
	if strings.Join(sent, "|") != strings.Join(want, "|") {
		t.Errorf("sent %q", sent)
	}
	s.wantError(exitUsage, "no such file", "jobs", "import", path+"x")
	s.wantError(exitUsage, "is a directory", "jobs", "import", t.TempDir())
	s.wantError(exitUsage, "one FILE", "jobs", "import")
}

// Promise: an export on the server is an action that is followed to its end, and tells
// where the file is; flags of the one kind of export do not go with the other.
func TestExportOnServer(t *testing.T) {
	t.Parallel()
	k := &taker{answer: `202 {"id":"a1","action":"export","state":"done","filter":{"state":"archived","queue":"mail"},"done":3,"files":["/var/x.ndjson.gz"],"created_at":"2030-01-31T11:59:00Z"}`}
	s := newShell(t, k.handle)
	got := s.run("jobs", "export", "--queue", "mail", "--on-server", "--rate", "500/s")
	if got.code != exitOK || !strings.Contains(got.out, "files      /var/x.ndjson.gz\n") {
		t.Errorf("got %+v", got)
	}
	if want := `{"action":"export","filter":{"state":"archived","queue":"mail"},"rate":500}`; k.body != want {
		t.Errorf("asked for %s, want %s", k.body, want)
	}
	s.wantError(exitUsage, "names a file here", "jobs", "export", "--on-server", "-o", "x")
	s.wantError(exitUsage, "--rate goes with --on-server", "jobs", "export", "--rate", "1/s")
	s.wantError(exitUsage, `--rate "x"`, "jobs", "export", "--on-server", "--rate", "x")
}

// Promise: the server writes an export itself, tells the file's path, and an import
// takes the file; what goes with a file here does not go with one there.
func TestExportOnServerComesBack(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	server := launch(t, []string{"LEGWORK_DEAD_LETTERS_ARCHIVE_DIR=" + dir}, "dev", "--redis-url", storetest.Redis(t).URL, "--http-addr", "127.0.0.1:0")
	server.says(t, "Stop with Ctrl-C.")
	url := addressOf(t, server)
	legwork := func(code int, args ...string) *process {
		t.Helper()
		p := launch(t, nil, append([]string{"--server", url}, args...)...)
		if got := p.exit(t); got != code {
			t.Fatalf("legwork %v ends with %d: %s%s", args, got, p.stdout.String(), p.stderr.String())
		}
		return p
	}
	for _, id := range []string{"a", "b"} {
		legwork(0, "enqueue", "hello.greet", "--id", id, "--delay", "1h")
		legwork(0, "jobs", "archive", id)
	}
	out := decoded[client.Action](t, legwork(0, "jobs", "export", "--queue", "default", "--on-server", "--json").stdout.String())
	if out.State != client.ActionDone || out.Done != 2 || len(out.Files) != 1 || filepath.Dir(out.Files[0]) != dir {
		t.Fatalf("%+v", out)
	}
	if got := legwork(0, "actions", "show", out.ID).stdout.String(); !strings.Contains(got, "files      "+out.Files[0]) {
		t.Errorf("shown:\n%s", got)
	}
	legwork(0, "jobs", "delete", "a", "b")
	if got := legwork(0, "jobs", "import", out.Files[0]).stderr.String(); got != "2 imported, 0 skipped, 0 failed\n" {
		t.Errorf("import: %s", got)
	}
	legwork(int(exitUsage), "jobs", "export", "--queue", "default", "--rate", "5/s")
	legwork(int(exitUsage), "jobs", "export", "--queue", "default", "--on-server", "-o", "x")
}
