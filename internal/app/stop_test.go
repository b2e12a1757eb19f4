package app_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"legwork/client"
	"legwork/configs"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// holding registers a type whose jobs run until the channel closes or their
// context ends.
func holding(release <-chan struct{}) func(*jobs.Registry) {
	return func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.hold", func(ctx context.Context, _ struct{}) (string, error) {
			select {
			case <-release:
				return "released", nil
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
		}, jobs.Options{})
		greet(reg)
	}
}

// waiting posts a job and waits for it in the background.
func (p *process) waiting(id string) <-chan string {
	got := make(chan string, 1)
	go func() {
		status, text, err := p.try("POST", "/v1/jobs", `{"type":"test.hold","id":"`+id+`"}`, "Prefer", "wait=60")
		got <- fmt.Sprint(status, " ", err, " ", text)
	}()
	return got
}

// Promise: a stop answers those who wait, refuses new connections, lets running
// jobs end that do so in time, gives the others back, and is no error.
func TestStopWithWaitersAndRunningJobs(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	release := make(chan struct{})
	c := config(inst)
	c.Worker.StopTimeout = 20 * time.Second
	p := start(t, c, holding(release))
	got := []<-chan string{p.waiting("a"), p.waiting("b")}
	p.until("a", "active")
	p.until("b", "active")
	stopped := make(chan error, 1)
	go func() { stopped <- p.stop() }()
	for _, answer := range got {
		if text := <-answer; !strings.HasPrefix(text, "202 <nil>") || !strings.Contains(text, `"active"`) {
			t.Errorf("a caller who waits: %s", text)
		}
	}
	eventually(t, func() bool { _, err := net.Dial("tcp", p.app.Addr()); return err != nil }, func() string { return "the port stays open" })
	close(release)
	if err := <-stopped; err != nil {
		t.Errorf("stop: %v", err)
	}
	next := start(t, config(inst, configs.RoleAPI), nil)
	for _, id := range []string{"a", "b"} {
		if j := next.job(id); j.State != "completed" || string(j.Result) != `"released"` || j.Attempt != 1 {
			t.Errorf("job = %+v", j)
		}
	}
}

// Promise: jobs that outlast stop_timeout go back to their queue without using
// up an attempt, and the next process runs them; 0 means no time at all.
func TestStopGivesJobsBack(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	c := config(inst)
	c.Worker.StopTimeout = 0
	p := start(t, c, holding(nil))
	for i := range 5 {
		p.call("POST", "/v1/jobs", fmt.Sprintf(`{"type":"test.hold","id":"h%d","max_retries":0}`, i))
		p.until(fmt.Sprint("h", i), "active")
	}
	began := time.Now()
	if err := p.stop(); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("stop: %v after %s", err, time.Since(began))
	}
	release := make(chan struct{})
	close(release)
	next := start(t, config(inst), holding(release))
	for i := range 5 {
		if j := next.until(fmt.Sprint("h", i), "completed"); j.Attempt != 1 {
			t.Errorf("job = %+v", j)
		}
	}
}

// Promise: a stop ends the streams of those who follow a job, at once and without the
// event that tells of the job's end.
func TestStopWithFollowers(t *testing.T) {
	t.Parallel()
	c := config(storetest.Redis(t))
	c.HTTP.ShutdownTimeout = 20 * time.Second
	p := start(t, c, greet)
	p.call("POST", "/v1/jobs", `{"type":"test.greet","id":"later","payload":{"name":"x"},"delay":"1h"}`)
	followers := make(chan string, 10)
	for range cap(followers) {
		resp, err := http.Get(p.url + "/v1/jobs/later/events")
		if err != nil {
			t.Fatal(err)
		}
		first := make([]byte, 4)
		if _, err := io.ReadFull(resp.Body, first); err != nil {
			t.Fatal(err)
		}
		go func() {
			defer func() { _ = resp.Body.Close() }()
			rest, err := io.ReadAll(resp.Body)
			followers <- fmt.Sprintf("%s%s %v", first, rest, err)
		}()
	}
	began := time.Now()
	if err := p.stop(); err != nil || time.Since(began) > 10*time.Second {
		t.Errorf("stop: %v after %s", err, time.Since(began))
	}
	for range cap(followers) {
		if text := <-followers; !strings.HasPrefix(text, "id: ") || !strings.Contains(text, `"scheduled"`) || strings.Contains(text, "event: end") || !strings.HasSuffix(text, "<nil>") {
			t.Errorf("a follower has %q", text)
		}
	}
	if log := p.log.String(); strings.Contains(log, "cut off") {
		t.Errorf("the log:\n%s", log)
	}
}

