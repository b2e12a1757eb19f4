package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"

	"legwork/internal/store/server"
)

const (
	logName = "redis.log"
	aofDir  = "appendonlydir"
)

// child is a redis-server or valkey-server.
type child struct {
	proc    *server.Process
	name    string
	stopped atomic.Bool
}

func startChild(ctx context.Context, path, dir, socket string) (*child, error) {
	log := filepath.Join(dir, logName)
	if err := os.Rename(log, log+".1"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("set the old log aside: %w", err)
	}
	proc, err := server.Start(path, arguments(dir, socket), log)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context) (net.Conn, error) { return dialSocket(ctx, socket) }
	if err := proc.WaitReady(ctx, dial); err != nil {
		proc.Kill()
		return nil, fmt.Errorf("start the embedded redis: %w", err)
	}
	info, err := proc.Ask(ctx, dial, "INFO server")
	if err != nil {
		proc.Kill()
		return nil, fmt.Errorf("ask %s for its version: %w", path, err)
	}
	return &child{proc: proc, name: version(info)}, nil
}

// arguments configure a server that only this process uses: no port, every
// write in the append-only file and on disk within a second, nothing evicted.
func arguments(dir, socket string) []string {
	return []string{
		"--port", "0", "--unixsocket", socket, "--unixsocketperm", "700",
		"--dir", dir, "--pidfile", filepath.Join(dir, "redis.pid"), "--daemonize", "no",
		"--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
		"--maxmemory-policy", "noeviction",
	}
}

// version reads "redis-server 7.0.15" out of INFO. Valkey gives both its own
// version and that of the Redis it is compatible with.
func version(info string) string {
	fields := map[string]string{}
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		fields[name] = value
	}
	if v := fields["valkey_version"]; v != "" {
		return "valkey-server " + v
	}
	return "redis-server " + fields["redis_version"]
}

func (c *child) kind() string           { return c.name }
func (c *child) durable() bool          { return true }
func (c *child) ended() <-chan struct{} { return c.proc.Done() }

func (c *child) cause() error {
	if c.stopped.Load() {
		return nil
	}
	return fmt.Errorf("the embedded redis ended unexpectedly: %w", c.proc.Err())
}

func (c *child) stop(ctx context.Context) error {
	c.stopped.Store(true)
	return c.proc.Stop(ctx)
}
