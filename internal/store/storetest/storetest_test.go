package storetest_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"legwork/internal/store"
	"legwork/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every kind of Redis starts empty and works.
func TestAll(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, r storetest.Instance) {
		if n, err := r.Client.DBSize(t.Context()).Result(); err != nil || n != 0 {
			t.Errorf("starts with %d keys, %v", n, err)
		}
		if err := r.Client.Set(t.Context(), "key", "value", 0).Err(); err != nil {
			t.Error(err)
		}
	})
}

// A server is gone, with its directory, when its test has ended.
func TestCleanup(t *testing.T) {
	t.Parallel()
	var r storetest.Instance
	t.Run("test", func(t *testing.T) { r = storetest.Redis(t) })
	if _, err := os.Stat(r.Nodes[0].Log()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its log: %v", err)
	}
	if err := r.Client.Ping(t.Context()).Err(); !errors.Is(err, redis.ErrClosed) {
		t.Errorf("its client: %v", err)
	}
}

// What an AOF server has acknowledged survives Kill; without AOF it does not.
func TestKill(t *testing.T) {
	t.Parallel()
	for _, aof := range []bool{true, false} {
		r := storetest.RedisWith(t, storetest.Options{AOF: aof})
		if err := r.Client.Set(t.Context(), "key", "value", 0).Err(); err != nil {
			t.Fatal(err)
		}
		r.Kill()
		r.Restart()
		if n, err := r.Client.Exists(t.Context(), "key").Result(); err != nil || (n == 1) != aof {
			t.Errorf("AOF %t: found %d, %v", aof, n, err)
		}
	}
}

// A proxy breaks the network in the ways it says, before any kind of server
// that can have one.
func TestProxy(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB) storetest.Instance{
		"unix": storetest.Redis,
		"tls":  storetest.TLS,
		"tcp":  func(t testing.TB) storetest.Instance { return storetest.RedisWith(t, storetest.Options{TCP: true}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t)
			p := storetest.Proxy(t, r.URL)
			c, err := store.Open(store.Options{URL: p.URL, TLS: r.TLS})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			testProxy(t, p, c, r)
		})
	}
}

func testProxy(t *testing.T, p *storetest.FaultProxy, c redis.UniversalClient, r storetest.Instance) {
	incr := func(timeout time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		defer cancel()
		return c.Incr(ctx, "n").Err()
	}
	expect := func(what string, want int) {
		t.Helper()
		if got, err := r.Client.Get(t.Context(), "n").Int(); err != nil || got != want {
			t.Errorf("%s: the server counted %d, %v; want %d", what, got, err, want)
		}
	}
	const long, short = 20 * time.Second, 100 * time.Millisecond
	if err := incr(long); err != nil {
		t.Fatal(err)
	}
	expect("healthy", 1)
	p.Cut()
	if err := incr(long); err == nil || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("cut: got %v", err)
	}
	expect("cut", 1)
	p.Heal()
	if err := incr(long); err != nil {
		t.Errorf("healed: %v", err)
	}
	expect("healed", 2)
	p.DropReplies()
	if err := incr(short); !store.Unavailable(err) {
		t.Errorf("replies dropped: got %v", err)
	}
	expect("replies dropped", 3)
	p.BlackHole()
	if err := incr(short); !store.Unavailable(err) {
		t.Errorf("black hole: got %v", err)
	}
	expect("black hole", 3)
	p.Cut()
	p.Heal()
	p.Latency(30 * time.Millisecond)
	start := time.Now()
	if err := incr(long); err != nil {
		t.Errorf("slow: %v", err)
	}
	if took := time.Since(start); took < 60*time.Millisecond {
		t.Errorf("slow: took %s, want at least twice the latency", took)
	}
}

// Nodes[0] is the master that Sentinels watch, and each has quorum.
func TestSentinelRoles(t *testing.T) {
	t.Parallel()
	r := storetest.Sentinel(t)
	for n, role := range []string{"master", "slave"} {
		c, err := store.Open(store.Options{URL: "redis://" + r.Nodes[n].Addr()})
		if err != nil {
			t.Fatal(err)
		}
		if info, err := c.Info(t.Context(), "replication").Result(); err != nil || !strings.Contains(info, "role:"+role) {
			t.Errorf("node %d: got %q, %v; want role %s", n, info, err, role)
		}
		_ = c.Close()
	}
	if len(r.Sentinels) != 3 {
		t.Errorf("there are %d Sentinels", len(r.Sentinels))
	}
}
