package server_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"legwork/internal/store/server"
)

// parentDir, when set, makes this binary the parent of a server in that
// directory, for a test to kill.
const parentDir = "LEGWORK_TEST_PARENT_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(parentDir); dir != "" {
		p, err := server.Start(server.Find(), args(dir), filepath.Join(dir, "log"))
		if err == nil {
			err = p.WaitReady(context.Background(), dialer(dir))
		}
		fmt.Println("ready", err)
		select {}
	}
	goleak.VerifyTestMain(m)
}

func args(dir string) []string {
	return []string{"--port", "0", "--unixsocket", filepath.Join(dir, "s"), "--dir", dir, "--save", ""}
}

func dialer(dir string) server.DialFunc {
	return func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(dir, "s"))
	}
}

func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func start(t *testing.T, dir string) *server.Process {
	t.Helper()
	p, err := server.Start(server.Find(), args(dir), filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if err := p.WaitReady(t.Context(), dialer(dir)); err != nil {
		t.Fatal(err)
	}
	return p
}

// A server is up when WaitReady returns, and gone when Stop does; what the
// terminal sends to our process group does not reach it.
func TestStartStop(t *testing.T) {
	t.Parallel()
	p := start(t, shortDir(t))
	if group, err := syscall.Getpgid(p.PID()); err != nil || group != p.PID() {
		t.Errorf("its process group is %d, %v; want its own, %d", group, err, p.PID())
	}
	if err := p.Err(); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	for range 2 {
		if err := p.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if err := p.Err(); err == nil || !strings.Contains(err.Error(), "exit status 0") || !strings.Contains(err.Error(), "Redis is now ready to exit") {
		t.Errorf("got %v", err)
	}
}

// A server that does not end in time is killed, and that is told.
func TestStopKills(t *testing.T) {
	t.Parallel()
	p := start(t, shortDir(t))
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := p.Stop(ctx); err == nil || !strings.Contains(err.Error(), "was killed") {
		t.Errorf("got %v", err)
	}
	<-p.Done()
}

// A paused server does not answer, a resumed one does.
func TestPause(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	p := start(t, dir)
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if reply, err := p.Ask(ctx, dialer(dir), "PING"); err == nil {
		t.Errorf("a paused server answered %q", reply)
	}
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	if reply, err := p.Ask(t.Context(), dialer(dir), "PING"); reply != "PONG" {
		t.Errorf("got %q, %v", reply, err)
	}
}

// A server that cannot start says why, in the words of its log.
func TestStartFails(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	p, err := server.Start(server.Find(), append(args(dir), "--maxmemory-policy", "whatever"), filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	err = p.WaitReady(t.Context(), dialer(dir))
	if err == nil || !strings.Contains(err.Error(), "maxmemory-policy") {
		t.Errorf("got %v", err)
	}
	if _, err := server.Start(filepath.Join(dir, "nothing"), nil, filepath.Join(dir, "log")); err == nil {
		t.Error("started a program that does not exist")
	}
}

// A server dies with its parent, even if that is killed with SIGKILL.
func TestDiesWithParent(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	parent := exec.CommandContext(t.Context(), os.Args[0])
	parent.Env = append(os.Environ(), parentDir+"="+dir)
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	if n, err := out.Read(buf); err != nil || string(buf[:n]) != "ready <nil>\n" {
		t.Fatalf("the parent says %q, %v", buf[:n], err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		conn, err := dialer(dir)(ctx)
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	if ctx.Err() != nil {
		t.Error("the server is still there")
	}
}
