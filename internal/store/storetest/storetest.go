// Package storetest gives a test a Redis of its own: a single server, one with
// TLS, a master watched by Sentinels, a Cluster, or the embedded one, and the
// faults to test against: a server that dies or freezes, a network that breaks.
//
//	func TestX(t *testing.T) {
//		t.Parallel()
//		r := storetest.Redis(t)
//		r.Client.Set(...)
//		r.Kill()
//	}
//
// A server is private to its test, starts empty in about 10 ms (a Cluster in
// about 2.5 s), listens on a unix socket or a free port of the loopback
// interface, and is gone when the test ends, or when the test binary is killed.
package storetest

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/internal/store/server"
)

// startTimeout bounds the start of a server or of a topology of them.
const startTimeout = 30 * time.Second

// Instance is a running Redis.
type Instance struct {
	// URL and TLS are what store.Open needs to connect; see also Options.
	URL string
	TLS store.TLSFiles
	// Client is connected to it and is closed when the test ends.
	Client redis.UniversalClient
	// Nodes are the servers that hold data, if they are processes. Behind
	// Sentinels the first one starts as the master.
	Nodes []*Node
	// Sentinels are the Sentinels, if there are any.
	Sentinels []*Node

	t     testing.TB
	parts []part
}

// part is what an instance's faults act on.
type part interface {
	Kill()
	Restart()
	Pause()
	Resume()
}

// Options returns what store.Open needs to connect.
func (i Instance) Options() store.Options { return store.Options{URL: i.URL, TLS: i.TLS} }

// Open returns one more client, closed when the test ends.
func (i Instance) Open() redis.UniversalClient {
	i.t.Helper()
	c, err := store.Open(i.Options())
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = c.Close() })
	return c
}

// Kill ends all data servers with SIGKILL. What they hold is lost, but for
// servers with an append-only file. (The embedded Redis only becomes
// unreachable.)
func (i Instance) Kill() {
	i.t.Helper()
	for _, p := range i.parts {
		p.Kill()
	}
}

// Restart starts killed servers at the same address and returns once they
// serve again.
func (i Instance) Restart() {
	i.t.Helper()
	for _, p := range i.parts {
		p.Restart()
	}
	i.await()
}

// Pause freezes all data servers with SIGSTOP: connections stay, connecting
// works, nothing is answered.
func (i Instance) Pause() {
	i.t.Helper()
	for _, p := range i.parts {
		p.Pause()
	}
}

// Resume lets paused servers go on.
func (i Instance) Resume() {
	i.t.Helper()
	for _, p := range i.parts {
		p.Resume()
	}
}

// await returns once the instance serves, as a new client sees it.
func (i Instance) await() {
	i.t.Helper()
	c, err := store.Open(i.Options())
	if err != nil {
		i.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := store.WaitReady(context.Background(), c, silent(), startTimeout); err != nil {
		i.t.Fatal(err)
	}
}

// Options configures [RedisWith]. The zero value is what [Redis] starts.
type Options struct {
	// TCP listens on a free port of the loopback interface, not on a socket.
	TCP bool
	// AOF keeps an append-only file, synced on every write, so that data
	// survive Kill and Restart.
	AOF bool
	// Dir is where the server keeps its files; without TCP the socket too, so
	// that its path must be short. Defaults to a new directory that is removed
	// when the test ends.
	Dir string
	// Args are further arguments, such as "--maxmemory", "10mb".
	Args []string
}

// Redis starts a redis-server without persistence on a unix socket.
func Redis(t testing.TB) Instance {
	t.Helper()
	return RedisWith(t, Options{})
}

// RedisWith starts a redis-server.
func RedisWith(t testing.TB, o Options) Instance {
	t.Helper()
	n := &Node{t: t, dir: o.Dir, tcp: o.TCP}
	n.args = func() []string {
		aof := []string{"--appendonly", "no"}
		if o.AOF {
			aof = []string{"--appendonly", "yes", "--appendfsync", "always"}
		}
		return slices.Concat(n.listen("--port"), aof, o.Args)
	}
	n.start()
	i := Instance{t: t, URL: "unix://" + n.Addr(), Nodes: []*Node{n}, parts: []part{n}}
	if o.TCP {
		i.URL = "redis://" + n.Addr()
	}
	i.Client = i.Open()
	return i
}

// TLS starts a redis-server that speaks only TLS, with a certificate for
// 127.0.0.1 and localhost of an authority made for the test (TLS.CAFile). It
// asks for no certificate, but one that is shown must be of that authority.
func TLS(t testing.TB) Instance {
	t.Helper()
	files := newAuthority(t).issue(t, "server")
	n := &Node{t: t, tcp: true, tls: &tls.Config{RootCAs: files.pool, ServerName: "localhost"}}
	n.args = func() []string {
		return slices.Concat(n.listen("--tls-port"), []string{
			"--port", "0", "--tls-cert-file", files.CertFile, "--tls-key-file", files.KeyFile,
			"--tls-ca-cert-file", files.CAFile, "--tls-auth-clients", "optional",
		})
	}
	n.start()
	i := Instance{
		t: t, URL: "rediss://" + n.Addr(), TLS: store.TLSFiles{CAFile: files.CAFile},
		Nodes: []*Node{n}, parts: []part{n},
	}
	i.Client = i.Open()
	return i
}

// shortDir returns a new directory whose path is short enough for a socket.
func shortDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "lw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// find returns the path of redis-server, or fails the test.
func find(t testing.TB) string {
	t.Helper()
	path := server.Find()
	if path == "" {
		t.Fatal("neither redis-server nor valkey-server is on PATH, and this test needs one: apt-get install redis-server, or brew install redis")
	}
	return path
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}
