package dashboard_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"legwork/client"
	"legwork/jobs"
)

// untilShows gets the page until it has the text.
func (r *rig) untilShows(path, want string) string {
	r.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		w := r.get(path)
		rows := strings.Join(parse(r.t, w.Body.String()), "\n")
		if w.Code == http.StatusOK && strings.Contains(rows, want) {
			return rows
		}
		if time.Now().After(deadline) {
			r.t.Fatalf("%s = %d, no %q in\n%s", path, w.Code, want, rows)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// send posts a form as the page's own browser does.
func (r *rig) send(path string, form url.Values) *httptest.ResponseRecorder {
	r.t.Helper()
	q := httptest.NewRequest(http.MethodPost, path, strings.NewReader(form.Encode()))
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	w := httptest.NewRecorder()
	r.page.ServeHTTP(w, q)
	return w
}

// notice follows the answer of a form and returns what the next page says of it.
func (r *rig) notice(w *httptest.ResponseRecorder) string {
	r.t.Helper()
	if w.Code != http.StatusSeeOther {
		r.t.Fatalf("answer = %d %s", w.Code, w.Body)
	}
	q := httptest.NewRequest(http.MethodGet, w.Header().Get("Location"), nil)
	for _, c := range w.Result().Cookies() {
		q.AddCookie(c)
	}
	next := httptest.NewRecorder()
	r.page.ServeHTTP(next, q)
	_, said, ok := strings.Cut(next.Body.String(), `<p class="notice`)
	if !ok {
		return ""
	}
	_, said, _ = strings.Cut(said, ">")
	said, _, _ = strings.Cut(said, "</p>")
	return said
}

// Promise: a failed job is found in every list that it belongs to, and its page tells of
// its error, its attempts and why it does not run.
func TestPagesOfAFailure(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.post(client.Enqueue{Type: "test.fail", ID: "fail", Queue: "work", Tags: []string{"a-tag"}})
	r.until("fail", jobs.StateRetry)
	for path, want := range map[string]string{
		"/jobs":                            "…",
		"/jobs?state=retry":                "test.fail work retry 1/16",
		"/jobs?search=type:test.fail":      "test.fail work retry",
		"/jobs?search=error:luck+since:1h": "no luck",
		"/jobs?search=nowhere":             "No job is like that",
		"/jobs/fail":                       "waits_until",
		"/queues/work":                     "retry 1",
		"/types":                           "test.fail default",
	} {
		if want == "…" {
			want = "fail test.fail"
		}
		r.untilShows(path, want)
	}
	if rows := r.untilShows("/jobs/fail", "no luck"); !strings.Contains(rows, "Attempt 1 error") || !strings.Contains(rows, "a-tag") {
		t.Errorf("the job's page:\n%s", rows)
	}
	for _, path := range []string{"/jobs/none", "/failures/0123456789abcdef", "/queues/none", "/actions/none"} {
		if w := r.get(path); w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), `role="alert"`) {
			t.Errorf("%s = %d", path, w.Code)
		}
	}
	for _, path := range []string{"/jobs?search=since:yesterday", `/jobs?search=error:%22open`, "/jobs?cursor=x", "/jobs?state=lost"} {
		if w := r.get(path); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `role="alert"`) {
			t.Errorf("%s = %d", path, w.Code)
		}
	}
}

// Promise: each act of a page does what the call of the API does, and the next page says
// so; what cannot be done is said, and nothing is an internal error.
func TestActs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hour := client.Duration(time.Hour)
	for _, id := range []string{"a", "b", "c"} {
		r.post(client.Enqueue{Type: "test.ok", ID: id, Queue: "idle", Delay: &hour})
	}
	for _, step := range []struct {
		path, says string
		form       url.Values
	}{
		{"/jobs/a/archive", "among the dead letters", url.Values{"back": {"/jobs/a"}}},
		{"/jobs/a/retry", "runs as soon as", nil},
		{"/jobs/b/cancel", "is cancelled", nil},
		{"/jobs/c/delete", "Job c is deleted", nil},
		{"/jobs/c/delete", "no such job", nil},
		{"/jobs/a/explode", "nothing called explode", nil},
		{"/queues/idle/pause", "is paused", nil},
		{"/queues/idle/resume", "goes on", nil},
		{"/queues/none/pause", "no such queue", nil},
		{"/failures/0123456789abcdef/resolve", "no such failure", nil},
		{"/failures/0123456789abcdef/ignore", "ignore for how long", url.Values{"for": {"long"}}},
		{"/workers/none/quiet", "no such worker", nil},
		{"/workers/none/explode", "nothing called explode", nil},
		{"/actions/none/abort", "no such action", nil},
		{"/jobs/act", "no job is ticked", url.Values{"action": {"retry"}}},
		{"/jobs/act", "whole number", url.Values{"action": {"retry"}, "id": {"b"}, "rate": {"x"}}},
		{"/jobs/act", "", url.Values{"action": {"retry"}, "id": {"b"}}},
		{"/jobs/act", "", url.Values{"action": {"delete"}, "all": {"1"}, "filter": {"state=archived"}}},
	} {
		if got := r.notice(r.send(step.path, step.form)); !strings.Contains(strings.ToLower(got), strings.ToLower(step.says)) || step.says == "" && got != "" {
			t.Errorf("%s says %q, want %q", step.path, got, step.says)
		}
	}
	r.untilShows("/actions", "retry 1 ids done")
	w := r.send("/jobs/act", url.Values{"action": {"retry"}, "all": {"1"}, "filter": {"queue=idle"}, "dry": {"1"}})
	if to := w.Header().Get("Location"); !strings.HasPrefix(to, "/actions/") {
		t.Errorf("shown is %s", to)
	} else {
		r.untilShows(to, "done")
	}
}

// Promise: no other site can act in the name of a viewer, and a form leads to no other site.
func TestActsOfOthers(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hour := client.Duration(time.Hour)
	r.post(client.Enqueue{Type: "test.ok", ID: "a", Queue: "idle", Delay: &hour})
	for _, header := range [][2]string{{"Sec-Fetch-Site", "cross-site"}, {"Origin", "https://evil.example"}} {
		q := httptest.NewRequest(http.MethodPost, "/jobs/a/delete", nil)
		q.Header.Set(header[0], header[1])
		w := httptest.NewRecorder()
		if r.page.ServeHTTP(w, q); w.Code != http.StatusForbidden {
			t.Errorf("%v: %d", header, w.Code)
		}
	}
	if w := r.get("/jobs/a/delete"); w.Code == http.StatusOK || w.Code == http.StatusSeeOther {
		t.Errorf("a link deletes: %d", w.Code)
	}
	r.until("a", jobs.StateScheduled)
	for _, back := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)", "x"} {
		if to := r.send("/queues/idle/pause", url.Values{"back": {back}}).Header().Get("Location"); to != "/" {
			t.Errorf("back to %q leads to %q", back, to)
		}
	}
	if w := r.send("/jobs/act", url.Values{"x": {strings.Repeat("x", 5<<20)}}); w.Code != http.StatusBadRequest {
		t.Errorf("a huge form: %d", w.Code)
	}
}

// Promise: what the dashboard is mounted under is what it serves.
func TestPaths(t *testing.T) {
	t.Parallel()
	paths := newRig(t).page.Paths()
	for _, want := range []string{"/{$}", "/jobs/{id}", "/jobs/{id}/{verb}", "/live", "/static/{file}"} {
		if !slices.Contains(paths, want) {
			t.Errorf("no %s in %q", want, paths)
		}
	}
}
