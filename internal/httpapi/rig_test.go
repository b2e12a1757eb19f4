package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/httpapi"
	"legwork/internal/inspect"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// What go-redis leaves of a connection to a server that stays away ends within
// a second of the client's end.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// Limits of the API under test.
const (
	bodyLimit      = 1 << 20
	batchBodyLimit = 8 << 20
	batchLimit     = 10_000
)

// rig is the API over a Redis of its own, and a pool when started.
type rig struct {
	t       testing.TB
	inst    storetest.Instance
	reg     *jobs.Registry
	tally   *engine.Tally // to be flushed
	engine  *engine.Engine
	inspect *inspect.Inspector
	waiters *engine.Waiters
	follow  *inspect.Followers
	options httpapi.Options
	handler http.Handler
	log     *journal
	url     string
	http    *http.Client
	flying  atomic.Int64 // requests being answered
}

// newRig serves the registered types; nil registers [commonTypes].
func newRig(t testing.TB, inst storetest.Instance, register func(*jobs.Registry)) *rig {
	t.Helper()
	if register == nil {
		register = commonTypes
	}
	r := &rig{t: t, inst: inst, reg: jobs.NewRegistry(), log: &journal{}}
	register(r.reg)
	if err := r.reg.Err(); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(r.log, nil))
	catalog := engine.NewCatalog(r.reg, inst.Client, log)
	r.tally = engine.NewTally(inst.Client, "api-under-test", log)
	r.engine = engine.New(engine.Options{Redis: inst.Client, Catalog: catalog, Tally: r.tally, Log: log})
	r.inspect = inspect.New(inst.Client, log)
	actions := inspect.NewActions(r.inspect, inspect.ActionsOptions{Look: 20 * time.Millisecond, Log: log})
	if err := actions.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.waiters = engine.NewWaiters(inst.Client, "api-under-test")
	r.waiters.Start(context.Background())
	r.follow = inspect.NewFollowers(inst.Client)
	if err := r.follow.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	r.options = httpapi.Options{
		Engine: r.engine, Catalog: catalog, Inspector: r.inspect, Actions: actions, Waiters: r.waiters, Followers: r.follow,
		Ping:      func(ctx context.Context) error { return inst.Client.Ping(ctx).Err() },
		BodyLimit: bodyLimit, BatchBodyLimit: batchBodyLimit, BatchLimit: batchLimit,
		RequestTimeout: engine.RequestTimeoutDefault, Version: "test", Log: log,
	}
	r.handler = httpapi.New(r.options)
	server := httptest.NewServer(http.HandlerFunc(r.serve))
	r.url, r.http = server.URL, server.Client()
	r.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() {
		r.waiters.Release()
		server.Close()
		_ = actions.Stop(context.Background())
		r.waiters.Stop()
		_ = r.follow.Stop(context.Background())
		r.engine.Stop()
	})
	return r
}

func (r *rig) serve(w http.ResponseWriter, q *http.Request) {
	r.flying.Add(1)
	defer r.flying.Add(-1)
	r.handler.ServeHTTP(w, q)
}

// person is a payload type with rules.
type person struct {
	Name  string   `json:"name" jsonschema:"minLength=2"`
	Age   int      `json:"age,omitempty" jsonschema:"minimum=1,maximum=150"`
	Email string   `json:"email,omitempty" jsonschema:"format=email"`
	Likes []string `json:"likes,omitempty" jsonschema:"maxItems=3"`
}

// commonTypes registers a type of each kind that the tests need: one that
// succeeds, one with a strict payload, one with any payload, and two that fail.
func commonTypes(reg *jobs.Registry) {
	quick := jobs.Backoff{Initial: time.Hour, Jitter: jobs.NoJitter}
	jobs.Handle(reg, "test.ok", func(context.Context, struct{}) (string, error) { return "done", nil }, jobs.Options{})
	jobs.Handle(reg, "test.person", func(_ context.Context, p person) (person, error) { return p, nil }, jobs.Options{})
	jobs.Handle(reg, "test.any", func(_ context.Context, v any) (any, error) { return v, nil }, jobs.Options{})
	jobs.Handle(reg, "test.fail", func(context.Context, struct{}) (struct{}, error) {
		return struct{}{}, io.ErrUnexpectedEOF
	}, jobs.Options{Backoff: quick})
	jobs.Handle(reg, "test.die", func(context.Context, struct{}) (struct{}, error) {
		return struct{}{}, jobs.Permanent(io.ErrClosedPipe)
	}, jobs.Options{})
}

// pool runs jobs of the queues until the test ends or the function is called.
func (r *rig) pool(queues ...string) (stop func()) {
	r.t.Helper()
	weights := map[string]int{}
	for _, q := range queues {
		weights[q] = 1
	}
	p := engine.NewWorker(engine.WorkerOptions{
		Redis: r.inst.Client, Registry: r.reg, Pools: []engine.PoolOptions{{Name: "main", Queues: weights, Concurrency: 20}}, Tally: r.tally,
		StopTimeout: 200 * time.Millisecond, CancelGrace: time.Second, Log: slog.New(slog.DiscardHandler),
	})
	if err := p.Start(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	stop = sync.OnceFunc(func() { _ = p.Stop(context.Background()) })
	r.t.Cleanup(stop)
	return stop
}

// answer is a response that has been read.
type answer struct {
	t      testing.TB
	status int
	header http.Header
	body   []byte
}

// send makes a request; headers are pairs of name and value.
func (r *rig) send(method, path, body string, headers ...string) answer {
	r.t.Helper()
	a, err := r.try(context.Background(), method, path, body, headers...)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (r *rig) try(ctx context.Context, method, path, body string, headers ...string) (answer, error) {
	q, err := http.NewRequestWithContext(ctx, method, r.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	for i := 0; i < len(headers); i += 2 {
		q.Header.Add(headers[i], headers[i+1])
	}
	resp, err := r.http.Do(q)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return answer{t: r.t, status: resp.StatusCode, header: resp.Header, body: raw}, err
}

// post sends a JSON body.
func (r *rig) post(path, body string, headers ...string) answer {
	r.t.Helper()
	return r.send(http.MethodPost, path, body, append([]string{"Content-Type", "application/json"}, headers...)...)
}

func (r *rig) get(path string) answer {
	r.t.Helper()
	return r.send(http.MethodGet, path, "")
}

// enqueue posts one job that must be accepted.
func (r *rig) enqueue(body string, headers ...string) client.Job {
	r.t.Helper()
	a := r.post("/v1/jobs", body, headers...)
	if a.status != http.StatusAccepted && a.status != http.StatusOK {
		r.t.Fatalf("enqueue %s: %d %s", body, a.status, a.body)
	}
	return into[client.Job](a)
}

// until waits for the job to be in the state.
func (r *rig) until(id string, state jobs.State) client.Job {
	r.t.Helper()
	var last answer
	eventually(r.t, func() bool {
		last = r.get("/v1/jobs/" + id)
		return last.status == http.StatusOK && into[client.Job](last).State == string(state)
	}, func() string { return "job " + id + " is not " + string(state) + ": " + string(last.body) })
	return into[client.Job](last)
}

// untouched fails the test when anything at all is stored in Redis.
func (r *rig) untouched(t testing.TB) {
	t.Helper()
	if n := r.inst.Client.DBSize(context.Background()).Val(); n != 0 {
		t.Errorf("%d keys in Redis, want none: %v", n, r.inst.Client.Keys(context.Background(), "*").Val())
	}
}

func into[T any](a answer) T {
	a.t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader(a.body))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		a.t.Fatalf("decode answer %d %q: %v", a.status, a.body, err)
	}
	return v
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
