package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// The server in memory lets keys expire at a tick, so up to that much early. A
// tick costs time in proportion to the number of keys and holds up commands;
// the pause after it is at least tickRest times as long.
const (
	tickEvery = 100 * time.Millisecond
	tickRest  = 20
)

// memory is a server in this process. It keeps time by itself, which miniredis
// leaves to its user, and listens on a unix socket, which miniredis cannot.
type memory struct {
	redis    *miniredis.Miniredis
	listener net.Listener
	dir      string // "" keeps nothing
	log      *slog.Logger
	quit     chan struct{}
	running  sync.WaitGroup
}

func startMemory(dir, socket string, log *slog.Logger) (*memory, error) {
	m := &memory{redis: miniredis.NewMiniRedis(), dir: dir, log: log, quit: make(chan struct{})}
	if dir != "" {
		if err := m.restore(); err != nil {
			return nil, err
		}
	}
	// A first connection starts the server without a listener of its own.
	conn, err := m.redis.Dial()
	if err != nil {
		return nil, fmt.Errorf("start the redis in memory: %w", err)
	}
	_ = conn.Close()
	if err := m.listen(socket); err != nil {
		m.redis.Close()
		return nil, fmt.Errorf("listen for the redis in memory: %w", err)
	}
	m.running.Go(m.serve)
	m.running.Go(m.tick)
	return m, nil
}

func (m *memory) listen(socket string) (err error) {
	if m.listener, err = (&net.ListenConfig{}).Listen(context.Background(), "unix", socket); err != nil {
		return err
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		_ = m.listener.Close()
		return err
	}
	return nil
}

func (m *memory) serve() {
	for {
		conn, err := m.listener.Accept()
		if err == nil {
			m.redis.Server().ServeConn(conn)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		m.log.Warn("the redis in memory cannot accept a connection", "error", err)
		select {
		case <-m.quit:
			return
		case <-time.After(tickEvery):
		}
	}
}

func (m *memory) tick() {
	last := time.Now()
	timer := time.NewTimer(tickEvery)
	defer timer.Stop()
	for {
		select {
		case <-m.quit:
			return
		case <-timer.C:
		}
		now := time.Now()
		m.redis.FastForward(now.Sub(last))
		last = now
		timer.Reset(max(tickEvery, tickRest*time.Since(now)))
	}
}

// restore loads the snapshot. One that is damaged is set aside, so that a
// developer is not locked out by it.
func (m *memory) restore() error {
	path := filepath.Join(m.dir, snapshotName)
	err := load(path, m.redis)
	if !errors.Is(err, errCorrupt) {
		return err
	}
	aside := path + ".corrupt"
	if err := os.Rename(path, aside); err != nil {
		return fmt.Errorf("set the damaged snapshot aside: %w", err)
	}
	m.log.Warn("the snapshot cannot be read; it is set aside, and the redis in memory starts empty", "file", aside, "error", err)
	return nil
}

func (m *memory) kind() string           { return "in memory" }
func (m *memory) durable() bool          { return false }
func (m *memory) ended() <-chan struct{} { return nil }
func (m *memory) cause() error           { return nil }

// stop ends every connection before the snapshot is taken, so that nothing is
// acknowledged that it lacks.
func (m *memory) stop(context.Context) error {
	close(m.quit)
	_ = m.listener.Close()
	m.running.Wait()
	m.redis.CtxCancel()
	m.redis.Server().Close()
	defer m.redis.Close()
	if m.dir == "" {
		return nil
	}
	left, err := save(filepath.Join(m.dir, snapshotName), m.redis)
	if err != nil {
		return fmt.Errorf("save the redis in memory: %w", err)
	}
	if left > 0 {
		m.log.Warn("the snapshot leaves out keys that are neither string, hash, list, set nor sorted set", "keys", left)
	}
	return nil
}
