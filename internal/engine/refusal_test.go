package engine_test

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// refusal is something that makes a running Redis refuse to serve.
type refusal struct {
	args  []string
	begin [][]any
	end   [][]any
}

// A running Redis refuses to serve for a while, for any of its reasons: running jobs
// end when it is over, waiting ones run, each exactly once, and meanwhile the worker
// neither spins nor fills the log.
func TestRedisRefusesToServe(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]refusal{
		"NOAUTH": {
			begin: [][]any{{"CONFIG", "SET", "requirepass", "secret"}, {"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}},
			end:   [][]any{{"CONFIG", "SET", "requirepass", ""}},
		},
		"READONLY": {
			begin: [][]any{{"REPLICAOF", "127.0.0.1", "1"}},
			end:   [][]any{{"REPLICAOF", "NO", "ONE"}},
		},
		"MASTERDOWN": {
			begin: [][]any{{"CONFIG", "SET", "replica-serve-stale-data", "no"}, {"REPLICAOF", "127.0.0.1", "1"}},
			end:   [][]any{{"REPLICAOF", "NO", "ONE"}},
		},
		"OOM": {
			begin: [][]any{{"CONFIG", "SET", "maxmemory", "1"}},
			end:   [][]any{{"CONFIG", "SET", "maxmemory", "0"}},
		},
		"NOREPLICAS": {
			begin: [][]any{{"CONFIG", "SET", "min-replicas-to-write", "1"}},
			end:   [][]any{{"CONFIG", "SET", "min-replicas-to-write", "0"}},
		},
		"NOPERM": {
			begin: [][]any{{"ACL", "SETUSER", "default", "-@all", "+acl"}},
			end:   [][]any{{"ACL", "SETUSER", "default", "+@all"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.RedisWith(t, storetest.Options{Args: f.args})
			control := inst.Open().(*redis.Client).Conn()
			t.Cleanup(func() { _ = control.Close() })
			do := func(all [][]any) {
				for _, args := range all {
					if err := control.Do(context.Background(), args...).Err(); err != nil {
						t.Fatalf("%v: %v", args, err)
					}
				}
			}
			if err := control.Ping(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			outlive(t, inst, func() { do(f.begin) }, func() { do(f.end) })
		})
	}
}

// outlive checks what TestRedisRefusesToServe promises of a fault.
func outlive(t *testing.T, inst storetest.Instance, begin, end func()) {
	t.Helper()
	const total = 6
	var runs atomic.Int64
	var log lockedBuffer
	started, release := make(chan string, 2*total), make(chan struct{})
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.block", func(ctx context.Context, _ struct{}) (struct{}, error) {
			runs.Add(1)
			started <- jobs.Info(ctx).ID
			<-release
			return struct{}{}, nil
		}, jobs.Options{})
	})
	var ids []string
	for range total {
		ids = append(ids, r.post(client.Enqueue{Type: "test.block"}))
	}
	late := r.post(client.Enqueue{Type: "test.block", Delay: ptr(client.Duration(time.Second))})
	r.worker(func(o *options) { o.Concurrency, o.Log = total/2, slog.New(slog.NewTextHandler(&log, nil)) })
	for range total / 2 {
		receive(t, started)
	}
	begin()
	_, err := r.Enqueue(t.Context(), client.Enqueue{Type: "test.block"}, "")
	if jobs.CodeOf(err) != jobs.CodeUnavailable {
		t.Errorf("enqueue meanwhile: %v", err)
	}
	close(release)
	lines := strings.Count(log.String(), "\n")
	const seconds = 2
	time.Sleep(seconds * time.Second)
	if n := strings.Count(log.String(), "\n") - lines; n > 5*seconds {
		t.Errorf("%d lines in %d s:\n%s", n, seconds, log.String())
	}
	before := runs.Load()
	end()
	for _, id := range append(ids, late) {
		r.until(id, jobs.StateCompleted)
	}
	if n := runs.Load(); n != total+1 {
		t.Errorf("%d runs of %d jobs, %d of them while Redis refused", n, total+1, before-total/2)
	}
	if n := inst.Client.HLen(t.Context(), store.KeysOf("default").Holders()).Val(); n != 0 {
		t.Errorf("%d jobs are still held", n)
	}
}

// Redis loads its data again, which takes a while: as above.
func TestRedisLoads(t *testing.T) {
	t.Parallel()
	inst := storetest.RedisWith(t, storetest.Options{Args: []string{"--enable-debug-command", "yes"}})
	control := inst.Open()
	pipe := control.Pipeline()
	for i := range 3000 {
		pipe.Set(t.Context(), "filler:"+time.Duration(i).String(), "x", 0)
	}
	pipe.ConfigSet(t.Context(), "key-load-delay", "1000")
	pipe.ConfigSet(t.Context(), "loading-process-events-interval-bytes", "1024")
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	loaded := make(chan error, 1)
	outlive(t, inst, func() {
		go func() {
			slow := inst.Open()
			loaded <- slow.Do(context.Background(), "DEBUG", "RELOAD").Err()
		}()
		eventually(t, func() bool {
			err := control.Get(t.Context(), "x").Err()
			return err != nil && strings.HasPrefix(err.Error(), "LOADING")
		},
			func() string { return "Redis does not load" })
	}, func() {
		if err := receive(t, loaded); err != nil {
			t.Log(err)
		}
	})
}

// Two of three nodes of a Cluster die, and with them the Cluster, until they are
// back: what ran ends, what waited runs, each once.
func TestClusterIsDown(t *testing.T) {
	t.Parallel()
	inst := storetest.ClusterWith(t, "--appendonly", "yes", "--appendfsync", "always")
	outlive(t, inst, func() {
		inst.Nodes[0].Kill()
		inst.Nodes[1].Kill()
		eventually(t, func() bool { return store.Unavailable(inst.Client.Get(t.Context(), "x").Err()) },
			func() string { return "the Cluster goes on" })
	}, func() {
		inst.Nodes[0].Restart()
		inst.Nodes[1].Restart()
	})
}

// The connection on which workers are woken is cut: they subscribe again, and what
// came meanwhile is found by the next look, at most a second and a bit later.
func TestWakeConnectionIsCut(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	started := make(chan time.Time, 100)
	r := newRig(t, inst, starts(started))
	r.worker(nil)
	r.post(client.Enqueue{Type: "test.start"})
	receive(t, started)
	const rounds = 5
	var slowest time.Duration
	for range rounds {
		if n := inst.Client.ClientKillByFilter(t.Context(), "TYPE", "pubsub").Val(); n == 0 {
			t.Fatal("no subscription to cut")
		}
		began := time.Now()
		r.post(client.Enqueue{Type: "test.start"})
		slowest = max(slowest, receive(t, started).Sub(began))
		eventually(t, func() bool {
			return inst.Client.PubSubNumSub(t.Context(), store.ChannelWake).Val()[store.ChannelWake] > 0
		}, func() string { return "nobody subscribes again" })
	}
	t.Logf("with the connection cut: found after %s at most", slowest)
	if slowest > 2*time.Second {
		t.Errorf("found after %s", slowest)
	}
	slowest = 0
	for range 10 {
		began := time.Now()
		r.post(client.Enqueue{Type: "test.start"})
		slowest = max(slowest, receive(t, started).Sub(began))
	}
	if slowest > 500*time.Millisecond {
		t.Errorf("found after %s: nobody was woken", slowest)
	}
}
