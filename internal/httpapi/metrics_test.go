package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"legwork/internal/store/storetest"
)

// Promise: /metrics tells how many dead letters and jobs of each state a queue has,
// and that Redis is away when it is.
func TestMetrics(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	r.kill(5)
	r.enqueue(`{"type":"test.ok","queue":"unserved"}`)
	r.enqueue(`{"type":"test.ok","queue":"unserved","delay":"1h"}`)
	a := r.get("/metrics")
	if a.status != http.StatusOK || !strings.HasPrefix(a.header.Get("Content-Type"), "text/plain") {
		t.Fatalf("%d %v", a.status, a.header)
	}
	for _, line := range []string{
		"legwork_redis_up 1", `legwork_dead_letters{queue="default"} 3`, `legwork_dead_letters{queue="mail"} 2`, `legwork_dead_letters{queue="unserved"} 0`,
		`legwork_jobs{queue="unserved",state="pending"} 1`, `legwork_jobs{queue="unserved",state="scheduled"} 1`, `legwork_jobs{queue="mail",state="retry"} 0`,
		`legwork_oldest_pending_age_seconds{queue="default"} 0`,
	} {
		if !strings.Contains(string(a.body), line+"\n") {
			t.Errorf("no line %s in\n%s", line, a.body)
		}
	}
	r.inst.Kill()
	eventually(t, func() bool { a = r.get("/metrics"); return strings.Contains(string(a.body), "legwork_redis_up 0\n") },
		func() string { return "metrics without Redis: " + string(a.body) })
	if strings.Contains(string(a.body), "legwork_dead_letters{") {
		t.Errorf("numbers without Redis: %s", a.body)
	}
}
