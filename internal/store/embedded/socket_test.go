package embedded_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"legwork/internal/store/embedded"
	"legwork/internal/store/server"
)

// A server whose parent was killed where the kernel does not end it with that
// is shut down before the next one starts, and keeps what it had.
func TestChildOrphan(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	s, c := start(t, embedded.Options{Dir: dir})
	if err := c.Set(t.Context(), "key", "value", 0).Err(); err != nil {
		t.Fatal(err)
	}
	stop(t, s)
	socket := filepath.Join(dir, "redis.sock")
	orphan, err := server.Start(server.Find(), []string{"--port", "0", "--unixsocket", socket, "--dir", dir, "--appendonly", "yes"}, filepath.Join(dir, "orphan.log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(orphan.Kill)
	err = orphan.WaitReady(t.Context(), func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, c = start(t, embedded.Options{Dir: dir})
	select {
	case <-orphan.Done():
	default:
		t.Error("the orphan still runs")
	}
	if got, err := c.Get(t.Context(), "key").Result(); got != "value" {
		t.Errorf("got %q, %v", got, err)
	}
}

// Stale files of a crashed run are no hindrance: a socket, a link to one.
func TestChildStaleSocket(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(path string) error{
		"socket": func(path string) error {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
			if err != nil {
				return err
			}
			l.SetUnlinkOnClose(false)
			return l.Close()
		},
		"link": func(path string) error { return os.Symlink("/nowhere/legwork-1/redis.sock", path) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := shortDir(t)
			if err := leave(filepath.Join(dir, "redis.sock")); err != nil {
				t.Fatal(err)
			}
			_, c := start(t, embedded.Options{Dir: dir})
			if err := c.Ping(t.Context()).Err(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A directory whose path is too long for a socket works, and the link in it
// leads to the socket while the server runs.
func TestChildLongDir(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shortDir(t), strings.Repeat("long", 30))
	for _, inMemory := range []bool{false, true} {
		s, c := start(t, embedded.Options{Dir: dir, InMemory: inMemory})
		if err := c.Ping(t.Context()).Err(); err != nil {
			t.Error(err)
		}
		link := filepath.Join(dir, "redis.sock")
		target, err := os.Readlink(link)
		if err != nil || s.URL() != "unix://"+target {
			t.Errorf("the link leads to %q, %v; the URL is %s", target, err, s.URL())
		}
		stop(t, s)
		for _, p := range []string{link, filepath.Dir(target)} {
			if _, err := os.Lstat(p); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is left: %v", p, err)
			}
		}
	}
}
