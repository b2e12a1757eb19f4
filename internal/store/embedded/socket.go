package embedded

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"legwork/internal/store/server"
)

const (
	socketName = "redis.sock"
	tempPrefix = "legwork-"
	// socketMax is the longest path of a unix socket on any platform: the 104
	// bytes of sun_path on macOS and the BSDs (108 on Linux) less the NUL.
	socketMax = 103
	// evictTimeout bounds the end of a server that a crashed run left behind.
	evictTimeout = 5 * time.Second
	evictPause   = 10 * time.Millisecond
)

// socket is the path that the server listens on.
type socket struct {
	path string
	temp string // directory made for it, or ""
	link string // in the data directory, pointing at path, or ""
}

// newSocket chooses the path: in dir if that is short enough, else in a
// temporary directory with a link from dir, so that the next run finds it.
func newSocket(dir string) (socket, error) {
	s := socket{path: filepath.Join(dir, socketName)}
	if dir != "" && len(s.path) <= socketMax {
		return s, nil
	}
	temp, err := os.MkdirTemp("", tempPrefix)
	if err != nil {
		return socket{}, fmt.Errorf("create a directory for the socket: %w", err)
	}
	s = socket{path: filepath.Join(temp, socketName), temp: temp}
	if len(s.path) > socketMax {
		s.remove()
		return socket{}, fmt.Errorf("socket path %q has more than %d bytes; set TMPDIR to a shorter path", s.path, socketMax)
	}
	if dir == "" {
		return s, nil
	}
	s.link = filepath.Join(dir, socketName)
	if err := os.Symlink(s.path, s.link); err != nil {
		s.link = ""
		s.remove()
		return socket{}, fmt.Errorf("link the socket into the data directory: %w", err)
	}
	return s, nil
}

func (s socket) remove() {
	for _, p := range []string{s.path, s.link, s.temp} {
		if p != "" {
			_ = os.Remove(p)
		}
	}
}

// clearSocket removes the socket of a run that crashed. The caller holds the
// lock of dir, so a server that still listens on it is an orphan (its parent
// was killed on a system without a parent-death signal): it is shut down, lest
// two servers write the same files.
func clearSocket(ctx context.Context, dir string) error {
	s := socket{path: filepath.Join(dir, socketName)}
	if target, err := os.Readlink(s.path); err == nil {
		s.link, s.path = s.path, target
		if parent := filepath.Dir(target); strings.HasPrefix(filepath.Base(parent), tempPrefix) {
			s.temp = parent
		}
	}
	if err := evict(ctx, s.path); err != nil {
		return err
	}
	s.remove()
	return nil
}

// evict shuts down whatever listens on the socket and waits for its end.
func evict(ctx context.Context, path string) error {
	bounded, cancel := context.WithTimeout(ctx, evictTimeout)
	defer cancel()
	for bounded.Err() == nil {
		conn, err := dialSocket(bounded, path)
		if err == nil {
			_, _ = server.Ask(bounded, conn, "SHUTDOWN")
		} else if bounded.Err() == nil {
			return nil
		}
		select {
		case <-bounded.Done():
		case <-time.After(evictPause):
		}
	}
	if ctx.Err() != nil {
		return fmt.Errorf("look for a server of a crashed run at %q: %w", path, context.Cause(ctx))
	}
	return fmt.Errorf("a server of a crashed run still listens on %q and does not end; kill it", path)
}

func dialSocket(ctx context.Context, path string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, "unix", path)
}
