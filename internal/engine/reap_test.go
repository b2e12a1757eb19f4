package engine_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// victim is the environment variable that makes the test binary a worker process
// to be killed: the URL of its Redis.
const victim = "LEGWORK_TEST_VICTIM"

// TestVictim is not a test but the process that TestKilledWorker kills.
func TestVictim(t *testing.T) {
	url := os.Getenv(victim)
	if url == "" {
		return
	}
	c, err := store.Open(store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, storetest.Instance{URL: url, Client: c}, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.hang", func(context.Context, struct{}) (struct{}, error) { select {} }, jobs.Options{})
	})
	r.worker(func(o *options) { o.Concurrency = 3 })
	select {}
}

// The jobs of a killed process run again within 45 seconds, in a process that
// lives; the attempt that the kill ended counts, and one without retries left
// becomes a dead letter.
func TestKilledWorker(t *testing.T) {
	t.Parallel()
	if os.Getenv(victim) != "" {
		return
	}
	inst := storetest.Redis(t)
	attempts := make(chan int, 10)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.hang", func(ctx context.Context, _ struct{}) (struct{}, error) {
			attempts <- jobs.Info(ctx).Attempt
			return struct{}{}, nil
		}, jobs.Options{})
	})
	worker := exec.Command(os.Args[0], "-test.run", "^TestVictim$")
	worker.Env = append(os.Environ(), victim+"="+inst.URL)
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = worker.Process.Kill(); _ = worker.Wait() })
	again := r.post(client.Enqueue{Type: "test.hang"})
	final := r.post(client.Enqueue{Type: "test.hang", MaxRetries: ptr(0)})
	for _, id := range []string{again, final} {
		eventually(t, func() bool {
			return startedOf(t, inst, id)
		}, func() string { return "the victim does not start its jobs" })
	}
	_ = worker.Process.Kill()
	_ = worker.Wait()
	killed := time.Now()
	r.worker(nil)
	select {
	case attempt := <-attempts:
		took := time.Since(killed)
		t.Logf("running again after %s", took)
		if attempt != 2 || took > 45*time.Second {
			t.Errorf("attempt %d after %s", attempt, took)
		}
	case <-time.After(60 * time.Second):
		t.Fatal("the job of the killed process does not run again")
	}
	if j := r.until(again, jobs.StateCompleted); !strings.Contains(j.LastError, "process died") {
		t.Errorf("last error = %q", j.LastError)
	}
	if j := r.until(final, jobs.StateArchived); j.Attempt != 1 || !strings.Contains(j.LastError, "process died") {
		t.Errorf("job without retries = %+v", j)
	}
	j, err := r.inspect.Job(t.Context(), final)
	if err != nil || len(j.Attempts) != 1 || j.Attempts[0].Kind != store.KindLeaseLost || j.Attempts[0].Worker == "" || !j.Attempts[0].Final {
		t.Errorf("the attempt that the kill ended is not kept: %+v, %v", j, err)
	}
	if g := r.countedGroups(2)["test.hang: "+j.LastError]; g.Kind != store.KindLeaseLost || g.Dead != 1 {
		t.Errorf("group = %+v", g)
	}
}

// A job that was taken and whose handler was not started (the reply was lost, or
// the process died first) has used up no attempt.
func TestUnstartedJobUsesNoAttempt(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	attempts := make(chan int, 1)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.count", func(ctx context.Context, _ struct{}) (struct{}, error) {
			attempts <- jobs.Info(ctx).Attempt
			return struct{}{}, nil
		}, jobs.Options{MaxRetries: jobs.NoRetries})
	})
	id := r.post(client.Enqueue{Type: "test.count"})
	k := store.KeysOf("default")
	ctx := t.Context()
	inst.Client.LMove(ctx, k.Pending(), k.Active(), "RIGHT", "LEFT")
	inst.Client.HSet(ctx, k.Task(id), store.FieldState, "active")
	inst.Client.HSet(ctx, k.Holders(), id, "somebody-dead 1")
	inst.Client.ZAdd(ctx, k.Lease(), redisZ(float64(time.Now().Add(time.Hour).Unix()), id))
	r.worker(nil)
	select {
	case attempt := <-attempts:
		if attempt != 1 {
			t.Errorf("attempt %d, want the first", attempt)
		}
	case <-time.After(45 * time.Second):
		t.Fatal("the job does not run")
	}
}

