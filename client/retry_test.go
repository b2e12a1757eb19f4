package client_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"legwork/client"
)

const (
	jobJSON   = `{"id":"n-1","type":"email.send","state":"pending","timeout":"1m","retention":"1h"}`
	otherJSON = `{"id":"n-1","type":"image.resize","state":"pending","timeout":"1m","retention":"1h"}`
)

var (
	stored   = answer(202, "application/json", jobJSON)
	conflict = answer(409, "application/problem+json", `{"code":"conflict","detail":"the id is used"}`)
	missing  = answer(404, "application/problem+json", `{"code":"not_found","detail":"no such job"}`)
)

// Promise: nothing is repeated unless asked for.
func TestNoRetryByDefault(t *testing.T) {
	t.Parallel()
	play(t, 0, []http.HandlerFunc{busy(503, "1"), stored}, func(t *testing.T, c *client.Client, s *script) {
		_, err := c.Job(t.Context(), "n-1")
		if p, ok := errors.AsType[*client.Problem](err); !ok || p.Status != 503 {
			t.Errorf("got %v", err)
		}
		s.expect(t, "GET /v1/jobs/n-1")
	})
}

// Promise: the wait is the answer's Retry-After (seconds or date), else one
// second that doubles; 429 and 503 are repeated, at most Retries times.
func TestRetryWaits(t *testing.T) {
	t.Parallel()
	date := func(w http.ResponseWriter, r *http.Request) {
		busy(429, time.Now().Add(5*time.Second).UTC().Format(http.TimeFormat))(w, r)
	}
	play(t, 9, []http.HandlerFunc{busy(503, "3"), date, busy(503, ""), busy(429, "nonsense"), stored},
		func(t *testing.T, c *client.Client, s *script) {
			if _, err := c.Job(t.Context(), "n-1"); err != nil {
				t.Fatal(err)
			}
			s.expect(t, "GET /v1/jobs/n-1, GET /v1/jobs/n-1, GET /v1/jobs/n-1, GET /v1/jobs/n-1, GET /v1/jobs/n-1",
				0, 3*time.Second, 8*time.Second, 12*time.Second, 20*time.Second)
		})
	play(t, 2, []http.HandlerFunc{busy(503, "")}, func(t *testing.T, c *client.Client, s *script) {
		if _, err := c.Queues(t.Context()); err == nil {
			t.Error("want the last problem")
		}
		s.expect(t, "GET /v1/queues, GET /v1/queues, GET /v1/queues", 0, time.Second, 3*time.Second)
	})
}

// Promise: a wait that is too long, or that the context would not outlive, is
// not begun; other statuses are not repeated.
func TestRetryGivesUpAtOnce(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string]http.HandlerFunc{
		"long": busy(503, "31"), "beyond deadline": busy(503, "20"), "500": busy(500, "1"), "404": missing,
	} {
		play(t, 5, []http.HandlerFunc{answers}, func(t *testing.T, c *client.Client, s *script) {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			begin := time.Now()
			if _, err := c.Queues(ctx); err == nil || time.Since(begin) != 0 {
				t.Errorf("%s: got %v after %s", name, err, time.Since(begin))
			}
			s.expect(t, "GET /v1/queues")
		})
	}
}

// Promise: cancelling ends the wait, and the error shows both reasons.
func TestRetryStopsWithContext(t *testing.T) {
	t.Parallel()
	play(t, 5, []http.HandlerFunc{busy(503, "20")}, func(t *testing.T, c *client.Client, _ *script) {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(time.Second, cancel)
		_, err := c.Queues(ctx)
		p, ok := errors.AsType[*client.Problem](err)
		if !errors.Is(err, context.Canceled) || !ok || p.Status != 503 {
			t.Errorf("got %v", err)
		}
	})
}

// Promise: what would take effect twice is never repeated.
func TestOnlyIdempotentCallsAreRepeated(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, *client.Client) error{
		"enqueue without id": func(ctx context.Context, c *client.Client) error {
			_, err := c.Enqueue(ctx, client.Enqueue{Type: "a"})
			return err
		},
		"batch": func(ctx context.Context, c *client.Client) error {
			_, err := c.EnqueueBatch(ctx, []client.Enqueue{{Type: "a", ID: "1"}})
			return err
		},
		"stream": func(ctx context.Context, c *client.Client) error {
			_, err := c.EnqueueStream(ctx, strings.NewReader("{}"))
			return err
		},
		"retry": func(ctx context.Context, c *client.Client) error { _, err := c.Retry(ctx, "1"); return err },
		"pause": func(ctx context.Context, c *client.Client) error { _, err := c.Pause(ctx, "1"); return err },
		"ready": func(ctx context.Context, c *client.Client) error { _, err := c.Ready(ctx); return err },
	} {
		play(t, 5, []http.HandlerFunc{busy(503, "1")}, func(t *testing.T, c *client.Client, s *script) {
			if err := call(t.Context(), c); err == nil || len(s.calls) != 1 {
				t.Errorf("%s: error %v after %d calls", name, err, len(s.calls))
			}
		})
	}
}

// Promise: an enqueue that finds its own earlier try stored is a success; a 409
// to the first try, or for another type's job, or for one that is gone, is not.
func TestEnqueueAfterOwnRetry(t *testing.T) {
	t.Parallel()
	const post, get = "POST /v1/jobs", "GET /v1/jobs/n-1"
	for _, test := range []struct {
		name    string
		answers []http.HandlerFunc
		calls   string
		ok      bool
	}{
		{"stored the second time", []http.HandlerFunc{busy(503, "1"), stored}, post + ", " + post, true},
		{"stored the first time", []http.HandlerFunc{busy(503, "1"), conflict, stored}, post + ", " + post + ", " + get, true},
		{"taken before", []http.HandlerFunc{conflict}, post, false},
		{"other type", []http.HandlerFunc{busy(503, "1"), conflict, answer(200, "application/json", otherJSON)}, post + ", " + post + ", " + get, false},
		{"gone", []http.HandlerFunc{busy(503, "1"), conflict, missing}, post + ", " + post + ", " + get, false},
	} {
		play(t, 3, test.answers, func(t *testing.T, c *client.Client, s *script) {
			job, err := c.Enqueue(t.Context(), client.Enqueue{Type: "email.send", ID: "n-1"})
			s.expect(t, test.calls)
			if test.ok {
				if err != nil || job.ID != "n-1" {
					t.Errorf("%s: got %v, %v", test.name, job, err)
				}
				return
			}
			if p, ok := errors.AsType[*client.Problem](err); !ok || p.Code != client.CodeConflict || job != nil {
				t.Errorf("%s: got %v, %v, want the conflict", test.name, job, err)
			}
		})
	}
}

// Promise: a delete that was repeated succeeds when the job is gone; the first
// try does not.
func TestDeleteAfterOwnRetry(t *testing.T) {
	t.Parallel()
	play(t, 1, []http.HandlerFunc{busy(503, "1"), missing}, func(t *testing.T, c *client.Client, _ *script) {
		if err := c.Delete(t.Context(), "n-1"); err != nil {
			t.Error(err)
		}
	})
	play(t, 1, []http.HandlerFunc{missing}, func(t *testing.T, c *client.Client, _ *script) {
		if err := c.Delete(t.Context(), "n-1"); err == nil {
			t.Error("want not found")
		}
	})
}
