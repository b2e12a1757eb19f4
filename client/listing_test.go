package client_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"legwork/client"
)

// pages serves a list of jobs two to a page.
func pages(w http.ResponseWriter, r *http.Request) {
	page := map[string]string{
		"":   `{"jobs":[{"id":"1"},{"id":"2"}],"next_cursor":"c2"}`,
		"c2": `{"jobs":[{"id":"3"},{"id":"4"}],"next_cursor":"c3"}`,
		"c3": `{"jobs":[]}`,
	}[r.URL.Query().Get("cursor")]
	answer(200, "application/json", page)(w, r)
}

// Promise: a filter goes out as the query, empty fields left out.
func TestJobsQuery(t *testing.T) {
	t.Parallel()
	for want, filter := range map[string]client.JobFilter{
		"": {},
		"cursor=c%2B1&limit=5&queue=q&state=retry&tag=a%26b&type=email.send": {
			State: "retry", Queue: "q", Type: "email.send", Tag: "a&b", Limit: 5, Cursor: "c+1",
		},
	} {
		c := setup(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.RawQuery != want {
				t.Errorf("query %q, want %q", r.URL.RawQuery, want)
			}
			answer(200, "application/json", `{"jobs":[]}`)(w, r)
		})
		if _, err := c.Jobs(t.Context(), filter); err != nil {
			t.Error(err)
		}
	}
}

// Promise: AllJobs goes through every page, and stops where the caller stops.
func TestAllJobs(t *testing.T) {
	t.Parallel()
	c := setup(t, pages)
	var ids string
	for job, err := range c.AllJobs(t.Context(), client.JobFilter{Limit: 2}) {
		if err != nil {
			t.Fatal(err)
		}
		ids += job.ID
	}
	if ids != "1234" {
		t.Errorf("got %s", ids)
	}
	for job, err := range c.AllJobs(t.Context(), client.JobFilter{}) {
		if err != nil || job.ID == "2" {
			break
		}
	}
}

// Promise: an error ends the iteration, and comes once.
func TestAllJobsError(t *testing.T) {
	t.Parallel()
	c := setup(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") != "" {
			busy(503, "1")(w, r)
			return
		}
		pages(w, r)
	})
	var jobs, failures int
	for _, err := range c.AllJobs(t.Context(), client.JobFilter{}) {
		if err == nil {
			jobs++
			continue
		}
		failures++
		if p, ok := errors.AsType[*client.Problem](err); !ok || p.Status != 503 {
			t.Errorf("got %v", err)
		}
	}
	if jobs != 2 || failures != 1 {
		t.Errorf("%d jobs and %d errors, want 2 and 1", jobs, failures)
	}
}

// Promise: a cursor that leads to itself does not loop for ever.
func TestAllJobsSameCursor(t *testing.T) {
	t.Parallel()
	c := setup(t, answer(200, "application/json", `{"jobs":[{"id":"1"}],"next_cursor":"c"}`))
	var last error
	for _, err := range c.AllJobs(t.Context(), client.JobFilter{}) {
		last = err
	}
	if last == nil || !strings.Contains(last.Error(), `cursor "c"`) {
		t.Errorf("got %v", last)
	}
}
