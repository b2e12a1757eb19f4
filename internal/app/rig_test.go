package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"legwork/client"
	"legwork/configs"
	"legwork/internal/app"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// What go-redis leaves of a connection to a server that stays away ends within
// a second of the client's end.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// config is the default configuration on a free port, with quick stops.
func config(inst storetest.Instance, roles ...string) configs.Config {
	c := configs.Default()
	c.HTTP.Addr = "127.0.0.1:0"
	c.Redis.URL = inst.URL
	c.Worker.StopTimeout, c.Worker.CancelGrace = 200*time.Millisecond, time.Second
	c.HTTP.ShutdownTimeout = 5 * time.Second
	if len(roles) > 0 {
		c.Roles = roles
	}
	return c
}

// process is an app that runs.
type process struct {
	t    testing.TB
	app  *app.App
	url  string
	log  *journal
	stop func() error // asks it to stop and returns what Run returned; safe to repeat
}

// start runs an app until the test ends or it is stopped. Its types are those
// that register registers; nil registers none.
func start(t testing.TB, c configs.Config, register func(*jobs.Registry)) *process {
	t.Helper()
	p, ended := launch(t, c, register)
	select {
	case <-ended.ready:
	case <-ended.done:
		t.Fatalf("the app ended before it was ready: %v", ended.err)
	case <-time.After(20 * time.Second):
		t.Fatal("the app does not get ready")
	}
	return p
}

// run is the end of an app.
type run struct {
	ready, done chan struct{}
	err         error // set before done closes
}

// launch runs an app without waiting for it to be ready.
func launch(t testing.TB, c configs.Config, register func(*jobs.Registry)) (*process, *run) {
	t.Helper()
	p := &process{t: t, log: &journal{}}
	var err error
	if p.app, err = app.New(app.Options{Config: c, Registry: registry(t, register), Version: "test", Log: slog.New(slog.NewTextHandler(p.log, nil))}); err != nil {
		t.Fatal(err)
	}
	p.url = "http://" + p.app.Addr()
	ctx, cancel := context.WithCancel(context.Background())
	r := &run{ready: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = p.app.Run(ctx, func() { close(r.ready) })
	}()
	p.stop = func() error {
		cancel()
		select {
		case <-r.done:
			return r.err
		case <-time.After(30 * time.Second):
			t.Error("the app does not stop")
			return context.DeadlineExceeded
		}
	}
	t.Cleanup(func() { _ = p.stop() })
	return p, r
}

func registry(t testing.TB, register func(*jobs.Registry)) *jobs.Registry {
	t.Helper()
	reg := jobs.NewRegistry()
	if register != nil {
		register(reg)
		if err := reg.Err(); err != nil {
			t.Fatal(err)
		}
	}
	return reg
}

// greet registers a type that answers.
func greet(reg *jobs.Registry) {
	type in struct {
		Name string `json:"name" jsonschema:"minLength=1"`
	}
	jobs.Handle(reg, "test.greet", func(_ context.Context, i in) (string, error) { return "hello " + i.Name, nil }, jobs.Options{})
}

// call makes a request; headers are pairs of name and value.
func (p *process) call(method, path, body string, headers ...string) (int, string) {
	p.t.Helper()
	status, text, err := p.try(method, path, body, headers...)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	return status, text
}

func (p *process) try(method, path, body string, headers ...string) (int, string, error) {
	q, err := http.NewRequest(method, p.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	q.Close = true
	q.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		q.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(q)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(raw), err
}

// job returns the job of that id.
func (p *process) job(id string) client.Job {
	p.t.Helper()
	_, text := p.call("GET", "/v1/jobs/"+id, "")
	return decode[client.Job](p.t, text)
}

// until waits for the job to be in the state.
func (p *process) until(id, state string) client.Job {
	p.t.Helper()
	var last client.Job
	eventually(p.t, func() bool { last = p.job(id); return last.State == state }, func() string {
		return "job " + id + " is " + last.State + ", want " + state + ": " + last.LastError
	})
	return last
}

func decode[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("decode %q: %v", text, err)
	}
	return v
}

// eventually polls until ok or, after 20 s, fails with what why says.
func eventually(t testing.TB, ok func() bool, why func() string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
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

// journal is a log to look into.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(b)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}