// Promise: of jobs that were accepted while processes stop and start under load,
// none is lost.
func TestRestartsUnderLoadLoseNothing(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	var mu sync.Mutex
	ran := map[string]bool{}
	register := func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.note", func(ctx context.Context, _ struct{}) (struct{}, error) {
			mu.Lock()
			defer mu.Unlock()
			ran[jobs.Info(ctx).ID] = true
			return struct{}{}, nil
		}, jobs.Options{})
	}
	var accepted []string
	for range 3 {
		p := start(t, config(inst), register)
		var producers sync.WaitGroup
		var stopping atomic.Bool
		enough := make(chan struct{}, 10_000)
		for range 4 {
			producers.Go(func() {
				for !stopping.Load() {
					status, text, err := p.try("POST", "/v1/jobs", `{"type":"test.note"}`)
					if err == nil && status == http.StatusAccepted {
						mu.Lock()
						accepted = append(accepted, decode[client.Job](t, text).ID)
						mu.Unlock()
						enough <- struct{}{}
					}
					if err != nil {
						return // the port is closed
					}
				}
			})
		}
		for range 100 {
			<-enough
		}
		if err := p.stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
		stopping.Store(true)
		producers.Wait()
	}
	start(t, config(inst), register)
	eventually(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return !slices.ContainsFunc(accepted, func(id string) bool { return !ran[id] })
	}, func() string { return fmt.Sprintf("%d accepted, %d ran", len(accepted), len(ran)) })
}

// Promise: a request that does not end holds a stop up for shutdown_timeout and
// no longer, and does not make the stop a failure.
func TestStopWithAnEndlessRequest(t *testing.T) {
	t.Parallel()
	c := config(storetest.Redis(t))
	c.HTTP.ShutdownTimeout = 100 * time.Millisecond
	p := start(t, c, greet)
	conn, err := net.Dial("tcp", p.app.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if line := make([]byte, 12); true {
		if _, err := io.ReadFull(conn, line); err != nil || string(line) != "HTTP/1.1 100" {
			t.Fatalf("the server does not read the body: %q %v", line, err)
		}
	}
	began := time.Now()
	if err := p.stop(); err != nil || time.Since(began) > 10*time.Second {
		t.Errorf("stop: %v after %s", err, time.Since(began))
	}
	if log := p.log.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "part=http") {
		t.Errorf("the log does not tell of the request that was cut off:\n%s", log)
	}
}

// Promise: with Redis gone or frozen a stop ends all the same, soon and without
// an error; what it could not do passes by itself.
func TestStopWithoutRedis(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(storetest.Instance){"killed": storetest.Instance.Kill, "frozen": storetest.Instance.Pause} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			c := config(inst)
			c.Redis.ReadTimeout = 300 * time.Millisecond
			p := start(t, c, holding(nil))
			p.call("POST", "/v1/jobs", `{"type":"test.hold","id":"a"}`)
			p.until("a", "active")
			fault(inst)
			began := time.Now()
			if err := p.stop(); err != nil || time.Since(began) > 15*time.Second {
				t.Errorf("stop: %v after %s", err, time.Since(began))
			}
		})
	}
}
