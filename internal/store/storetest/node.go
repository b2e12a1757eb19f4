package storetest

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"legwork/internal/store/server"
)

// portTries is how often a free port is looked for: another process may take
// one before the server does.
const portTries = 10

// Node is one redis-server process. Its methods belong to the test's goroutine.
type Node struct {
	t       testing.TB
	prepare func()          // called when the ports are chosen; may be nil
	args    func() []string // for the chosen ports
	dir     string
	tcp     bool
	tls     *tls.Config
	port    int
	bus     int // a second port, used by a Cluster
	proc    *server.Process
}

// Addr is where the node listens: host:port, or the path of a socket.
func (n *Node) Addr() string {
	if n.tcp {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(n.port))
	}
	return filepath.Join(n.dir, "redis.sock")
}

// Log returns the path of the node's log.
func (n *Node) Log() string { return filepath.Join(n.dir, "redis.log") }

// listen returns the arguments for the address; flag is that of the port.
func (n *Node) listen(flag string) []string {
	if n.tcp {
		return []string{"--bind", "127.0.0.1", flag, strconv.Itoa(n.port)}
	}
	return []string{"--port", "0", "--unixsocket", n.Addr()}
}

func (n *Node) start() {
	n.t.Helper()
	if n.dir == "" {
		n.dir = shortDir(n.t)
	}
	n.t.Cleanup(func() {
		if n.proc != nil {
			n.proc.Kill()
		}
	})
	var err error
	for range portTries {
		if n.tcp {
			n.port, n.bus = freePort(n.t), freePort(n.t)
		}
		if n.prepare != nil {
			n.prepare()
		}
		if err = n.launch(); err == nil {
			return
		}
	}
	n.t.Fatalf("storetest: %v", err)
}

func (n *Node) launch() error {
	args := n.args()
	if !slices.Contains(args, "--sentinel") {
		args = append([]string{"--dir", n.dir, "--save", "", "--daemonize", "no"}, args...)
	}
	var err error
	if n.proc, err = server.Start(find(n.t), args, n.Log()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := n.proc.WaitReady(ctx, n.dial); err != nil {
		n.proc.Kill()
		return err
	}
	return n.checkOwner(ctx)
}

// checkOwner makes sure that it was this process that answered, and not one
// that took the port.
func (n *Node) checkOwner(ctx context.Context) error {
	info, err := n.proc.Ask(ctx, n.dial, "INFO server")
	if err == nil && !strings.Contains(info, fmt.Sprintf("process_id:%d\r\n", n.proc.PID())) {
		err = fmt.Errorf("another process has port %d", n.port)
	}
	if err != nil {
		n.proc.Kill()
	}
	return err
}

func (n *Node) dial(ctx context.Context) (net.Conn, error) {
	switch {
	case n.tls != nil:
		return (&tls.Dialer{Config: n.tls}).DialContext(ctx, "tcp", n.Addr())
	case n.tcp:
		return (&net.Dialer{}).DialContext(ctx, "tcp", n.Addr())
	default:
		return (&net.Dialer{}).DialContext(ctx, "unix", n.Addr())
	}
}

// Kill ends the node with SIGKILL and returns when it is gone.
func (n *Node) Kill() { n.proc.Kill() }

// Restart starts a killed node at the same address and in the same directory,
// and returns once it answers.
func (n *Node) Restart() {
	n.t.Helper()
	var err error
	for range portTries {
		if err = n.launch(); err == nil {
			return
		}
		// Only a taken port can pass by itself; it is the kernel that says when.
		time.Sleep(100 * time.Millisecond)
	}
	n.t.Fatalf("storetest: restart: %v", err)
}

// Pause freezes the node with SIGSTOP.
func (n *Node) Pause() {
	n.t.Helper()
	if err := n.proc.Pause(); err != nil {
		n.t.Fatalf("storetest: %v", err)
	}
}

// Resume lets a paused node go on.
func (n *Node) Resume() {
	n.t.Helper()
	if err := n.proc.Resume(); err != nil {
		n.t.Fatalf("storetest: %v", err)
	}
}

// do sends a command and fails the test on an error reply.
func (n *Node) do(command string) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if _, err := n.proc.Ask(ctx, n.dial, command); err != nil {
		n.t.Fatalf("storetest: %s at %s: %v", command, n.Addr(), err)
	}
}

// until returns once the reply to the command contains all of the words.
func (n *Node) until(command string, words ...string) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		reply, err := n.proc.Ask(ctx, n.dial, command)
		if err == nil && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(reply, w) }) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			n.t.Fatalf("storetest: %s at %s: got %q, %v; want %q", command, n.Addr(), reply, err, words)
		}
	}
}

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }
