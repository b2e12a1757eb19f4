package configs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/configs"
)

// Promise: without any source the configuration is Default.
func TestLoadNothing(t *testing.T) {
	t.Parallel()
	got, err := configs.Load(configs.Source{})
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, configs.Default()) {
		t.Errorf("got %+v, want the defaults", got)
	}
}

// Promise: the defaults pass the checks, and each call returns its own copy.
func TestDefault(t *testing.T) {
	t.Parallel()
	c := configs.Default()
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.Worker.Queues["more"] = 1
	c.Roles[0] = "other"
	if d := configs.Default(); len(d.Worker.Queues) != 1 || d.Roles[0] != configs.RoleAPI {
		t.Error("changing one default changed the next")
	}
}

// Promise: file < environment < flags, key by key.
func TestLoadPrecedence(t *testing.T) {
	t.Parallel()
	path := write(t, "http: {addr: ':1', read_timeout: 1s, idle_timeout: 1s}\nworker: {concurrency: 1}\n")
	got, err := configs.Load(configs.Source{
		Path:  path,
		Env:   []string{"LEGWORK_HTTP_ADDR=:2", "LEGWORK_HTTP_READ_TIMEOUT=2s", "LEGWORK_LOG_LEVEL=warn"},
		Flags: map[string]string{"http.addr": ":3", "log.format": "json"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := configs.Default()
	want.HTTP.Addr = ":3"
	want.HTTP.ReadTimeout = 2 * time.Second
	want.HTTP.IdleTimeout = time.Second
	want.Worker.Concurrency = 1
	want.Log = configs.Log{Level: "warn", Format: "json"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// Promise: a list or map replaces the one below it, it does not add to it.
func TestLoadReplacesCollections(t *testing.T) {
	t.Parallel()
	path := write(t, `
roles: [api, worker]
worker:
  queues: {critical: 6, 7: 2}
handlers:
  http_request:
    allow_cidrs: [10.0.0.0/8, fd00::/8]
`)
	got, err := configs.Load(configs.Source{Path: path, Env: []string{"LEGWORK_HANDLERS_HTTP_REQUEST_TIMEOUT=5s"}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"critical": 6, "7": 2}, got.Worker.Queues); diff != "" {
		t.Error(diff)
	}
	wantCIDRs := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	if !reflect.DeepEqual(got.Handlers.HTTPRequest.AllowCIDRs, wantCIDRs) {
		t.Errorf("allow_cidrs = %v, want %v", got.Handlers.HTTPRequest.AllowCIDRs, wantCIDRs)
	}

	got, err = configs.Load(configs.Source{
		Path:  path,
		Env:   []string{"LEGWORK_WORKER_QUEUES=low:1, high:9", "LEGWORK_ROLES=worker"},
		Flags: map[string]string{"handlers.http_request.allow_cidrs": "192.168.0.0/16"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]int{"low": 1, "high": 9}, got.Worker.Queues); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"worker"}, got.Roles); diff != "" {
		t.Error(diff)
	}
	if got := got.Handlers.HTTPRequest.AllowCIDRs; len(got) != 1 || got[0].String() != "192.168.0.0/16" {
		t.Errorf("allow_cidrs = %v, want the flag's", got)
	}
}

// Promise: keys and sections without a value, and empty files, mean the default.
func TestLoadNulls(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "\n\n", "# nothing\n", "---\n", "---\n...\n", "null\n", "~", "\ufeff", "{}",
		"http:\nredis:\n  # url: x\nworker: ~\n", "roles:\nhttp: {addr: null, body_limit: }\nworker: {queues: }\n",
		"---\nlog: {level: info}\n---\n",
		"log:\r\n  level: info\r\n",
		"\ufefflog: {level: info}",
	} {
		got, err := load(t, text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		} else if !reflect.DeepEqual(got, configs.Default()) {
			t.Errorf("%q: got %+v, want the defaults", text, got)
		}
	}
}

// Promise: a file that is named must be readable, and the cause can be told.
func TestLoadUnreadable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "none.yaml")
	_, err := configs.Load(configs.Source{Path: path})
	wantError(t, err, "none.yaml: cannot be read: no such file or directory [fix: create it, or name another file]")
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("errors.Is(%v, fs.ErrNotExist) = false", err)
	}
	_, err = configs.Load(configs.Source{Path: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("loading a folder: %v", err)
	}
}

// Promise: errors.As finds the first Error; the Config is zero beside an error.
func TestLoadErrorType(t *testing.T) {
	t.Parallel()
	c, err := load(t, "http:\n  addr: 8080\nwat: 1\n")
	if !reflect.DeepEqual(c, configs.Config{}) {
		t.Errorf("config beside an error is %+v, want the zero value", c)
	}
	var e *configs.Error
	if !errors.As(err, &e) {
		t.Fatalf("errors.As found no *configs.Error in %v", err)
	}
	if e.Line != 2 || e.Column != 9 || e.Key != "http.addr" || filepath.Base(e.File) != "legwork.yaml" {
		t.Errorf("first error is at %s:%d:%d %s, want legwork.yaml:2:9 http.addr", e.File, e.Line, e.Column, e.Key)
	}
}

// Promise: all mistakes of all layers are reported at once, in a stable order.
func TestLoadReportsEverything(t *testing.T) {
	t.Parallel()
	path := write(t, `roles: [api, wroker]
http:
  adr: ":80"
  read_timeout: 30
  write_timeout: 30s
worker:
  concurrency: 20000
  queues: {Crit: 6, default: 0, low: x}
redis:
  tls: {cert_file: a.pem}
`)
	_, err := configs.Load(configs.Source{
		Path:  path,
		Env:   []string{"LEGWORK_LOG_LEVL=x", "LEGWORK_LOG_FORMAT=xml"},
		Flags: map[string]string{"http.addr": "80"},
	})
	want := []string{
		"legwork.yaml:1:14: roles[1]: must be api, worker, scheduler or dashboard, not wroker [fix: write worker]",
		"legwork.yaml:3:3: http.adr: unknown key [fix: write addr]",
		"legwork.yaml:4:17: http.read_timeout: must be a duration with a unit, not 30 [fix: write 30s for seconds]",
		"legwork.yaml:5:18: http.write_timeout: must be 61s to 1h, not 30s [fix: write at least 61s (how long a request may take to be answered; must exceed the longest Prefer: wait, 60s)]",
		"legwork.yaml:7:16: worker.concurrency: must be 0 to 10000, not 20000 [fix: write at most 10000 (jobs run at the same time; 0 means 10 per CPU)]",
		`legwork.yaml:8:12: worker.queues."Crit": must have queue names of 1 to 64 lower-case letters, digits, _ and -, not "Crit" [fix: rename the queue]`,
		"legwork.yaml:8:21: worker.queues.default: must have a weight of 1 to 100, not 0 [fix: write 1 for the least important queue, more for others]",
		"legwork.yaml:8:38: worker.queues.low: must be a whole number, not x [fix: write decimal digits only, without quotes, such as 10]",
		"legwork.yaml:10:20: redis.tls.cert_file: redis.tls.cert_file and redis.tls.key_file must be set together [fix: set the other one too, or neither]",
		"LEGWORK_LOG_LEVL: unknown variable [fix: use LEGWORK_LOG_LEVEL]",
		"LEGWORK_LOG_FORMAT: log.format: must be text or json, not xml [fix: write text or json]",
		"--http-addr: http.addr: must be host:port, not 80 [fix: write an address such as 127.0.0.1:8080, or :8080 for all interfaces]",
	}
	if diff := cmp.Diff(want, lines(t, err)); diff != "" {
		t.Error(diff)
	}
}

// Promise: mistakes outside the file are reported too when it is not YAML.
func TestLoadReportsBesideSyntax(t *testing.T) {
	t.Parallel()
	_, err := configs.Load(configs.Source{
		Path:  write(t, "log: {level: info\n"),
		Env:   []string{"LEGWORK_WORKER_CONCURRENCY=many"},
		Flags: map[string]string{"nope": "1"},
	})
	if got := lines(t, err); len(got) != 3 || !strings.HasPrefix(got[0], "legwork.yaml:1:6: is not valid YAML") {
		t.Errorf("got %q, want an error of the file, of the variable and of the flag", got)
	}
}

// Promise: an error about the file shows the line with a caret below the place.
func TestErrorExcerpt(t *testing.T) {
	t.Parallel()
	_, err := load(t, "worker:\n  concurrency: 20000 # many\n")
	want := "     2 |   concurrency: 20000 # many\n" +
		"       |                ^"
	if !strings.HasSuffix(err.Error(), "\n"+want) {
		t.Errorf("got\n%v\nwant it to end in\n%s", err, want)
	}
}

// Promise: a file of another kind does not flood the terminal, and all of its
// mistakes can still be had.
func TestErrorsAreCut(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for i := range 60 {
		fmt.Fprintf(&text, "name%d: 1\n", i)
	}
	_, err := load(t, text.String())
	if got := err.Error(); !strings.HasSuffix(got, "\nand 10 more mistakes") || strings.Count(got, "unknown key") != 50 {
		t.Errorf("got\n%s\nwant 50 errors and the number of the others", got)
	}
	if n := len(lines(t, err)); n != 60 {
		t.Errorf("%d errors, want 60", n)
	}
}
