package httpapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// call is a request that needs Redis.
type call struct{ method, path, body, mediaType string }

func (c call) String() string { return c.method + " " + c.path + " " + c.body }

// callsOnRedis is every route that cannot answer without Redis.
func callsOnRedis() []call {
	const json = "application/json"
	all := []call{
		{"POST", "/v1/jobs", `{"type":"test.ok"}`, json},
		{"POST", "/v1/jobs", `{"type":"test.ok","id":"chosen"}`, json},
		{"POST", "/v1/jobs", `{"type":"far.work"}`, json},
		{"POST", "/v1/jobs", `{"type":"nobody.knows"}`, json},
		{"POST", "/v1/jobs/batch", `{"jobs":[{"type":"test.ok"},{"type":"test.ok","id":"one"}]}`, json},
		{"POST", "/v1/jobs/batch", strings.Repeat(`{"type":"far.work"}`+"\n", 50), ndjson},
		{"POST", "/v1/jobs/batch", strings.Repeat(`{"type":"nobody.knows"}`+"\n", 50), ndjson},
		{"GET", "/v1/jobs?state=pending&tag=x", "", ""},
		{"GET", "/v1/types/nobody.knows", "", ""},
		{"GET", "/readyz", "", ""},
	}
	for _, path := range []string{"/v1/jobs", "/v1/queues", "/v1/queues/default", "/v1/stats", "/v1/jobs/" + "kept", "/v1/jobs/kept/why", "/v1/workers", "/v1/workers/far-1"} {
		all = append(all, call{"GET", path, "", ""})
	}
	for _, path := range []string{"/v1/jobs/kept/retry", "/v1/jobs/kept/cancel", "/v1/jobs/kept/archive", "/v1/queues/default/pause", "/v1/queues/default/resume", "/v1/workers/far-1/quiet"} {
		all = append(all, call{"POST", path, "", ""})
	}
	return append(all, call{"DELETE", "/v1/jobs/kept", "", ""})
}

// Promise: with Redis gone or frozen every call that needs it answers 503 with
// Retry-After within two seconds, however many come at once; the others go on
// answering; and all of it recovers by itself when Redis is back.
func TestRedisIsAway(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(storetest.Instance) }{
		"killed": {storetest.Instance.Kill, storetest.Instance.Restart},
		"frozen": {storetest.Instance.Pause, storetest.Instance.Resume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			r := newRig(t, inst, nil)
			announceFarWork(t, inst)
			r.enqueue(`{"type":"far.work","id":"kept","delay":"1h"}`)
			fault.begin(inst)
			r.allUnavailable(t, true)
			r.allUnavailable(t, false)
			fault.end(inst)
			r.allServed(t)
			r.logIsThin(t)
		})
	}
}

// announceFarWork announces a type that the process itself does not know.
func announceFarWork(t *testing.T, inst storetest.Instance) {
	t.Helper()
	reg := jobs.NewRegistry()
	jobs.Handle(reg, "far.work", func(context.Context, any) (any, error) { return nil, nil }, jobs.Options{})
	a := engine.NewAnnouncer(engine.AnnouncerOptions{
		Redis: inst.Open(), Registry: reg, ID: "far-1", Version: "v1", Log: slog.New(slog.DiscardHandler),
		Pools: []engine.PoolOptions{{Name: "main", Queues: map[string]int{"default": 1}, Concurrency: 1}},
	})
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Stop(context.Background()) })
}

