package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// holding registers a type whose jobs run until the channel closes.
func holding(release <-chan struct{}) func(*jobs.Registry) {
	return func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.hold", func(ctx context.Context, _ struct{}) (string, error) {
			select {
			case <-release:
				return "released", nil
			case <-ctx.Done():
				return "", context.Cause(ctx)
			}
		}, jobs.Options{})
		commonTypes(reg)
	}
}

// waiting posts a job and waits for it in the background.
func (r *rig) waiting(body, prefer string) <-chan answer {
	got := make(chan answer, 1)
	go func() {
		a, err := r.try(context.Background(), http.MethodPost, "/v1/jobs", body, "Content-Type", "application/json", "Prefer", prefer)
		if err != nil {
			r.t.Error(err)
		}
		got <- a
	}()
	return got
}

// subscribed waits until the waiters listen.
func (r *rig) subscribed(listeners int64) {
	r.t.Helper()
	channel := store.ChannelFinished + ":" + r.waiters.ID()
	eventually(r.t, func() bool {
		return r.inst.Client.PubSubNumSub(context.Background(), channel).Val()[channel] == listeners
	}, func() string { return fmt.Sprintf("not %d listeners", listeners) })
}

// Promise: a caller who waits gets the ended job with 200 as soon as it has
// ended, whether well or not: the worker's message wakes it. (Looking once a
// second, five waits would take 2.5 s on average.)
func TestWaitIsWokenByTheMessage(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	gates := map[string]chan struct{}{}
	r := newRig(t, storetest.Redis(t), func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.gate", func(ctx context.Context, _ struct{}) (string, error) {
			mu.Lock()
			gate := gates[jobs.Info(ctx).ID]
			mu.Unlock()
			<-gate
			return "through", nil
		}, jobs.Options{Retention: jobs.NoRetention})
		commonTypes(reg)
	})
	r.subscribed(1)
	r.pool("default")
	var slept time.Duration
	for i := range 5 {
		id := fmt.Sprint("gate-", i)
		gate := make(chan struct{})
		mu.Lock()
		gates[id] = gate
		mu.Unlock()
		got := r.waiting(`{"type":"test.gate","id":"`+id+`"}`, "wait=30")
		r.until(id, jobs.StateActive)
		began := time.Now()
		close(gate)
		a := <-got
		slept += time.Since(began)
		j := into[client.Job](a)
		if a.status != http.StatusOK || j.State != "completed" || string(j.Result) != `"through"` || a.header.Get("Location") != "/v1/jobs/"+id {
			t.Errorf("answer = %d %s %v", a.status, a.body, a.header)
		}
	}
	if slept > 1500*time.Millisecond {
		t.Errorf("five waits ended %s after their jobs", slept)
	}
	a := r.post("/v1/jobs", `{"type":"test.die"}`, "Prefer", "wait=30")
	if j := into[client.Job](a); a.status != http.StatusOK || j.State != "archived" || j.LastError != "io: read/write on closed pipe" {
		t.Errorf("answer = %d %s", a.status, a.body)
	}
}

// Promise: when the message is lost the caller finds out by itself.
func TestWaitWithoutTheMessage(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	r.waiters.Stop()
	r.subscribed(0)
	r.pool("default")
	a := r.post("/v1/jobs", `{"type":"test.ok"}`, "Prefer", "wait=30")
	if j := into[client.Job](a); a.status != http.StatusOK || j.State != "completed" || string(j.Result) != `"done"` {
		t.Errorf("answer = %d %s", a.status, a.body)
	}
}

// Promise: a wait that is over answers 202 with the job as it stands, and the
// job goes on.
func TestWaitThatIsOver(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := newRig(t, storetest.Redis(t), holding(release))
	r.pool("default")
	for body, want := range map[string]string{
		`{"type":"test.hold"}`:              "active",
		`{"type":"test.ok","delay":"1h"}`:   "scheduled",
		`{"type":"test.ok","queue":"idle"}`: "pending",
		`{"type":"test.fail"}`:              "retry",
	} {
		t.Run(want, func(t *testing.T) {
			began := time.Now()
			a := r.post("/v1/jobs", body, "Prefer", "wait=1")
			j := into[client.Job](a)
			if a.status != http.StatusAccepted || j.State != want || a.header.Get("Preference-Applied") != "wait=1" {
				t.Errorf("answer = %d %s", a.status, a.body)
			}
			if took := time.Since(began); took < time.Second {
				t.Errorf("answered after %s", took)
			}
			if want == "active" {
				close(release)
				r.until(j.ID, jobs.StateCompleted)
			}
		})
	}
}

// Promise: callers who wait are answered at once when the server stops, and
// their jobs are none the worse for it.
func TestWaitEndsWithTheServer(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := newRig(t, storetest.Redis(t), holding(release))
	r.pool("default")
	var all []<-chan answer
	for i := range 10 {
		all = append(all, r.waiting(fmt.Sprintf(`{"type":"test.hold","id":"hold-%d"}`, i), "wait=60"))
	}
	for i := range 10 {
		r.until(fmt.Sprint("hold-", i), jobs.StateActive)
	}
	r.waiters.Release()
	for _, got := range all {
		select {
		case a := <-got:
			if a.status != http.StatusAccepted || into[client.Job](a).ID == "" {
				t.Errorf("answer = %d %s", a.status, a.body)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("a caller still waits")
		}
	}
	close(release)
	for i := range 10 {
		r.until(fmt.Sprint("hold-", i), jobs.StateCompleted)
	}
}

// Promise: a caller who goes away while waiting loses nothing but the answer.
func TestWaitingCallerGoesAway(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := newRig(t, storetest.Redis(t), holding(release))
	r.pool("default")
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		_, err := r.try(ctx, http.MethodPost, "/v1/jobs", `{"type":"test.hold","id":"left"}`, "Content-Type", "application/json", "Prefer", "wait=60")
		gone <- err
	}()
	r.until("left", jobs.StateActive)
	cancel()
	if err := <-gone; err == nil {
		t.Error("the call was answered")
	}
	close(release)
	r.until("left", jobs.StateCompleted)
	if log := r.log.String(); log != "" {
		t.Errorf("the log says %s", log)
	}
}

// Promise: many callers may wait at the same time, each for its own job.
func TestManyCallersWait(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), nil)
	r.subscribed(1)
	r.pool("default")
	var all []<-chan answer
	for i := range 100 {
		all = append(all, r.waiting(fmt.Sprintf(`{"type":"test.any","payload":%d}`, i), "wait=30"))
	}
	for i, got := range all {
		a := <-got
		if j := into[client.Job](a); a.status != http.StatusOK || string(j.Result) != fmt.Sprint(i) {
			t.Errorf("answer %d = %d %s", i, a.status, a.body)
		}
	}
}
