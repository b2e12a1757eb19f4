package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
)

// Promise: why a job is not running is told over HTTP and by the Go client alike; a job
// that was deleted is 404, and damage is an answer and not a defect.
func TestWhyOverHTTP(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	job := r.enqueue(`{"type":"test.ok","queue":"work"}`)
	a := r.get("/v1/jobs/" + job.ID + "/why")
	w := into[client.Why](a)
	if a.status != http.StatusOK || w.Code != client.WhyNoWorker || w.State != "pending" || w.Queue != "work" || w.Type != "test.ok" || len(w.Reasons) != 1 ||
		!strings.Contains(w.Reasons[0].Remedy, "legwork serve") {
		t.Errorf("why: %d %s", a.status, a.body)
	}
	c, err := client.New(client.Options{BaseURL: r.url})
	if err != nil {
		t.Fatal(err)
	}
	if y, err := c.Why(t.Context(), job.ID); err != nil || y.Code != w.Code || y.Message != w.Message {
		t.Errorf("client: %+v, %v", y, err)
	}
	if a := r.send(http.MethodDelete, "/v1/jobs/"+job.ID, ""); a.status != http.StatusNoContent {
		t.Fatalf("delete: %d %s", a.status, a.body)
	}
	r.get("/v1/jobs/"+job.ID+"/why").check(t, refusal{404, client.CodeNotFound, nil, "no such job"})
	for _, id := range []string{marker, "A%20B", "%00", "%2F", strings.Repeat("x", 3000)} {
		r.get("/v1/jobs/"+id+"/why").check(t, refusal{404, client.CodeNotFound, nil, ""})
	}
	if _, err := c.Why(t.Context(), ""); err == nil {
		t.Error("an empty id is taken")
	}
	ghost := r.enqueue(`{"type":"test.ok","queue":"work"}`)
	r.inst.Client.Del(t.Context(), store.KeysOf("work").Task(ghost.ID))
	if a := r.get("/v1/jobs/" + ghost.ID + "/why"); a.status != http.StatusOK || into[client.Why](a).Code != client.WhyGhost {
		t.Errorf("ghost: %d %s", a.status, a.body)
	}
}
