package httpapi_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/store/storetest"
)

// Promise: what came in and was run is told in total, by type and by queue, with
// times, and with the state of the system.
func TestStats(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, nil)
	announceFarWork(t, inst)
	r.fill(3, `{"type":"test.ok","queue":"work"}`)
	r.enqueue(`{"type":"test.die","queue":"work"}`)
	r.fill(2, `{"type":"test.ok","queue":"idle"}`)
	stop := r.pool("work")
	r.settle("work", "completed", 3)
	r.settle("work", "archived", 1)
	stop()
	if err := r.tally.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	read := func(query string) client.Stats {
		t.Helper()
		a := r.get("/v1/stats" + query)
		if a.status != http.StatusOK {
			t.Fatalf("%s: %d %s", query, a.status, a.body)
		}
		return into[client.Stats](a)
	}
	all := read("")
	if n := all.Totals; n.Enqueued != 6 || n.Started != 4 || n.Succeeded != 3 || n.Failed != 1 || n.Dead != 1 || n.Retried != 0 {
		t.Errorf("totals = %+v", n)
	}
	if run, wait := all.Totals.Run, all.Totals.Wait; run == nil || wait == nil || run.P50 <= 0 || run.P99 < run.P95 || run.P95 < run.P50 || wait.P99 > client.Duration(time.Minute) {
		t.Errorf("run = %+v, wait = %+v", run, wait)
	}
	if all.Step != "1m" || all.To.Sub(all.From) < time.Hour || all.To.Sub(all.From) > time.Hour+2*time.Minute || len(all.Series) != 1 {
		t.Errorf("stats = %+v", all)
	}
	now := all.Now
	if now.Workers != 1 || now.Slots != 1 || now.Active != 0 || now.Backlog["idle"] != 2 || now.Backlog["work"] != 0 {
		t.Errorf("now = %+v", now)
	}
	byType := read("?by=type&queue=work").Series
	if len(byType) != 2 || byType[0].Type != "test.die" || byType[0].Totals.Dead != 1 || byType[1].Type != "test.ok" || byType[1].Totals.Succeeded != 3 || byType[1].Queue != "" {
		t.Errorf("by type = %+v", byType)
	}
	byQueue := read("?by=queue&type=test.ok&step=1h").Series
	if len(byQueue) != 2 || byQueue[0].Queue != "idle" || byQueue[0].Totals.Enqueued != 2 || byQueue[1].Totals.Succeeded != 3 {
		t.Errorf("by queue = %+v", byQueue)
	}
	one := read("?type=test.ok&queue=work&step=5m")
	if len(one.Series) != 1 || one.Series[0].Totals.Enqueued != 3 || len(one.Series[0].Points) == 0 {
		t.Errorf("one series = %+v", one)
	}
	if none := read("?type=test.ok&queue=idle&to=" + url.QueryEscape(time.Now().Add(-24*time.Hour).Format(time.RFC3339))); none.Series == nil || len(none.Series) != 0 || none.Totals.Wait != nil {
		t.Errorf("a range in which nothing happened: %+v", none)
	}
}

// Promise: a wrong parameter is the caller's mistake, and the answer says which and
// what to do.
func TestStatsRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	at := func(ago time.Duration) string { return url.QueryEscape(time.Now().Add(-ago).Format(time.RFC3339)) }
	for query, want := range map[string]string{
		"type=test.okk":             "/type no program has registered this type; did you mean",
		"type=No+Type":              "/type ",
		"queue=nowhere":             "/queue is no queue",
		"queue=No+Queue":            "/queue ",
		"from=0001-02-01T00:00:00Z": "/from is before 20",
		"from=9999-01-01T00:00:00Z": "/from is not before to",
		"step=1m&from=" + at(48*time.Hour+2*time.Minute): "is the most",
		"step=2m":                                "/step expected value to be one of",
		"by=state":                               "/by expected value to be one of",
		"from=yesterday":                         "/from ",
		"to=0":                                   "/to ",
		"from=" + at(0) + "&to=" + at(time.Hour): "/from is not before to",
		"from=" + at(-time.Hour):                 "/from is not before to, or not before now",
		"step=1m&from=" + at(50*time.Hour):       "/from is before 20",
		"step=5m&from=" + at(49*time.Hour):       "steps of 1h and 1d go back further",
		"step=1d&from=" + at(100*24*time.Hour):   "kept for 2160 hours",
		"from=" + at(100*24*time.Hour):           "/from is before 20",
	} {
		a := r.get("/v1/stats?" + query)
		p := into[client.Problem](a)
		text := ""
		for _, e := range p.Errors {
			text += e.Pointer + " " + e.Detail
		}
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(text, want) {
			t.Errorf("%s: %d %s, want %q", query, a.status, a.body, want)
		}
	}
}

// Promise: without Redis the answer is that it cannot be reached.
func TestStatsWithoutRedis(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, nil)
	inst.Kill()
	if a := r.get("/v1/stats"); a.status != http.StatusServiceUnavailable {
		t.Errorf("%d %s", a.status, a.body)
	}
}
