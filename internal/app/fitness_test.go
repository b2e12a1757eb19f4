package app_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"legwork/configs"
	"legwork/internal/app"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// set changes the configuration of every server.
func set(t *testing.T, inst storetest.Instance, name, value string) {
	t.Helper()
	masters, err := store.Masters(t.Context(), inst.Client)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range masters {
		if err := m.Client.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// refused runs an app that must not start because of Redis, and returns the error.
func refused(t *testing.T, c configs.Config) string {
	t.Helper()
	_, run := launch(t, c, greet)
	select {
	case <-run.done:
	case <-time.After(20 * time.Second):
		t.Fatal("the app neither starts nor ends")
	}
	select {
	case <-run.ready:
		t.Error("the app was ready")
	default:
	}
	if !errors.Is(run.err, app.ErrUnfit) {
		t.Fatalf("error = %v", run.err)
	}
	return run.err.Error()
}

// Promise: on a Redis that evicts keys no role starts; the error names the policy
// and the remedy.
func TestEvictingRedisIsRefused(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	for _, policy := range []string{"allkeys-lru", "volatile-lru"} {
		set(t, inst, "maxmemory-policy", policy)
		for _, role := range configs.Roles() {
			if err := refused(t, config(inst, role)); !strings.Contains(err, policy) || !strings.Contains(err, "config set maxmemory-policy noeviction") {
				t.Errorf("%s: %s", role, err)
			}
		}
	}
	set(t, inst, "maxmemory-policy", "noeviction")
	if err := start(t, config(inst), greet).stop(); err != nil {
		t.Error(err)
	}
}

// Promise: durability strict starts on a Redis that syncs every write, on a
// Cluster on all masters, and on no other; standard starts on any, and warns of
// one that keeps nothing.
func TestDurability(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) storetest.Instance{"redis": storetest.Redis, "cluster": storetest.Cluster} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := open(t)
			c := config(inst)
			p := start(t, c, greet)
			if log := p.log.String(); !strings.Contains(log, "persistence: none") || !strings.Contains(log, "appendonly yes") {
				t.Errorf("log = %s", log)
			}
			c.Redis.Durability = configs.DurabilityStrict
			if err := refused(t, c); !strings.Contains(err, "neither append-only file nor snapshots") || !strings.Contains(err, "redis.durability is strict") {
				t.Error(err)
			}
			set(t, inst, "appendonly", "yes")
			set(t, inst, "appendfsync", "everysec")
			if err := refused(t, c); !strings.Contains(err, "synced every second") {
				t.Error(err)
			}
			set(t, inst, "appendfsync", "always")
			start(t, c, greet)
			masters, err := store.Masters(t.Context(), inst.Client)
			if err != nil {
				t.Fatal(err)
			}
			last := masters[len(masters)-1]
			if err := last.Client.ConfigSet(t.Context(), "appendfsync", "everysec").Err(); err != nil {
				t.Fatal(err)
			}
			if err := refused(t, c); !strings.Contains(err, last.Addr) {
				t.Error(err)
			}
		})
	}
}

// Promise: durability strict does not start where it cannot verify; standard does,
// and does not hold up the start when Redis is slow to tell.
func TestDurabilityNotVerifiable(t *testing.T) {
	t.Parallel()
	inst := storetest.RedisWith(t, storetest.Options{TCP: true, AOF: true})
	if err := inst.Client.Do(t.Context(), "ACL", "SETUSER", "managed", "on", ">pw", "~*", "&*", "+@all", "-config").Err(); err != nil {
		t.Fatal(err)
	}
	c := config(inst)
	c.Redis.Username, c.Redis.Password = "managed", "pw"
	if p := start(t, c, greet); strings.Contains(p.log.String(), "level=WARN") {
		t.Errorf("log = %s", p.log)
	}
	c.Redis.Durability = configs.DurabilityStrict
	if err := refused(t, c); !strings.Contains(err, "cannot be verified") || !strings.Contains(err, "+config|get") {
		t.Error(err)
	}
	c = config(storetest.Embedded(t))
	start(t, c, greet)
	c.Redis.Durability = configs.DurabilityStrict
	if err := refused(t, c); !strings.Contains(err, "not known") {
		t.Error(err)
	}
}

// Promise: a Redis over 80 % of its maxmemory answers new jobs with 503 and
// Retry-After, one by one and in batches; what waits is worked off, and then jobs
// are accepted again. With full_at 0 they always are.
func TestNearlyFullRedis(t *testing.T) {
	t.Parallel()
	inst := storetest.RedisWith(t, storetest.Options{AOF: true})
	var runs atomic.Int64
	work := func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.work", func(context.Context, any) (any, error) { runs.Add(1); return nil, nil }, jobs.Options{})
	}
	api := start(t, config(inst, configs.RoleAPI), work)
	line := `{"type":"test.work","retention":"0s","payload":"` + strings.Repeat("x", 2000) + `"}` + "\n"
	const total = 3000
	if status, text := api.call("POST", "/v1/jobs/batch", strings.Repeat(line, total), "Content-Type", "application/x-ndjson"); status != http.StatusOK || !strings.Contains(text, `"enqueued":3000`) {
		t.Fatalf("%d %.300s", status, text)
	}
	m, err := store.ReadMemory(t.Context(), inst.Client)
	if err != nil {
		t.Fatal(err)
	}
	set(t, inst, "maxmemory", strconv.FormatInt(m.Used*100/88, 10))
	var status int
	var text string
	eventually(t, func() bool {
		status, text = api.call("POST", "/v1/jobs", `{"type":"test.work","queue":"unserved"}`)
		return status != http.StatusAccepted
	}, func() string { return "jobs are still accepted" })
	if status != http.StatusServiceUnavailable || !strings.Contains(text, `"code":"unavailable"`) || !strings.Contains(text, "nearly full") {
		t.Errorf("one job: %d %s", status, text)
	}
	if status, text = api.call("POST", "/v1/jobs/batch", line+line, "Content-Type", "application/x-ndjson"); status != http.StatusServiceUnavailable {
		t.Errorf("batch: %d %s", status, text)
	}
	resp, err := http.Post(api.url+"/v1/jobs", "application/json", strings.NewReader(line))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	http.DefaultClient.CloseIdleConnections()
	if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("answer = %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
	}
	always := config(inst, configs.RoleAPI)
	always.Redis.FullAt = 0
	if status, text = start(t, always, work).call("POST", "/v1/jobs", line); status != http.StatusAccepted {
		t.Errorf("full_at 0: %d %s", status, text)
	}
	start(t, config(inst, configs.RoleWorker), work)
	eventually(t, func() bool { return runs.Load() > total }, func() string { return strconv.FormatInt(runs.Load(), 10) + " jobs ran" })
	eventually(t, func() bool {
		status, text = api.call("POST", "/v1/jobs", line)
		return status == http.StatusAccepted
	}, func() string { return "jobs are still refused: " + text })
}
