package app_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"legwork/configs"
	"legwork/internal/app"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// create makes an app that must not be made, and returns the error.
func create(t *testing.T, c configs.Config, reg *jobs.Registry) error {
	t.Helper()
	a, err := app.New(app.Options{Config: c, Registry: reg, Version: "test", Log: slog.New(slog.DiscardHandler)})
	if err == nil {
		t.Fatalf("an app was made, listening on %s", a.Addr())
	}
	return err
}

// Promise: an address that is taken stops the start with an error that names it
// and says what to do.
func TestAddressTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	c := config(storetest.Redis(t))
	c.HTTP.Addr = l.Addr().String()
	if err := create(t, c, jobs.NewRegistry()); !errors.Is(err, app.ErrAddrInUse) || !strings.Contains(err.Error(), c.HTTP.Addr) || !strings.Contains(err.Error(), "--http-addr") {
		t.Errorf("error = %v", err)
	}
	c.HTTP.Addr = "127.0.0.1:70000"
	if err := create(t, c, jobs.NewRegistry()); errors.Is(err, app.ErrAddrInUse) || !strings.Contains(err.Error(), "check http.addr") {
		t.Errorf("error = %v", err)
	}
}

// Promise: what is wrong with the Redis settings is told before anything starts.
func TestWrongRedisSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*configs.Redis)
		says   string
	}{
		"embedded":      {func(r *configs.Redis) { r.URL = configs.RedisEmbedded }, "only legwork dev offers"},
		"not a URL":     {func(r *configs.Redis) { r.URL = "http://:secret@x" }, "http"},
		"password file": {func(r *configs.Redis) { r.PasswordFile = "/nowhere/password" }, "redis.password_file"},
		"CA file":       {func(r *configs.Redis) { r.URL, r.TLS.CAFile = "rediss://127.0.0.1:1", "/nowhere/ca.pem" }, "/nowhere/ca.pem"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conf := configs.Default()
			conf.HTTP.Addr = "127.0.0.1:0"
			c.change(&conf.Redis)
			if err := create(t, conf, jobs.NewRegistry()); !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "secret") {
				t.Errorf("error = %v, want it to say %q", err, c.says)
			}
		})
	}
}

// Promise: all mistakes of the registry are listed by one start.
func TestRegistryMistakes(t *testing.T) {
	t.Parallel()
	reg := jobs.NewRegistry()
	jobs.Handle(reg, "Bad Name", func(context.Context, any) (any, error) { return nil, nil }, jobs.Options{})
	jobs.Handle(reg, "bad.timeout", func(context.Context, any) (any, error) { return nil, nil }, jobs.Options{Timeout: time.Millisecond})
	jobs.Handle[any, any](reg, "no.handler", nil, jobs.Options{})
	err := create(t, config(storetest.Redis(t)), reg)
	for _, part := range []string{"register job types", "Bad Name", "bad.timeout", "no.handler"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error = %v, want it to name %q", err, part)
		}
	}
}

// Promise: without Redis the process tries for start_timeout, says so, and then
// ends with an error that tells where it looked.
func TestRedisAbsentAtStart(t *testing.T) {
	t.Parallel()
	inst := storetest.RedisWith(t, storetest.Options{TCP: true})
	inst.Kill()
	c := config(inst)
	c.Redis.StartTimeout = 500 * time.Millisecond
	p, run := launch(t, c, greet)
	<-run.done
	if !errors.Is(run.err, store.ErrUnreachable) || !strings.Contains(run.err.Error(), inst.Nodes[0].Addr()) {
		t.Errorf("error = %v", run.err)
	}
	if log := p.log.String(); !strings.Contains(log, "redis not reachable") {
		t.Errorf("log = %s", log)
	}
	if conn, err := net.Dial("tcp", p.app.Addr()); err == nil {
		_ = conn.Close()
		t.Error("the port is still open")
	}
}

// Promise: a Redis that comes up within start_timeout is found.
func TestRedisComesUp(t *testing.T) {
	t.Parallel()
	inst := storetest.RedisWith(t, storetest.Options{TCP: true})
	inst.Kill()
	p, run := launch(t, config(inst), greet)
	eventually(t, func() bool { return strings.Contains(p.log.String(), "redis not reachable") }, func() string { return "the app says nothing: " + p.log.String() })
	inst.Restart()
	select {
	case <-run.ready:
	case <-time.After(20 * time.Second):
		t.Fatalf("not ready: %s", p.log)
	}
	if status, text := p.call("GET", "/readyz", ""); status != 200 {
		t.Errorf("readyz = %d %s", status, text)
	}
}

// Promise: a start_timeout of 0 means one try, which finds a Redis that is there.
func TestStartTimeoutOfZero(t *testing.T) {
	t.Parallel()
	inst := storetest.RedisWith(t, storetest.Options{TCP: true})
	c := config(inst)
	c.Redis.StartTimeout = 0
	if err := start(t, c, greet).stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	inst.Kill()
	_, run := launch(t, c, greet)
	if <-run.done; !errors.Is(run.err, store.ErrUnreachable) {
		t.Errorf("error = %v", run.err)
	}
}

// Promise: asked to stop while it waits for Redis, the process ends at once with
// the reason.
func TestStopWhileWaitingForRedis(t *testing.T) {
	t.Parallel()
	inst := storetest.RedisWith(t, storetest.Options{TCP: true})
	inst.Kill()
	p, run := launch(t, config(inst), greet)
	eventually(t, func() bool { return p.log.String() != "" }, func() string { return "the app says nothing" })
	if err := p.stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
	select {
	case <-run.ready:
		t.Error("the app said that it is ready")
	default:
	}
}

// Promise: the password may come from a file; a wrong one ends the start at once
// and not after start_timeout.
func TestPasswordFile(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	if err := inst.Client.ConfigSet(t.Context(), "requirepass", "s3cret").Err(); err != nil {
		t.Fatal(err)
	}
	c := config(inst)
	c.Redis.PasswordFile = filepath.Join(t.TempDir(), "password")
	for content, good := range map[string]bool{"s3cret\n": true, "s3cret\r\n": true, "s3cret": true, "wrong": false, "": false} {
		if err := os.WriteFile(c.Redis.PasswordFile, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if good {
			if err := start(t, c, greet).stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
			continue
		}
		began := time.Now()
		_, run := launch(t, c, greet)
		if <-run.done; !store.Denied(run.err) || strings.Contains(run.err.Error(), content) && content != "" || time.Since(began) > 10*time.Second {
			t.Errorf("password %q: %v after %s", content, run.err, time.Since(began))
		}
	}
}
