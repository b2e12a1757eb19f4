// Package embedded is the Redis of `legwork dev` where none is installed or
// configured: a private redis-server or valkey-server if one is on PATH, else a
// server inside this process. Both listen on a unix socket that only the user
// may open, and never on a port.
//
// What lies in the data directory:
//
//	lock                held while the server runs; the holder's process id
//	redis.sock          the socket, or a link to it where the path is too long for one
//	redis.log, .1       what the redis-server printed, this run and the one before
//	redis.pid           its process id
//	appendonlydir/      its jobs
//	memory.snapshot     jobs of the server in this process, written when it stops
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"sync"

	"legwork/internal/store/server"
)

// Options says where the server keeps its data.
type Options struct {
	// Dir is the data directory; it is created if missing. Required, but with
	// InMemory it may be empty: then nothing is locked and nothing is kept.
	Dir string
	// Log gets warnings, such as a snapshot that cannot be read. Defaults to
	// none.
	Log *slog.Logger
	// InMemory runs the server in this process even if a redis-server is on
	// PATH.
	InMemory bool
}

// Server is a running embedded Redis.
type Server struct {
	lock    *Lock
	socket  socket
	backend backend

	done     chan struct{}
	err      error // read after done
	stopOnce sync.Once
	stopErr  error
}

// backend is what answers on the socket.
type backend interface {
	kind() string
	durable() bool
	// ended is closed when the backend has ended by itself; nil if it cannot.
	ended() <-chan struct{}
	// cause says why, after ended.
	cause() error
	stop(ctx context.Context) error
}

// Start runs a server and returns once it answers. It returns a [*LockedError]
// if another process uses the directory. The context bounds the start only.
func Start(ctx context.Context, o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	path := ""
	if !o.InMemory {
		path = server.Find()
	}
	s := &Server{done: make(chan struct{})}
	if o.Dir == "" && !o.InMemory {
		return nil, errors.New("the embedded redis has no data directory; name one")
	}
	if o.Dir != "" {
		dir, err := filepath.Abs(o.Dir)
		if err != nil {
			return nil, fmt.Errorf("data directory %q: %w", o.Dir, err)
		}
		if s.lock, err = Acquire(dir); err != nil {
			return nil, err
		}
		o.Dir = dir
	}
	if err := s.start(ctx, o, path); err != nil {
		s.socket.remove()
		return nil, errors.Join(err, s.lock.Release())
	}
	if ended := s.backend.ended(); ended != nil {
		go s.watch(ended)
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, o Options, path string) (err error) {
	if o.Dir != "" {
		if err := clearSocket(ctx, o.Dir); err != nil {
			return err
		}
	}
	if s.socket, err = newSocket(o.Dir); err != nil {
		return err
	}
	warnOther(o, path != "")
	if path == "" {
		s.backend, err = startMemory(o.Dir, s.socket.path, o.Log)
	} else {
		s.backend, err = startChild(ctx, path, o.Dir, s.socket.path)
	}
	return err
}

// warnOther tells of jobs that the other kind of server has left in the
// directory and that this one does not see.
func warnOther(o Options, child bool) {
	other, why := aofDir, "a redis-server wrote them; put one on PATH to see them"
	if child {
		other, why = snapshotName, "they are of a run in memory; move redis-server out of PATH to see them"
	}
	if _, err := os.Stat(filepath.Join(o.Dir, other)); o.Dir != "" && err == nil {
		o.Log.Warn("the data directory holds jobs that are not loaded: "+why, "dir", o.Dir, "file", other)
	}
}

func (s *Server) watch(ended <-chan struct{}) {
	<-ended
	if err := s.backend.cause(); err != nil {
		s.err = err
		close(s.done)
	}
}

// URL is the address to give to store.Open.
func (s *Server) URL() string {
	return (&url.URL{Scheme: "unix", Path: s.socket.path}).String()
}

// Kind names the server for people: "redis-server 7.0.15", "valkey-server
// 8.1.1" or "in memory".
func (s *Server) Kind() string { return s.backend.kind() }

// Durable reports whether jobs survive the death of this process.
func (s *Server) Durable() bool { return s.backend.durable() }

// Done is closed if the server ends without [Server.Stop].
func (s *Server) Done() <-chan struct{} { return s.done }

// Err says why the server ended without being stopped, and is nil before that.
func (s *Server) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Stop lets the server write what it holds, ends it, and gives the directory
// free. If ctx ends first a redis-server is killed, which loses nothing that it
// has acknowledged, and the error says so. The server in memory always writes
// its snapshot. Stopping twice is safe.
func (s *Server) Stop(ctx context.Context) error {
	s.stopOnce.Do(func() {
		err := s.backend.stop(ctx)
		s.socket.remove()
		s.stopErr = errors.Join(err, s.lock.Release())
	})
	return s.stopErr
}
