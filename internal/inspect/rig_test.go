package inspect_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/inspect"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// rig is an inspector over a Redis of its own, with an engine to make jobs,
// pools to run them, and asynq's own inspector to compare with.
type rig struct {
	*inspect.Inspector
	t       testing.TB
	redis   redis.UniversalClient
	engine  *engine.Engine
	reg     *jobs.Registry
	asynq   *asynq.Inspector
	release chan struct{} // lets jobs of type test.hold end
}

func newRig(t testing.TB, inst storetest.Instance) *rig {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	r := &rig{
		t: t, redis: inst.Client, Inspector: inspect.New(inst.Client, log), reg: jobs.NewRegistry(),
		asynq: asynq.NewInspectorFromRedisClient(inst.Client), release: make(chan struct{}),
	}
	r.register()
	if err := r.reg.Err(); err != nil {
		t.Fatal(err)
	}
	r.engine = r.newEngine()
	t.Cleanup(r.engine.Stop)
	return r
}

func (r *rig) newEngine() *engine.Engine {
	log := slog.New(slog.DiscardHandler)
	shards := store.NewShards(r.redis, log)
	if err := shards.Start(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = shards.Stop(context.Background()) })
	return engine.New(engine.Options{Redis: r.redis, Catalog: engine.NewCatalog(r.reg, r.redis, log), Shards: shards, Log: log})
}

// spread makes a queue have n shards, and returns the rig with an engine that knows.
func (r *rig) spread(queue string, n int) *rig {
	r.t.Helper()
	s := store.NewShards(r.redis, slog.New(slog.DiscardHandler))
	if _, err := s.Serve(context.Background(), []string{queue}, map[string]int{queue: n}); err != nil {
		r.t.Fatal(err)
	}
	other := r.fresh()
	r.t.Cleanup(other.engine.Stop)
	return other
}

// fresh returns the rig with an engine of its own, which knows nothing of what
// was in Redis before.
func (r *rig) fresh() *rig {
	other := *r
	other.engine = r.newEngine()
	return &other
}

func (r *rig) register() {
	hour := jobs.Backoff{Initial: time.Hour, Jitter: jobs.NoJitter}
	jobs.Handle(r.reg, "test.ok", func(context.Context, any) (string, error) { return "done", nil }, jobs.Options{Backoff: hour})
	jobs.Handle(r.reg, "test.gone", func(context.Context, any) (string, error) { return "", nil }, jobs.Options{Retention: jobs.NoRetention})
	jobs.Handle(r.reg, "test.fail", func(context.Context, any) (string, error) { return "", errors.New("no luck") }, jobs.Options{Backoff: hour})
	jobs.Handle(r.reg, "test.die", func(context.Context, any) (string, error) { return "", jobs.Permanent(errors.New("dead")) }, jobs.Options{})
	jobs.Handle(r.reg, "test.hold", func(ctx context.Context, _ any) (string, error) {
		select {
		case <-r.release:
			return "released", nil
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}, jobs.Options{Backoff: hour})
}

// pool runs jobs of the queues until the test ends or the function is called.
func (r *rig) pool(queues ...string) (stop func()) {
	r.t.Helper()
	weights := map[string]int{}
	for _, q := range queues {
		weights[q] = 1
	}
	p := engine.NewWorker(engine.WorkerOptions{
		Redis: r.redis, Registry: r.reg, Pools: []engine.PoolOptions{{Name: "main", Queues: weights, Concurrency: 10}},
		StopTimeout: 100 * time.Millisecond, CancelGrace: time.Second, Log: slog.New(slog.DiscardHandler),
	})
	if err := p.Start(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	stop = func() { _ = p.Stop(context.Background()) }
	r.t.Cleanup(stop)
	return stop
}

// post enqueues a job and returns its id.
func (r *rig) post(q client.Enqueue) string {
	r.t.Helper()
	receipt, err := r.engine.Enqueue(context.Background(), q, "")
	if err != nil {
		r.t.Fatalf("enqueue %+v: %v", q, err)
	}
	return receipt.Message.ID
}

// job returns a job that must exist and be fit to be part of an answer.
func (r *rig) job(id string) *client.Job {
	r.t.Helper()
	j, err := r.Job(context.Background(), id)
	if err != nil {
		r.t.Fatalf("job %s: %v", id, err)
	}
	if _, err := json.Marshal(j); err != nil {
		r.t.Fatalf("job %s cannot be shown: %v", id, err)
	}
	return j
}

// until waits for the job to be in the state and returns it.
func (r *rig) until(id string, state jobs.State) *client.Job {
	r.t.Helper()
	var last *client.Job
	eventually(r.t, func() bool {
		last = r.job(id)
		return last.State == string(state)
	}, func() string { return "job " + id + " is " + last.State + ", want " + string(state) })
	return last
}

func (r *rig) filter(words string) client.JobFilter {
	r.t.Helper()
	f, err := client.ParseFilter(words)
	if err != nil {
		r.t.Fatal(err)
	}
	return f
}

// list returns the ids of all pages.
func (r *rig) list(f client.JobFilter) []string {
	r.t.Helper()
	var ids []string
	for {
		page, err := r.Jobs(context.Background(), f)
		if err != nil {
			r.t.Fatalf("list %+v: %v", f, err)
		}
		if _, err := json.Marshal(page); err != nil {
			r.t.Fatalf("list %+v cannot be shown: %v", f, err)
		}
		for _, j := range page.Jobs {
			ids = append(ids, j.ID)
		}
		if f.Cursor = page.NextCursor; f.Cursor == "" {
			return ids
		}
	}
}

// places returns the lists and sets of the queue that hold the id.
func (r *rig) places(queue, id string) []jobs.State {
	r.t.Helper()
	var found []jobs.State
	for _, s := range jobs.States() {
		key := store.KeysOf(queue).State(string(s))
		var ids []string
		if s == jobs.StatePending || s == jobs.StateActive {
			ids = r.redis.LRange(context.Background(), key, 0, -1).Val()
		} else {
			ids = r.redis.ZRange(context.Background(), key, 0, -1).Val()
		}
		for _, other := range ids {
			if other == id {
				found = append(found, s)
			}
		}
	}
	return found
}

// sound fails the test unless the job is in the one place that its state says,
// or gone without a trace.
func (r *rig) sound(queue, id string) {
	r.t.Helper()
	state := r.redis.HGet(context.Background(), store.KeysOf(queue).Task(id), store.FieldState).Val()
	var want []jobs.State
	if state != "" {
		want = []jobs.State{jobs.State(state)}
	}
	if got := r.places(queue, id); !slices.Equal(got, want) {
		r.t.Errorf("job %s says %q and is in %v", id, state, got)
	}
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func code(err error) jobs.Code {
	if err == nil {
		return ""
	}
	return jobs.CodeOf(err)
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

func ptr[T any](v T) *T { return &v }

func hours(n int) *client.Duration { return ptr(client.Duration(time.Duration(n) * time.Hour)) }
