package engine_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is an engine, and a pool when started, over one Redis.
type rig struct {
	*engine.Engine
	t       testing.TB
	redis   redis.UniversalClient
	reg     *jobs.Registry
	catalog *engine.Catalog
	inspect *inspect.Inspector
}

func newRig(t testing.TB, r storetest.Instance, register func(*jobs.Registry)) *rig {
	t.Helper()
	reg := jobs.NewRegistry()
	if register != nil {
		register(reg)
	}
	if err := reg.Err(); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	catalog := engine.NewCatalog(reg, r.Client, log)
	e := engine.New(engine.Options{Redis: r.Client, Catalog: catalog, Log: log})
	t.Cleanup(e.Stop)
	return &rig{Engine: e, t: t, redis: r.Client, reg: reg, catalog: catalog, inspect: inspect.New(r.Client, log)}
}

// proxied opens a client of the Redis that goes through a proxy. Both end with the test.
func proxied(t *testing.T, inst storetest.Instance, o store.Options) (*storetest.FaultProxy, redis.UniversalClient) {
	t.Helper()
	proxy := storetest.Proxy(t, inst.URL)
	o.URL = proxy.URL
	c, err := store.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return proxy, c
}

// options are those of a worker with one pool.
type options struct {
	engine.WorkerOptions
	engine.PoolOptions
}

func (r *rig) options() options {
	return options{
		engine.WorkerOptions{
			Redis: r.redis, Registry: r.reg, StopTimeout: 5 * time.Second, CancelGrace: time.Second, Log: slog.New(slog.DiscardHandler),
		},
		engine.PoolOptions{Name: "main", Queues: map[string]int{"default": 1}, Concurrency: 10},
	}
}

// worker starts a worker with one pool that is stopped at the end of the test.
func (r *rig) worker(change func(*options)) *engine.Worker {
	r.t.Helper()
	o := r.options()
	if change != nil {
		change(&o)
	}
	if o.Pools == nil {
		o.Pools = []engine.PoolOptions{o.PoolOptions}
	}
	w := engine.NewWorker(o.WorkerOptions)
	if err := w.Start(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = w.Stop(context.Background()) })
	return w
}

// post enqueues a job and returns its id.
func (r *rig) post(q client.Enqueue) string {
	r.t.Helper()
	receipt, err := r.Enqueue(context.Background(), q, "")
	if err != nil {
		r.t.Fatalf("enqueue %+v: %v", q, err)
	}
	return receipt.Message.ID
}

// until waits for the job to be in the state and returns it.
func (r *rig) until(id string, state jobs.State) *client.Job {
	r.t.Helper()
	var last *client.Job
	var lastErr error
	eventually(r.t, func() bool {
		last, lastErr = r.inspect.Job(context.Background(), id)
		return lastErr == nil && last.State == string(state)
	}, func() string { return describe(id, state, last, lastErr) })
	return last
}

func describe(id string, want jobs.State, last *client.Job, err error) string {
	raw, _ := json.Marshal(last)
	return "job " + id + " is not " + string(want) + ": " + string(raw) + " " + errText(err)
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// eventually polls until ok or, after 20 s, fails with what why says.
func eventually(t testing.TB, ok func() bool, why func() string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal(why())
		}
	}
}

// receive returns the next value of the channel or fails after 20 s.
func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(20 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func ptr[T any](v T) *T { return &v }

// quick is a backoff with the shortest delay there is.
func quick() jobs.Backoff {
	return jobs.Backoff{Initial: time.Second, Factor: 1, Jitter: jobs.NoJitter}
}