// A living process keeps its jobs however long they run and however often
// others look.
func TestLivingWorkerKeepsItsJobs(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	started := make(chan string, 10)
	release := make(chan struct{})
	r := newRig(t, inst, blocker(started, func(context.Context) error { <-release; return nil }))
	r.worker(nil)
	id := r.post(client.Enqueue{Type: "test.block"})
	receive(t, started)
	other := inst.Open()
	r.worker(func(o *options) { o.Redis = other })
	select {
	case <-started:
		t.Error("a running job was started again")
	case <-time.After(28 * time.Second):
	}
	close(release)
	r.until(id, jobs.StateCompleted)
}

// deaf is a Redis client that loses the answer of the first call that took a job.
type deaf struct {
	redis.UniversalClient
	lost atomic.Bool
}

func (d *deaf) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return d.lose(keys, d.UniversalClient.EvalSha(ctx, sha, keys, args...))
}

func (d *deaf) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return d.lose(keys, d.UniversalClient.Eval(ctx, script, keys, args...))
}

func (d *deaf) lose(keys []string, cmd *redis.Cmd) *redis.Cmd {
	answer, _ := cmd.Val().([]any)
	if len(answer) == 5 && strings.HasSuffix(keys[0], ":pending") && d.lost.CompareAndSwap(false, true) {
		cmd.SetErr(io.ErrUnexpectedEOF)
	}
	return cmd
}

// A job that was taken by a call whose answer was lost runs all the same, in this
// process or another, and has used up no attempt.
func TestLostDequeueAnswer(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	attempts := make(chan int, 1)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.count", func(ctx context.Context, _ struct{}) (struct{}, error) {
			attempts <- jobs.Info(ctx).Attempt
			return struct{}{}, nil
		}, jobs.Options{MaxRetries: jobs.NoRetries})
	})
	hardOfHearing := &deaf{UniversalClient: inst.Client}
	r.worker(func(o *options) { o.Redis = hardOfHearing })
	id := r.post(client.Enqueue{Type: "test.count"})
	select {
	case attempt := <-attempts:
		if attempt != 1 || !hardOfHearing.lost.Load() {
			t.Errorf("attempt %d, want the first; an answer was lost: %t", attempt, hardOfHearing.lost.Load())
		}
	case <-time.After(45 * time.Second):
		t.Fatal("the job does not run")
	}
	r.until(id, jobs.StateCompleted)
}

// A job that waits again names no holder: a stock asynq server that takes it next
// does not write one, and must not be mistaken for the last.
func TestWaitingJobsNameNoHolder(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.again", func(ctx context.Context, _ struct{}) (struct{}, error) {
			if jobs.Info(ctx).Headers["snooze"] != "" {
				return struct{}{}, jobs.Snooze(50 * time.Millisecond)
			}
			return struct{}{}, jobs.RetryAfter(io.EOF, 50*time.Millisecond)
		}, jobs.Options{MaxRetries: 1000})
	})
	k := store.KeysOf("default")
	ids := []string{
		r.post(client.Enqueue{Type: "test.again"}),
		r.post(client.Enqueue{Type: "test.again", Headers: map[string]string{"snooze": "1"}}),
	}
	r.worker(nil)
	for _, id := range ids {
		eventually(t, func() bool { return inst.Client.HExists(t.Context(), k.Holders(), id).Val() },
			func() string { return "the job was never held" })
	}
	if _, err := r.inspect.Pause(t.Context(), "default", nil); err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		r.until(id, jobs.StatePending)
		if holder := inst.Client.HGet(t.Context(), k.Holders(), id).Val(); holder != "" {
			t.Errorf("pending job %s names holder %q", id, holder)
		}
	}
}

// startedOf reports whether Redis has been told that the job's handler runs.
func startedOf(t *testing.T, inst storetest.Instance, id string) bool {
	t.Helper()
	k := store.KeysOf("default")
	holder, token, _ := strings.Cut(inst.Client.HGet(t.Context(), k.Holders(), id).Val(), " ")
	n, _ := strconv.ParseInt(token, 10, 64)
	high, err := inst.Client.Get(t.Context(), k.Started(holder)).Int64()
	return err == nil && high >= n
}
