package client_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"legwork/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// setup returns a client of a server that runs handler.
func setup(t *testing.T, handler http.HandlerFunc, change ...func(*client.Options)) *client.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	transport := client.NewHTTPClient()
	t.Cleanup(transport.CloseIdleConnections)
	o := client.Options{BaseURL: server.URL, HTTPClient: transport}
	for _, f := range change {
		f(&o)
	}
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// answer replies with a status, a media type and a body.
func answer(status int, media, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// Promise: options that cannot work are refused at once, and what may be a
// secret is not repeated.
func TestNewRefusesBadOptions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		o      client.Options
		want   string
		secret string
	}{
		{"no scheme", client.Options{BaseURL: "localhost:8080"}, "want http://", ""},
		{"other scheme", client.Options{BaseURL: "ftp://x"}, "want http://", ""},
		{"no host", client.Options{BaseURL: "http://"}, "want http://", ""},
		{"port only", client.Options{BaseURL: "http://:8080"}, "want http://", ""},
		{"query", client.Options{BaseURL: "http://x/?a=b"}, "query", ""},
		{"bare query", client.Options{BaseURL: "http://x/?"}, "query", ""},
		{"fragment", client.Options{BaseURL: "http://x/#a"}, "fragment", ""},
		{"password", client.Options{BaseURL: "http://me:hunter2@x"}, "user or password", "hunter2"},
		{"unreadable", client.Options{BaseURL: "http://me:hunter2@x y/%zz"}, "base URL", "hunter2"},
		{"key with newline", client.Options{APIKey: "hunter2\n"}, "API key", "hunter2"},
		{"key with space", client.Options{APIKey: "hunter2 3"}, "API key", "hunter2"},
		{"negative retries", client.Options{Retries: -1}, "retries -1", ""},
	} {
		_, err := client.New(test.o)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an error with %q", test.name, err, test.want)
		}
		if err != nil && test.secret != "" && strings.Contains(err.Error(), test.secret) {
			t.Errorf("%s: the error repeats the secret: %v", test.name, err)
		}
	}
}

// Promise: every call carries the key, the program's name and what it accepts,
// and goes below the path of the base URL.
func TestRequestHeadersAndBasePath(t *testing.T) {
	t.Parallel()
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.URL.Path; got != "/mounted/v1/queues" {
			t.Errorf("path %q", got)
		}
		for name, want := range map[string]string{
			"Authorization": "Bearer k-1", "User-Agent": "shop/2", "Accept": "application/json, application/problem+json",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		answer(200, "application/json", `{"queues":[]}`)(w, r)
	}, func(o *client.Options) { o.BaseURL += "/mounted/"; o.APIKey = "k-1"; o.UserAgent = "shop/2" })
	if _, err := c.Queues(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Promise: without a key there is no Authorization header.
func TestNoKeyNoHeader(t *testing.T) {
	t.Parallel()
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if _, sent := r.Header["Authorization"]; sent {
			t.Error("an Authorization header was sent")
		}
		answer(200, "application/json", `{"types":[]}`)(w, r)
	})
	if _, err := c.Types(t.Context()); err != nil {
		t.Fatal(err)
	}
}
