package app_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"legwork/client"
	"legwork/configs"
	"legwork/internal/store/storetest"
)

// Promise: one process with all roles takes a job, runs it, and shows it.
func TestRolesTogether(t *testing.T) {
	t.Parallel()
	p := start(t, config(storetest.RedisWith(t, storetest.Options{AOF: true})), greet)
	status, text := p.call("POST", "/v1/jobs", `{"type":"test.greet","payload":{"name":"Ada"}}`, "Prefer", "wait=20")
	if j := decode[client.Job](t, text); status != http.StatusOK || string(j.Result) != `"hello Ada"` {
		t.Errorf("answer = %d %s", status, text)
	}
	for path, part := range map[string]string{"/": "default", "/types": "test.greet", "/jobs": "completed", "/static/style.css": "body", "/docs": "swagger", "/openapi.json": "payload.test.greet", "/healthz": "ok", "/readyz": "ok", "/v1/queues": `"weight":1`} {
		if status, text := p.call("GET", path, ""); status != http.StatusOK || !strings.Contains(text, part) {
			t.Errorf("%s = %d %.200s", path, status, text)
		}
	}
	for _, path := range []string{"/nowhere", "/index.html", "/static/none.css"} {
		if status, _ := p.call("GET", path, ""); status != http.StatusNotFound {
			t.Errorf("%s = %d", path, status)
		}
	}
	if err := p.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if log := p.log.String(); strings.Contains(log, "level=WARN") || strings.Contains(log, "level=ERROR") {
		t.Errorf("log:\n%s", log)
	}
}

// Promise: the roles work in processes of their own. The API takes jobs of a
// type that only a living worker knows, held against its schema, and a worker
// runs them; a worker listens on no port; nobody shows what is not its role.
func TestRolesApart(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	api := start(t, config(inst, configs.RoleAPI), nil)
	if status, text := api.call("POST", "/v1/jobs", `{"type":"test.greet"}`); status != http.StatusUnprocessableEntity || decode[client.Problem](t, text).Code != client.CodeUnknownType {
		t.Errorf("before there is a worker: %d %s", status, text)
	}
	c := config(inst, configs.RoleWorker)
	c.HTTP.Addr = "256.0.0.1:nowhere"
	worker := start(t, c, greet)
	if worker.app.Addr() != "" {
		t.Errorf("the worker listens on %s", worker.app.Addr())
	}
	var text string
	eventually(t, func() bool {
		var status int
		status, text = api.call("POST", "/v1/jobs", `{"type":"test.greet","payload":{"name":"Bob"}}`, "Prefer", "wait=20")
		return status == http.StatusOK
	}, func() string { return "the API does not learn of the type: " + text })
	if j := decode[client.Job](t, text); string(j.Result) != `"hello Bob"` {
		t.Errorf("job = %s", text)
	}
	if status, text := api.call("POST", "/v1/jobs", `{"type":"test.greet","payload":{}}`); status != http.StatusUnprocessableEntity || decode[client.Problem](t, text).Code != client.CodeInvalidPayload {
		t.Errorf("a wrong payload: %d %s", status, text)
	}
	if types := decode[client.TypeList](t, second(api.call("GET", "/v1/types", ""))); len(types.Types) != 1 || types.Types[0].Workers != 1 {
		t.Errorf("types = %+v", types)
	}
	if status, text := api.call("GET", "/", ""); status != http.StatusNotFound || decode[client.Problem](t, text).Code != client.CodeNotFound {
		t.Errorf("the dashboard without its role: %d %s", status, text)
	}
	if err := worker.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	eventually(t, func() bool {
		status, _ := api.call("POST", "/v1/jobs", `{"type":"test.greet","payload":{"name":"Eve"}}`)
		return status == http.StatusUnprocessableEntity
	}, func() string { return "the type outlives its worker" })
}

func second(_ int, text string) string { return text }

// Promise: the scheduler makes due jobs pending and deletes what has outlived
// its retention, also in queues that no worker serves.
func TestSchedulerAlone(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	api := start(t, config(inst, configs.RoleAPI), greet)
	_, text := api.call("POST", "/v1/jobs", `{"type":"test.greet","payload":{"name":"x"},"queue":"lonely","delay":"1ms"}`)
	due := decode[client.Job](t, text)
	_, text = api.call("POST", "/v1/jobs", `{"type":"test.greet","payload":{"name":"x"},"retention":"1s"}`)
	done := decode[client.Job](t, text)
	c := config(inst, configs.RoleWorker)
	worker := start(t, c, greet)
	api.until(done.ID, "completed")
	if err := worker.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
	if j := api.job(due.ID); j.State != "scheduled" {
		t.Errorf("without a scheduler the job is %s", j.State)
	}
	s := start(t, config(inst, configs.RoleScheduler), nil)
	if s.app.Addr() != "" {
		t.Errorf("the scheduler listens on %s", s.app.Addr())
	}
	api.until(due.ID, "pending")
	eventually(t, func() bool {
		status, _ := api.call("GET", "/v1/jobs/"+done.ID, "")
		return status == http.StatusNotFound
	},
		func() string { return "the completed job outlives its retention" })
}

// Promise: the dashboard works in a process of its own, without the API.
func TestDashboardAlone(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	if err := inst.Client.SAdd(context.Background(), "asynq:queues", "emails").Err(); err != nil {
		t.Fatal(err)
	}
	p := start(t, config(inst, configs.RoleDashboard), nil)
	if status, text := p.call("GET", "/", ""); status != http.StatusOK || !strings.Contains(text, "emails") {
		t.Errorf("page = %d %s", status, text)
	}
	for _, path := range []string{"/v1/jobs", "/docs", "/openapi.json"} {
		if status, _ := p.call("GET", path, ""); status != http.StatusNotFound {
			t.Errorf("%s = %d", path, status)
		}
	}
	if status, _ := p.call("POST", "/v1/jobs", `{}`); status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
		t.Errorf("the API without its role: %d", status)
	}
}