// allUnavailable makes every call three times, all at once. Just after the last
// look at the announcements it is still known that nobody knows a type.
func (r *rig) allUnavailable(t *testing.T, justAfter bool) {
	t.Helper()
	var wg sync.WaitGroup
	timed := func(c call, check func(*testing.T, answer)) {
		began := time.Now()
		a := r.send(c.method, c.path, c.body, "Content-Type", c.mediaType)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%.80s: answered after %s", c, took)
		}
		check(t, a)
	}
	for range 3 {
		for _, c := range callsOnRedis() {
			wg.Go(func() {
				timed(c, func(t *testing.T, a answer) {
					if justAfter && strings.Contains(c.String(), "nobody.knows") {
						return
					}
					if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") != "2" {
						t.Errorf("%.80s: %d %v %s", c, a.status, a.header, a.body)
					}
					if c.path != "/readyz" {
						a.check(t, refusal{503, client.CodeUnavailable, nil, "Redis"})
					}
				})
			})
		}
		for _, path := range []string{"/healthz", "/v1/types", "/v1/types/test.ok", "/v1/types/far.work", "/openapi.json", "/docs"} {
			wg.Go(func() {
				timed(call{method: "GET", path: path}, func(t *testing.T, a answer) {
					if a.status != http.StatusOK {
						t.Errorf("%s: %d %s", path, a.status, a.body)
					}
				})
			})
		}
	}
	wg.Wait()
	if h := into[client.Health](r.get("/readyz")); h.Status != "unavailable" || h.Checks["redis"] != "cannot be reached" {
		t.Errorf("readyz = %+v", h)
	}
	if h := into[client.Health](r.get("/healthz")); h.Status != "ok" {
		t.Errorf("healthz = %+v", h)
	}
}

// allServed waits until no call is answered 503 any longer.
func (r *rig) allServed(t *testing.T) {
	t.Helper()
	for i, c := range callsOnRedis() {
		c.body = strings.ReplaceAll(c.body, `"chosen"`, fmt.Sprintf(`"chosen-%d"`, i))
		var last answer
		eventually(t, func() bool {
			last = r.send(c.method, c.path, c.body, "Content-Type", c.mediaType)
			return last.status != http.StatusServiceUnavailable
		}, func() string { return fmt.Sprintf("%.80s stays %d %s", c, last.status, last.body) })
		if last.status >= 500 {
			t.Errorf("%.80s: %d %s", c, last.status, last.body)
		}
	}
	if a := r.get("/readyz"); a.status != http.StatusOK || into[client.Health](a).Status != "ok" || a.header.Values("Retry-After") != nil {
		t.Errorf("readyz = %d %s %v", a.status, a.body, a.header)
	}
	for _, queue := range []string{"default", "other"} {
		a := r.post("/v1/jobs", `{"type":"test.ok","queue":"`+queue+`"}`)
		if found := r.get(a.header.Get("Location")); found.status != http.StatusOK {
			t.Errorf("a job accepted after the outage: %d %s, then %d %s", a.status, a.body, found.status, found.body)
		}
	}
}

// logIsThin checks that the log says that Redis is away, not once per request,
// and reports no defect.
func (r *rig) logIsThin(t *testing.T) {
	t.Helper()
	log := r.log.String()
	if n := strings.Count(log, "answering 503"); n < 1 || n > 5 {
		t.Errorf("the log tells %d times that Redis is away", n)
	}
	if strings.Contains(log, "level=ERROR") || strings.Count(log, "\n") > 40 {
		t.Errorf("log of %d lines:\n%s", strings.Count(log, "\n"), log)
	}
}

// Promise: a caller who gives up during an outage is no defect of ours: the log
// does not call it one.
func TestCallersWhoGiveUpAreNotLogged(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, nil)
	r.enqueue(`{"type":"test.ok","id":"kept"}`)
	inst.Pause()
	defer inst.Resume()
	var wg sync.WaitGroup
	for _, c := range callsOnRedis() {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if _, err := r.try(ctx, c.method, c.path, c.body, "Content-Type", c.mediaType); err == nil {
				t.Errorf("%.80s was answered", c)
			}
		})
	}
	wg.Wait()
	eventually(t, func() bool { return r.flying.Load() == 0 }, func() string { return "requests do not end" })
	if log := r.log.String(); strings.Contains(log, "level=ERROR") {
		t.Errorf("log:\n%s", log)
	}
}
