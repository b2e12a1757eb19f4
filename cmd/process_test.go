package cmd

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"legwork/configs"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// stream is a stream that a test reads while a command writes it.
type stream struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (o *stream) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *stream) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// process is a run of the whole program in this process.
type process struct {
	stdout, stderr stream
	ended          chan int
	stop           context.CancelFunc
}

func hello(r *jobs.Registry, _ configs.Config) {
	jobs.Handle(r, "hello.greet", func(context.Context, struct{}) (string, error) { return "Hello!", nil }, jobs.Options{})
	jobs.Handle(r, "hello.tell", tell, jobs.Options{})
}

type telling struct {
	Fail bool `json:"fail"`
}

// tell logs two lines and reports progress, and then fails for good if it is to.
func tell(ctx context.Context, t telling) (struct{}, error) {
	jobs.Logger(ctx).InfoContext(ctx, "first", slog.Int("n", 1))
	jobs.Progress(ctx, 1, 2)
	jobs.Logger(ctx).WarnContext(ctx, "second")
	if t.Fail {
		return struct{}{}, jobs.Permanent(errors.New("told to"))
	}
	return struct{}{}, nil
}

// launch runs the program with the arguments until the test ends.
func launch(t *testing.T, environ []string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &process{ended: make(chan int, 1), stop: cancel}
	env := &environment{
		args: args, stdin: strings.NewReader(""), stdout: &p.stdout, stderr: &p.stderr,
		getenv: func(string) string { return "" }, isTerminal: func(any) bool { return false }, now: time.Now,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.ended <- run(ctx, env, environ, hello)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return p
}

// exit waits for the program's end and returns its code.
func (p *process) exit(t *testing.T) int {
	t.Helper()
	select {
	case code := <-p.ended:
		return code
	case <-time.After(30 * time.Second):
		t.Fatalf("still running:\n%s", p.stderr.String())
		return -1
	}
}

// says waits until stderr contains the text.
func (p *process) says(t *testing.T, text string) {
	t.Helper()
	p.stderr.shows(t, text)
}

// shows waits until the stream contains the text.
func (o *stream) shows(t *testing.T, text string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !strings.Contains(o.String(), text) {
		if time.Now().After(deadline) {
			t.Fatalf("%q is missing in\n%s", text, o.String())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// legwork serve works until it is told to stop, and then ends well.
func TestServe(t *testing.T) {
	t.Parallel()
	redis := storetest.Redis(t)
	p := launch(t, []string{"LEGWORK_REDIS_URL=" + redis.URL}, "serve", "--http-addr", "127.0.0.1:0")
	p.says(t, "legwork is ready")
	p.stop()
	if code := p.exit(t); code != int(exitOK) {
		t.Errorf("exit code %d\n%s", code, p.stderr.String())
	}
}

// What keeps a process from starting is said with its remedy and an exit code of
// its own.
func TestStartFailures(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	bad := filepath.Join(t.TempDir(), "legwork.yaml")
	if err := os.WriteFile(bad, []byte("http:\n  adr: 127.0.0.1:1\nworker:\n  concurrency: -3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	gone := "unix://" + filepath.Join(t.TempDir(), "none.sock")
	for name, c := range map[string]struct {
		args []string
		code exitCode
		says []string
	}{
		"redis absent": {
			[]string{"serve", "--http-addr", "127.0.0.1:0", "--redis-url", gone, "--redis-start-timeout", "300ms"},
			exitUnreachable, []string{"redis", "none.sock"},
		},
		"redis embedded": {[]string{"serve", "--redis-url", "embedded"}, exitConfig, []string{"only legwork dev"}},
		"port taken": {
			[]string{"serve", "--http-addr", taken.Addr().String()}, exitTaken,
			[]string{"address already in use", "--http-addr"},
		},
		"bad file":       {[]string{"serve", "--config", bad}, exitConfig, []string{bad + ":2:3", `addr`, bad + ":4:16", "worker.concurrency"}},
		"no file":        {[]string{"serve", "--config", "/nonexistent.yaml"}, exitConfig, []string{"/nonexistent.yaml"}},
		"bad flag value": {[]string{"serve", "--http-read-timeout", "30"}, exitConfig, []string{"--http-read-timeout", "30s"}},
		"unknown flag":   {[]string{"serve", "--http-adr", "x"}, exitUsage, []string{"did you mean --http-addr"}},
		"arguments":      {[]string{"serve", "now"}, exitUsage, []string{"now"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := launch(t, nil, c.args...)
			if code := p.exit(t); code != int(c.code) {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			for _, text := range c.says {
				if !strings.Contains(p.stderr.String(), text) {
					t.Errorf("stderr lacks %q:\n%s", text, p.stderr.String())
				}
			}
		})
	}
}

// legwork dev runs a job with nothing installed, keeps it for the next run, and a
// second one in the same directory is refused.
func TestDev(t *testing.T) {
	for _, mode := range []struct {
		name string
		args []string
		says string
	}{
		{"redis-server on PATH", nil, "redis-server"},
		{"in memory", []string{"--in-memory"}, "in memory, development only"},
	} {
		t.Run(mode.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			args := append([]string{"dev", "--http-addr", "127.0.0.1:0"}, mode.args...)
			first := launch(t, nil, args...)
			first.says(t, "Stop with Ctrl-C.")
			first.says(t, mode.says)
			api := addressOf(t, first)
			done := launch(t, nil, "--server", api, "enqueue", "hello.greet", "--id", "greeting", "--wait", "20s")
			if code := done.exit(t); code != 0 || !strings.Contains(done.stdout.String(), "Hello!") {
				t.Fatalf("exit code %d, stdout %q, stderr %q", code, done.stdout.String(), done.stderr.String())
			}
			second := launch(t, nil, args...)
			if code := second.exit(t); code != int(exitTaken) || !strings.Contains(second.stderr.String(), "in use by process") {
				t.Errorf("second dev: exit code %d, %s", code, second.stderr.String())
			}
			first.stop()
			if code := first.exit(t); code != 0 {
				t.Fatalf("exit code %d\n%s", code, first.stderr.String())
			}
			third := launch(t, nil, args...)
			third.says(t, "Stop with Ctrl-C.")
			kept := launch(t, nil, "--server", addressOf(t, third), "jobs", "get", "greeting")
			if code := kept.exit(t); code != 0 || !strings.Contains(kept.stdout.String(), "completed") {
				t.Errorf("the job of the first run: exit code %d, %s%s", code, kept.stdout.String(), kept.stderr.String())
			}
			third.stop()
			third.exit(t)
		})
	}
}

func addressOf(t *testing.T, p *process) string {
	t.Helper()
	_, rest, ok := strings.Cut(p.stderr.String(), "Dashboard")
	fields := strings.Fields(rest)
	if !ok || len(fields) == 0 {
		t.Fatalf("no address in %s", p.stderr.String())
	}
	return strings.TrimSuffix(fields[0], "/")
}

// config check prints what is in force without secrets; config keys lists every key.
func TestConfigCommands(t *testing.T) {
	t.Parallel()
	environ := []string{"LEGWORK_REDIS_URL=redis://ada:hunter2@db:6379/0", "LEGWORK_HANDLERS_EMAIL_SEND_USERNAME=u", "LEGWORK_HANDLERS_EMAIL_SEND_PASSWORD=hunter2"}
	check := launch(t, environ, "config", "check", "--http-addr", ":9999")
	if code := check.exit(t); code != 0 || !strings.Contains(check.stdout.String(), "9999") || !strings.Contains(check.stderr.String(), "no mistakes") {
		t.Errorf("exit code %d\n%s%s", code, check.stdout.String(), check.stderr.String())
	}
	if strings.Contains(check.stdout.String()+check.stderr.String(), "hunter2") {
		t.Errorf("a secret is printed:\n%s", check.stdout.String())
	}
	keys := launch(t, nil, "config", "keys")
	if code := keys.exit(t); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, k := range configs.Keys() {
		if !strings.Contains(keys.stdout.String(), k.Env) {
			t.Errorf("config keys lacks %s", k.Env)
		}
	}
}
