package dashboard_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/store/storetest"
)

// Promise: with Redis gone or frozen the page says so with 503 within two
// seconds, however many ask, and comes back by itself.
func TestOverviewWithoutRedis(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(storetest.Instance) }{
		"killed": {storetest.Instance.Kill, storetest.Instance.Restart},
		"frozen": {storetest.Instance.Pause, storetest.Instance.Resume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.post(client.Enqueue{Type: "test.ok", Queue: "idle"})
			fault.begin(r.inst)
			var all sync.WaitGroup
			for range 5 {
				all.Go(func() {
					began := time.Now()
					w := r.get("/")
					if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || time.Since(began) > 2*time.Second {
						t.Errorf("answer = %d %v after %s", w.Code, w.Header(), time.Since(began))
					}
					rows := strings.Join(parse(t, w.Body.String()), "\n")
					if !strings.Contains(rows, "Redis cannot be reached") || !strings.Contains(w.Body.String(), `http-equiv="refresh"`) {
						t.Errorf("page = %s", rows)
					}
				})
			}
			all.Wait()
			fault.end(r.inst)
			deadline := time.Now().Add(20 * time.Second)
			for r.get("/").Code != http.StatusOK {
				if time.Now().After(deadline) {
					t.Fatal("the page does not come back")
				}
			}
		})
	}
}

// Promise: a fault that is not Redis's absence is not called that.
func TestOverviewOfABrokenKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.inst.Client.Set(t.Context(), "asynq:queues", "x", 0).Err(); err != nil {
		t.Fatal(err)
	}
	w := r.get("/")
	rows := strings.Join(parse(t, w.Body.String()), "\n")
	if w.Code != http.StatusServiceUnavailable || strings.Contains(rows, "cannot be reached") || !strings.Contains(rows, "holds something else") {
		t.Errorf("%d %s", w.Code, rows)
	}
}

// Promise: pages and files carry a policy without exceptions for inline code,
// the style sheet is served, and nothing else is: neither a listing nor the
// templates.
func TestFilesAndPolicy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for _, path := range []string{"/", "/static/style.css"} {
		w := r.get(path)
		policy := w.Header().Get("Content-Security-Policy")
		if w.Code != http.StatusOK || !strings.HasPrefix(policy, "default-src 'self'; img-src 'self' data:;") || strings.Contains(policy, "unsafe") || w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s = %d %v", path, w.Code, w.Header())
		}
	}
	css := r.get("/static/style.css")
	if css.Header().Get("Content-Type") != "text/css; charset=utf-8" || strings.Contains(css.Body.String(), "url(") || strings.Contains(css.Body.String(), "@import") {
		t.Errorf("style sheet of type %q", css.Header().Get("Content-Type"))
	}
	for _, path := range []string{"/static/", "/static/none.css", "/static/README.md", "/live", "/live?page=x", "/page/overview.html", "/overview.html", "/static/../page/overview.html", "/x"} {
		if w := r.get(path); w.Code == http.StatusOK {
			t.Errorf("%s = %d %.100s", path, w.Code, w.Body)
		}
	}
}
