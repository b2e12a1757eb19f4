package embedded_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store/embedded"
)

// What a redis-server run has stored is there in the next one.
func TestChildKeeps(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shortDir(t), "new", "data")
	s, c := start(t, embedded.Options{Dir: dir})
	if !strings.HasPrefix(s.Kind(), "redis-server ") && !strings.HasPrefix(s.Kind(), "valkey-server ") || !s.Durable() {
		t.Errorf("it is %q, durable %t", s.Kind(), s.Durable())
	}
	if err := c.Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	stop(t, s)
	stop(t, s)
	select {
	case <-s.Done():
		t.Error("Done is closed by Stop")
	default:
	}
	_, c = start(t, embedded.Options{Dir: dir})
	if got, err := c.Get(t.Context(), "key").Result(); got != "value" {
		t.Errorf("got %q, %v", got, err)
	}
}

// The server is configured for jobs, and only its user may connect.
func TestChildConfig(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	_, c := start(t, embedded.Options{Dir: dir})
	for name, want := range map[string]string{
		"port": "0", "appendonly": "yes", "appendfsync": "everysec", "save": "", "maxmemory-policy": "noeviction", "dir": dir,
	} {
		if got := c.ConfigGet(t.Context(), name).Val()[name]; got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	checkMode(t, filepath.Join(dir, "redis.sock"))
	for _, name := range []string{"redis.log", "redis.pid", "lock"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
}

func checkMode(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		t.Errorf("%s has mode %s, so that others may connect", path, info.Mode())
	}
}

// A run that was killed together with its server does not hinder the next, and
// nothing that was acknowledged is lost.
func TestChildAfterKill(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	other := otherProcess(t, dir)
	c := open(t, "unix://"+filepath.Join(dir, "redis.sock"))
	for n := range 100 {
		if err := c.RPush(t.Context(), "list", n).Err(); err != nil {
			t.Fatal(err)
		}
	}
	written(t, c)
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait()
	_, c = start(t, embedded.Options{Dir: dir})
	if n, err := c.LLen(t.Context(), "list").Result(); n != 100 {
		t.Errorf("found %d of 100, %v", n, err)
	}
}

// written waits until Redis has handed all to the operating system. While it syncs
// what was before, which a busy disk draws out, it may put that off by two seconds.
func written(t *testing.T, c redis.UniversalClient) {
	t.Helper()
	for range 500 {
		info, err := c.Info(t.Context(), "persistence").Result()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(info, "aof_buffer_length:0\r\n") {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the append-only file is not written")
}

// A server that dies is told, with the reason; Stop still gives the directory
// free.
func TestChildDies(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	s, c := start(t, embedded.Options{Dir: dir})
	info, err := c.Info(t.Context(), "server").Result()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Err(); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	_ = c.Do(t.Context(), "SHUTDOWN", "NOSAVE").Err()
	select {
	case <-s.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("Done is not closed; " + info)
	}
	if err := s.Err(); err == nil || !strings.Contains(err.Error(), "ended unexpectedly") || !strings.Contains(err.Error(), "bye bye") {
		t.Errorf("got %v", err)
	}
	stop(t, s)
	start(t, embedded.Options{Dir: dir})
}

// A server that cannot start says why, and the directory is free again.
func TestChildCannotStart(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	aof := filepath.Join(dir, "appendonlydir")
	if err := os.MkdirAll(aof, 0o700); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(aof, "appendonly.aof.manifest")
	if err := os.WriteFile(manifest, []byte("file gone.aof seq 1 type b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := embedded.Start(t.Context(), embedded.Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "gone.aof") {
		t.Errorf("got %v, want the reason from the log", err)
	}
	if err := os.RemoveAll(aof); err != nil {
		t.Fatal(err)
	}
	start(t, embedded.Options{Dir: dir})
}

// Starting ends with its context, and leaves no server behind.
func TestChildStartCancelled(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := embedded.Start(ctx, embedded.Options{Dir: dir}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	start(t, embedded.Options{Dir: dir})
}

// Stop ends a server that does not end by itself.
func TestChildStopTimeout(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	s, err := embedded.Start(t.Context(), embedded.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, s.URL())
	pid := 0
	for line := range strings.Lines(c.Info(t.Context(), "server").Val()) {
		if v, ok := strings.CutPrefix(line, "process_id:"); ok {
			for _, d := range strings.TrimSpace(v) {
				pid = pid*10 + int(d-'0')
			}
		}
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	start(t, embedded.Options{Dir: dir})
}
