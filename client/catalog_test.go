package client_test

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"legwork/client"
)

// Promise: every method makes the call it is documented to make, and a name
// cannot lead to another path.
func TestCallsAndPaths(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		got <- r.Method + " " + r.URL.EscapedPath()
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		answer(200, "application/json", `{"status":"ok"}`)(w, r)
	})
	ctx := t.Context()
	for want, call := range map[string]func() error{
		"GET /v1/jobs/a%2Fb":             func() error { _, err := c.Job(ctx, "a/b"); return err },
		"GET /v1/jobs/%2E%2E":            func() error { _, err := c.Job(ctx, ".."); return err },
		"GET /v1/jobs/a%3Fb%23":          func() error { _, err := c.Job(ctx, "a?b#"); return err },
		"POST /v1/jobs/1/retry":          func() error { _, err := c.Retry(ctx, "1"); return err },
		"POST /v1/jobs/1/cancel":         func() error { _, err := c.Cancel(ctx, "1"); return err },
		"POST /v1/jobs/1/archive":        func() error { _, err := c.Archive(ctx, "1"); return err },
		"DELETE /v1/jobs/%2E":            func() error { return c.Delete(ctx, ".") },
		"GET /v1/queues":                 func() error { _, err := c.Queues(ctx); return err },
		"GET /v1/queues/mail":            func() error { _, err := c.Queue(ctx, "mail"); return err },
		"POST /v1/queues/mail/pause":     func() error { _, err := c.Pause(ctx, "mail"); return err },
		"POST /v1/queues/mail/resume":    func() error { _, err := c.Resume(ctx, "mail"); return err },
		"GET /v1/types":                  func() error { _, err := c.Types(ctx); return err },
		"GET /v1/types/email.send":       func() error { _, err := c.Type(ctx, "email.send"); return err },
		"GET /readyz":                    func() error { _, err := c.Ready(ctx); return err },
		"GET /v1/failures":               func() error { _, err := c.Failures(ctx, client.FailureFilter{}); return err },
		"GET /v1/failures/0f":            func() error { _, err := c.Failure(ctx, "0f", client.TrendWeek); return err },
		"POST /v1/failures/0f/resolve":   func() error { _, err := c.ResolveFailure(ctx, "0f"); return err },
		"POST /v1/failures/0f/reopen":    func() error { _, err := c.ReopenFailure(ctx, "0f"); return err },
		"POST /v1/failures/..%2F/ignore": func() error { _, err := c.IgnoreFailure(ctx, "../", client.Ignore{}); return err },
		"POST /v1/queues/%2E%2E/pause":   func() error { _, err := c.Pause(ctx, ".."); return err },
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		if call := <-got; call != want {
			t.Errorf("got %s, want %s", call, want)
		}
	}
}

// Promise: an empty name is refused, since its path would be the list's.
func TestEmptyNames(t *testing.T) {
	t.Parallel()
	c := setup(t, func(http.ResponseWriter, *http.Request) { t.Error("a call was made") })
	ctx := context.Background()
	for i, call := range []func() error{
		func() error { _, err := c.Job(ctx, ""); return err },
		func() error { _, err := c.Retry(ctx, ""); return err },
		func() error { return c.Delete(ctx, "") },
		func() error { _, err := c.Queue(ctx, ""); return err },
		func() error { _, err := c.Pause(ctx, ""); return err },
		func() error { _, err := c.Type(ctx, ""); return err },
		func() error { _, err := c.Failure(ctx, "", ""); return err },
		func() error { _, err := c.ResolveFailure(ctx, ""); return err },
	} {
		if call() == nil {
			t.Errorf("call %d: no error", i)
		}
	}
}

// Promise: a server that is not ready gives both its checks and a problem;
// something else on that address gives a problem only.
func TestReady(t *testing.T) {
	t.Parallel()
	ok, err := setup(t, answer(200, "application/json", `{"status":"ok","checks":{"redis":"ok"}}`)).Ready(t.Context())
	if err != nil || ok.Status != "ok" || ok.Checks["redis"] != "ok" {
		t.Errorf("ready: got %v, %v", ok, err)
	}
	down, err := setup(t, answer(503, "application/json", `{"status":"unavailable","checks":{"redis":"refused"}}`)).Ready(t.Context())
	p, isProblem := errors.AsType[*client.Problem](err)
	if !isProblem || p.Code != client.CodeUnavailable || down == nil || down.Checks["redis"] != "refused" {
		t.Errorf("not ready: got %v, %v", down, err)
	}
	for status, body := range map[int]string{200: "<html>", 404: `{"status":"ok"}`, 503: "nginx"} {
		health, err := setup(t, answer(status, "text/html", body)).Ready(t.Context())
		if p, ok := errors.AsType[*client.Problem](err); !ok || p.Code != client.CodeUnexpected || health != nil {
			t.Errorf("%d: got %v, %v", status, health, err)
		}
	}
}
