package httprequest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/jobs"
)

// A job from payload to result, as the engine runs it.
func TestRequestIsSentAndAnswerKept(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 1)
	bodies := make(chan string, 1)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- string(body)
		got <- r
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Set-Cookie", "session=s3cret")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":7}`)
	})
	payload := `{"method":"POST","url":"` + server + `/orders?x=1","headers":{"x-source":"shop"},"json":{"order": 4711}}`
	out, err := registered(t, open()).Run(jobContext(t, "job-1"), json.RawMessage(payload))
	if err != nil {
		t.Fatal(err)
	}
	r := <-got
	if r.Method != http.MethodPost || r.URL.RequestURI() != "/orders?x=1" {
		t.Errorf("asked for %s %s", r.Method, r.URL)
	}
	if body := <-bodies; body != `{"order": 4711}` {
		t.Errorf("body %q", body)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/json", "X-Source": "shop", "User-Agent": "legwork",
		"Legwork-Job-Id": "job-1", "Idempotency-Key": "job-1",
	} {
		if v := r.Header.Get(name); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	var res Result
	if err := json.Unmarshal(out, &res); err != nil {
		t.Fatal(err)
	}
	if _, err := time.ParseDuration(res.Duration); err != nil {
		t.Errorf("duration: %v", err)
	}
	delete(res.Headers, "Date")
	res.Duration = ""
	want := Result{Status: 201, Headers: map[string]string{"Content-Type": "application/json"}, Body: `{"id":7}`, Bytes: 8}
	if diff := cmp.Diff(want, res); diff != "" {
		t.Error(diff)
	}
}

// The payload's own headers win over the defaults, and a body has a type.
func TestHeaderDefaults(t *testing.T) {
	t.Parallel()
	got := make(chan http.Header, 1)
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) { got <- r.Header })
	h := setup(t, open())
	for _, c := range []struct {
		in   Payload
		want map[string]string
	}{
		{Payload{}, map[string]string{"Content-Type": "", "User-Agent": "legwork", "Idempotency-Key": "job-1"}},
		{Payload{Method: "PUT", Body: "hi"}, map[string]string{"Content-Type": "text/plain; charset=utf-8"}},
		{Payload{Method: "PUT", JSON: json.RawMessage("null")}, map[string]string{"Content-Type": "application/json", "Content-Length": "4"}},
		{
			Payload{Method: "PUT", Body: "<a/>", Headers: map[string]string{"content-type": "text/xml", "idempotency-key": "k", "USER-AGENT": "x", "Legwork-Job-Id": "y"}},
			map[string]string{"Content-Type": "text/xml", "Idempotency-Key": "k", "User-Agent": "x", "Legwork-Job-Id": "y"},
		},
	} {
		c.in.URL = server
		if _, err := h.run(jobContext(t, "job-1"), c.in); err != nil {
			t.Fatal(err)
		}
		header := <-got
		for name, want := range c.want {
			if v := header.Get(name); v != want {
				t.Errorf("%+v: %s is %q, want %q", c.in, name, v, want)
			}
		}
	}
}

// A user name in the address becomes basic authentication, as with any client.
func TestUserinfoBecomesAuthorization(t *testing.T) {
	t.Parallel()
	got := make(chan string, 1)
	server := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		got <- user + "/" + password
	})
	if _, err := setup(t, open()).run(t.Context(), Payload{URL: strings.Replace(server, "//", "//ann:p%40ss@", 1)}); err != nil {
		t.Fatal(err)
	}
	if v := <-got; v != "ann/p@ss" {
		t.Errorf("authorized as %q", v)
	}
}

// What does not answer is tried again, and the error gives away nothing of the
// address but its host.
func TestConnectionErrorsAreTriedAgain(t *testing.T) {
	t.Parallel()
	cut := serve(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	short := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
	})
	tls := httptest.NewUnstartedServer(answer(http.StatusOK))
	tls.Config.ErrorLog = log.New(io.Discard, "", 0)
	tls.StartTLS()
	t.Cleanup(tls.Close)
	h := setup(t, open())
	for name, address := range map[string]string{
		"refused": "http://" + closedPort(t), "cut off": cut, "short body": short,
		"unknown authority": tls.URL, "unknown host": "http://host.invalid",
	} {
		_, err := h.run(t.Context(), Payload{URL: strings.Replace(address, "//", "//ann:s3cret@", 1) + "/s3cret?k=s3cret"})
		d := wantVerdict(t, err, jobs.VerdictRetry)
		if d.Delayed {
			t.Errorf("%s: delay %s", name, d.Delay)
		}
		if !strings.Contains(d.Reason, "GET "+address) {
			t.Errorf("%s: %q does not name the host", name, d.Reason)
		}
		wantWithout(t, d.Reason, "s3cret", "ann")
	}
}

// The payload's timeout ends an exchange, and the job is tried again.
func TestTimeout(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	slow := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	defer close(release)
	_, err := setup(t, open()).run(t.Context(), Payload{URL: slow, Timeout: "20ms"})
	if d := wantVerdict(t, err, jobs.VerdictRetry); !strings.Contains(d.Reason, "timeout of 20ms") {
		t.Error(d.Reason)
	}
}

// A cancelled job lets go of its request at once.
func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	hung := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	_, err := setup(t, open()).run(ctx, Payload{URL: hung})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	wantVerdict(t, err, jobs.VerdictRetry)
}

// One pool of connections serves all jobs: the second request reuses the first's.
func TestConnectionIsReused(t *testing.T) {
	t.Parallel()
	from := make(chan string, 2)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		from <- r.RemoteAddr
		_, _ = io.WriteString(w, "hello")
	})
	h := setup(t, open())
	for range 2 {
		if _, err := h.run(t.Context(), Payload{URL: server}); err != nil {
			t.Fatal(err)
		}
	}
	if first, second := <-from, <-from; first != second {
		t.Errorf("connections from %s and %s", first, second)
	}
}
