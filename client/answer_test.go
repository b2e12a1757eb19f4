package client_test

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/client"
)

// Promise: problem details arrive whole, with the header's Retry-After.
func TestProblemArrivesWhole(t *testing.T) {
	t.Parallel()
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		answer(422, "application/problem+json; charset=utf-8", `{"type":"about:blank","title":"Unprocessable Entity",
			"status":422,"detail":"the payload fails its schema","code":"invalid_payload",
			"errors":[{"pointer":"/payload/to","detail":"is required"}]}`)(w, r)
	})
	_, err := c.Enqueue(t.Context(), client.Enqueue{Type: "email.send"})
	got, ok := errors.AsType[*client.Problem](err)
	if !ok {
		t.Fatalf("got %T %v, want a problem", err, err)
	}
	want := &client.Problem{
		Type: "about:blank", Title: "Unprocessable Entity", Status: 422, Detail: "the payload fails its schema",
		Code: client.CodeInvalidPayload, Errors: []client.FieldError{{Pointer: "/payload/to", Detail: "is required"}},
		RetryAfter: client.Duration(7 * time.Second),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Promise: whatever else answers becomes a problem that says so, with a short
// excerpt in one line of printable characters.
func TestForeignAnswers(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 5000)
	for _, test := range []struct {
		name, media, body, want string
		status                  int
	}{
		{"html", "text/html", "<h1>Bad\n\x1b[31m gateway</h1>", "an answer that is not Legwork's: Bad Gateway: <h1>Bad [31m gateway</h1>", 502},
		{"long", "text/plain", long, "an answer that is not Legwork's: Not Found: " + long[:200] + "...", 404},
		{"json", "application/json", `{"message":"no"}`, `an answer that is not Legwork's: Forbidden: {"message":"no"}`, 403},
		{"binary", "image/png", "\x89PNG", "an answer that is not Legwork's: Not Found", 404},
		{"empty", "", "", "an answer that is not Legwork's: Service Unavailable", 503},
		{"no such status", "", "", "an answer that is not Legwork's: status 599", 599},
		{"broken problem", "application/problem+json", `{"title":`, "an answer that is not Legwork's: Conflict", 409},
		{"broken utf-8", "text/plain", "a\xff\xfeb", "an answer that is not Legwork's: Gone: ab", 410},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := setup(t, answer(test.status, test.media, test.body)).Job(t.Context(), "x")
			p, ok := errors.AsType[*client.Problem](err)
			if !ok {
				t.Fatalf("got %v, want a problem", err)
			}
			if p.Status != test.status || p.Code != client.CodeUnexpected || p.Detail != test.want {
				t.Errorf("got %d %s %q\nwant %q", p.Status, p.Code, p.Detail, test.want)
			}
		})
	}
}

// Promise: a problem without words of its own still reads as a sentence.
func TestProblemWithoutDetail(t *testing.T) {
	t.Parallel()
	_, err := setup(t, answer(404, "application/problem+json", `{"code":"not_found"}`)).Job(t.Context(), "x")
	if want := "Not Found (404 not_found)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// Promise: a redirect is not followed, so neither key nor payload goes where
// the caller did not send it.
func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/jobs" {
			t.Errorf("followed to %s", r.URL.Path)
		}
		http.Redirect(w, r, "/login", http.StatusFound)
	})
	_, err := c.Enqueue(t.Context(), client.Enqueue{Type: "a"})
	p, ok := errors.AsType[*client.Problem](err)
	if !ok || p.Status != 302 || !strings.Contains(p.Detail, "to /login") {
		t.Errorf("got %v", err)
	}
}

// Promise: a good status with something else than the expected JSON is an
// error that names the call.
func TestUndecodableAnswer(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "<html>", `{"jobs":`, `{"jobs":1}`} {
		list, err := setup(t, answer(200, "application/json", body)).Jobs(t.Context(), client.JobFilter{})
		if err == nil || !strings.Contains(err.Error(), "GET /v1/jobs") || list != nil {
			t.Errorf("body %q: got %v, %v", body, list, err)
		}
	}
}

// Promise: an answer is not read beyond AnswerMax.
func TestAnswerIsBounded(t *testing.T) {
	t.Parallel()
	chunk := bytes.Repeat([]byte(" "), 1<<20)
	c := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		for range client.AnswerMax>>20 + 8 {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	_, err := c.Jobs(t.Context(), client.JobFilter{})
	if err == nil || !strings.Contains(err.Error(), "larger than 64 MiB") {
		t.Errorf("got %v", err)
	}
}

// Promise: no connection, an answer cut off and an ended context all show as
// *url.Error, never as a problem.
func TestTransportErrors(t *testing.T) {
	t.Parallel()
	cut := setup(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = w.Write([]byte("{"))
	})
	nobody, err := client.New(client.Options{BaseURL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, call := range map[string]func() error{
		"cut off":       func() error { _, err := cut.Queues(t.Context()); return err },
		"no connection": func() error { _, err := nobody.Queues(t.Context()); return err },
		"ended context": func() error { _, err := cut.Queues(ended); return err },
	} {
		err := call()
		if _, ok := errors.AsType[*url.Error](err); !ok {
			t.Errorf("%s: got %T %v", name, err, err)
		}
	}
}
