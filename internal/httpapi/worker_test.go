package httpapi_test

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// onlyWorker returns the id of the worker that runs jobs here and is not announced.
func (r *rig) onlyWorker() string {
	r.t.Helper()
	for _, w := range into[client.WorkerList](r.get("/v1/workers")).Workers {
		if w.Version == "" {
			return w.ID
		}
	}
	r.t.Fatal("no worker holds a job")
	return ""
}

// frozen is the environment variable that makes the test binary a worker process to
// be frozen: the URL of its Redis.
const frozen = "LEGWORK_TEST_FROZEN"

// TestFrozen is not a test but the process that [victimProcess] starts.
func TestFrozen(t *testing.T) {
	url := os.Getenv(frozen)
	if url == "" {
		return
	}
	c, err := store.Open(store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	newRig(t, storetest.Instance{URL: url, Client: c}, holding(nil)).pool("default")
	select {}
}

// victimProcess starts a worker in a process of its own, which ends with the test.
func victimProcess(t *testing.T, inst storetest.Instance) *os.Process {
	t.Helper()
	worker := exec.Command(os.Args[0], "-test.run", "^TestFrozen$")
	worker.Env = append(os.Environ(), frozen+"="+inst.URL)
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = worker.Process.Kill(); _ = worker.Wait() })
	return worker.Process
}

// Promise: a cancel that the worker acknowledges is answered at once with 200 and says
// who did when; the job of a frozen worker is answered after a second with 202, and
// shows that it was asked and not acknowledged; so does a wish to the worker, within
// two.
func TestAcknowledgedOrNot(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	ignore := make(chan struct{})
	defer close(ignore)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		holding(nil)(reg)
		jobs.Handle(reg, "test.slow", func(ctx context.Context, _ struct{}) (struct{}, error) {
			<-ctx.Done()
			<-ignore
			return struct{}{}, errors.New("slow")
		}, jobs.Options{Queue: "slow"})
	})
	r.pool("slow")
	slow := r.enqueue(`{"type":"test.slow"}`)
	r.until(slow.ID, jobs.StateActive)
	var a answer
	eventually(t, func() bool { // on a busy machine the worker may take more than the second that an answer waits
		a = r.send(http.MethodPost, "/v1/jobs/"+slow.ID+"/cancel", "")
		return a.status == http.StatusOK
	}, func() string { return "the cancel is not acknowledged" })
	if j := into[client.Job](a); a.status != http.StatusOK || j.State != "active" || j.Cancel == nil || j.Cancel.AcknowledgedAt == nil ||
		j.Cancel.Worker != r.onlyWorker() || j.Cancel.AcknowledgedAt.Before(j.Cancel.AskedAt) {
		t.Errorf("acknowledged: %d %s", a.status, a.body)
	}

	process := victimProcess(t, inst)
	held := r.enqueue(`{"type":"test.hold"}`)
	r.until(held.ID, jobs.StateActive)
	claim := inst.Client.HGet(t.Context(), store.KeysOf("default").Holders(), held.ID).Val()
	worker, _, _ := strings.Cut(claim, " ")
	eventually(t, func() bool { return inst.Client.Exists(t.Context(), store.KeyPulsePrefix+worker).Val() == 1 }, func() string { return "the worker has no pulse" })
	if err := process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	a = r.send(http.MethodPost, "/v1/jobs/"+held.ID+"/cancel", "")
	if j := into[client.Job](a); a.status != http.StatusAccepted || j.State != "active" || j.Cancel == nil || j.Cancel.AcknowledgedAt != nil {
		t.Errorf("not acknowledged: %d %s", a.status, a.body)
	}
	if took := time.Since(began); took < acknowledgeMin || took > 5*time.Second {
		t.Errorf("answered after %s", took)
	}
	a = r.send(http.MethodPost, "/v1/workers/"+worker+"/quiet", "")
	if w := into[client.Worker](a); a.status != http.StatusAccepted || w.Asked != "quiet" || w.State == client.WorkerQuiet {
		t.Errorf("quiet: %d %s", a.status, a.body)
	}
	if err := process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if j := r.until(held.ID, jobs.StateArchived); j.LastError != "cancelled by request" {
		t.Errorf("job = %+v", j)
	}
	var st string
	eventually(t, func() bool {
		st = inst.Client.Get(t.Context(), store.KeyStatusPrefix+worker).Val()
		return strings.Contains(st, `"s":"quiet"`)
	}, func() string { return "the worker does not become quiet: " + st })
}

// acknowledgeMin is how long a caller waits at least for an acknowledgement that does
// not come.
const acknowledgeMin = 900 * time.Millisecond

// Promise: workers can be quieted and resumed over HTTP, twice as well as once; what
// does not exist is 404 and is not made by asking.
func TestQuietOverHTTP(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), holding(nil))
	if a := r.get("/v1/workers"); a.status != http.StatusOK || string(a.body) != "{\"workers\":[]}\n" {
		t.Errorf("no workers = %d %q", a.status, a.body)
	}
	for _, id := range []string{marker, "A%20B", "%00", "%2F"} {
		for _, c := range []struct{ method, suffix string }{{"GET", ""}, {"POST", "/quiet"}, {"POST", "/resume"}} {
			r.send(c.method, "/v1/workers/"+id+c.suffix, "").check(t, refusal{404, client.CodeNotFound, nil, "no such worker"})
		}
	}
	r.untouched(t)
	r.pool("default")
	r.until(r.enqueue(`{"type":"test.hold"}`).ID, jobs.StateActive)
	id := r.onlyWorker()
	for _, c := range []struct{ what, state string }{{"quiet", "quiet"}, {"quiet", "quiet"}, {"resume", "running"}, {"resume", "running"}} {
		a := r.send(http.MethodPost, "/v1/workers/"+id+"/"+c.what, "")
		if w := into[client.Worker](a); a.status != http.StatusOK || w.State != c.state || w.ID != id || w.Asked != "" {
			t.Errorf("%s: %d %s", c.what, a.status, a.body)
		}
	}
}

// Promise: a worker that has died is shown as lost, with the jobs that it still holds
// and what it ran last, and cannot be quieted.
func TestLostWorker(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, holding(nil))
	r.pool("default")
	job := r.enqueue(`{"type":"test.hold"}`)
	r.until(job.ID, jobs.StateActive)
	id := r.onlyWorker()
	eventually(t, func() bool { return len(into[client.Worker](r.get("/v1/workers/"+id)).Running) == 1 }, func() string { return "what runs is not told" })
	k := store.KeysOf("default")
	// As if another process, which died, had been given the job.
	for _, key := range []string{store.KeyStatusPrefix} {
		if err := inst.Client.Copy(t.Context(), key+id, key+"dead", 0, false).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := inst.Client.HSet(t.Context(), k.Holders(), job.ID, "dead 1").Err(); err != nil {
		t.Fatal(err)
	}
	w := into[client.Worker](r.get("/v1/workers/dead"))
	if w.State != client.WorkerLost || w.Held != 1 || len(w.Running) != 1 || w.Running[0].ID != job.ID || w.PID == 0 || w.LastHeartbeat == nil {
		t.Errorf("worker = %+v", w)
	}
	list := into[client.WorkerList](r.get("/v1/workers")).Workers
	if len(list) != 1 || list[0].ID != "dead" || list[0].State != client.WorkerLost {
		t.Errorf("workers = %+v", list)
	}
	r.send(http.MethodPost, "/v1/workers/dead/quiet", "").check(t, refusal{409, client.CodeConflict, nil, "the worker is lost"})
}
