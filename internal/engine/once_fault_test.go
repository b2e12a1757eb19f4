package engine_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// behindProxy returns a Redis and a network to it that can be broken, with a worker
// on the far side.
func behindProxy(t *testing.T, register func(*storetest.FaultProxy, *jobs.Registry)) (*rig, storetest.Instance) {
	t.Helper()
	inst := storetest.Redis(t)
	proxy, worker := proxied(t, inst, store.Options{ReadTimeout: 200 * time.Millisecond, DialTimeout: 200 * time.Millisecond})
	r := newRig(t, inst, func(reg *jobs.Registry) { register(proxy, reg) })
	r.worker(func(o *options) { o.Redis = worker })
	return r, inst
}

// While Redis cannot be reached no effect is begun; the handler hears of it in time
// and the job is tried again.
func TestNoEffectWithoutRedis(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*storetest.FaultProxy){"cut": (*storetest.FaultProxy).Cut, "mute": (*storetest.FaultProxy).BlackHole} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var runs atomic.Int64
			r, _ := behindProxy(t, func(proxy *storetest.FaultProxy, reg *jobs.Registry) {
				jobs.Handle(reg, "test.effect", func(ctx context.Context, _ struct{}) (int64, error) {
					attempt := jobs.Info(ctx).Attempt
					if attempt == 1 {
						fault(proxy)
						defer proxy.Heal()
					}
					began := time.Now()
					n, err := jobs.Once(ctx, "k", func(context.Context) (int64, error) { return runs.Add(1), nil })
					if attempt == 1 && (jobs.CodeOf(err) != jobs.CodeUnavailable || time.Since(began) > 3*time.Second || runs.Load() > 0) {
						t.Errorf("after %s: %v, %d runs", time.Since(began), err, runs.Load())
					}
					return n, err
				}, jobs.Options{Backoff: quick()})
			})
			if j := r.until(r.post(client.Enqueue{Type: "test.effect"}), jobs.StateCompleted); string(j.Result) != "1" || j.Attempt != 2 {
				t.Errorf("result %s in attempt %d", j.Result, j.Attempt)
			}
		})
	}
}

// The connection breaks while an effect is done: its note, and one whose answer was
// lost, is sent again, so that the next attempt finds it.
func TestLostNoteIsSentAgain(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*storetest.FaultProxy){"cut": (*storetest.FaultProxy).Cut, "replies lost": (*storetest.FaultProxy).DropReplies} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var runs atomic.Int64
			r, _ := behindProxy(t, func(proxy *storetest.FaultProxy, reg *jobs.Registry) {
				jobs.Handle(reg, "test.effect", func(ctx context.Context, _ struct{}) (int64, error) {
					n, err := jobs.Once(ctx, "k", func(context.Context) (int64, error) {
						fault(proxy)
						time.AfterFunc(time.Second, proxy.Heal)
						return runs.Add(1), nil
					})
					if err == nil && jobs.Info(ctx).Attempt == 1 {
						err = errors.New("once more")
					}
					return n, err
				}, jobs.Options{Backoff: quick()})
			})
			j := r.until(r.post(client.Enqueue{Type: "test.effect"}), jobs.StateCompleted)
			if string(j.Result) != "1" || j.Attempt != 2 || j.LastError != "once more" || runs.Load() != 1 {
				t.Errorf("job = %+v after %d runs", j, runs.Load())
			}
		})
	}
}

// A run whose note cannot be written until its end goes on: its job may still end
// well, and then the effect was done once.
func TestRunGoesOnWithoutItsNote(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	r, _ := behindProxy(t, func(proxy *storetest.FaultProxy, reg *jobs.Registry) {
		jobs.Handle(reg, "test.effect", func(ctx context.Context, _ struct{}) (int64, error) {
			defer proxy.Heal()
			return jobs.Once(ctx, "k", func(context.Context) (int64, error) {
				proxy.Cut()
				return runs.Add(1), nil
			})
		}, jobs.Options{Timeout: time.Second})
	})
	if j := r.until(r.post(client.Enqueue{Type: "test.effect"}), jobs.StateCompleted); string(j.Result) != "1" || j.Attempt != 1 {
		t.Errorf("job = %+v", j)
	}
}

// frozen is the environment variable that makes the test binary a worker process to
// be frozen: the URL of its Redis.
const frozen = "LEGWORK_TEST_FROZEN"

// What the frozen process and its test tell each other, as Redis lists.
const (
	listThawed = "test:thawed" // the test: go on
	listSaw    = "test:saw"    // the process: errors of its effects, and that it has stopped
)

// TestFrozen is not a test but the process that TestFrozenWorkerIsRefused freezes.
// Its handler is in the middle of an effect meanwhile, and has another one to come.
func TestFrozen(t *testing.T) {
	url := os.Getenv(frozen)
	if url == "" {
		return
	}
	c, err := store.Open(store.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	returned := make(chan struct{})
	r := newRig(t, storetest.Instance{URL: url, Client: c}, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.freeze", func(ctx context.Context, _ struct{}) (string, error) {
			defer close(returned)
			background := context.WithoutCancel(ctx)
			_, midErr := jobs.Once(background, "middle", func(ctx context.Context) (string, error) {
				return "stale", c.BRPop(ctx, 0, listThawed).Err() // a call without a deadline that could pass meanwhile
			})
			_, nextErr := jobs.Once(background, "next", func(context.Context) (string, error) { return "stale", nil })
			return "stale", c.LPush(background, listSaw, errText(midErr), errText(nextErr)).Err()
		}, jobs.Options{})
	})
	p := r.worker(nil)
	<-returned
	_ = p.Stop(context.Background()) // the end of the run has been written, or refused
	c.LPush(context.Background(), listSaw, "stopped")
}

// A worker process is frozen for so long that its job is given to another one, and
// then goes on: it begins no effect, its note of the one under way is refused for
// the other run has begun it too, and so are its success and its result.
func TestFrozenWorkerIsRefused(t *testing.T) {
	t.Parallel()
	if os.Getenv(frozen) != "" {
		return
	}
	inst := storetest.Redis(t)
	started, release := make(chan int64, 1), make(chan struct{})
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.freeze", func(ctx context.Context, _ struct{}) (string, error) {
			result, err := jobs.Once(ctx, "middle", func(context.Context) (string, error) { return "rightful", nil })
			started <- jobs.Info(ctx).Token
			<-release
			return result, err
		}, jobs.Options{})
	})
	cmd := exec.Command(os.Args[0], "-test.run", "^TestFrozen$")
	cmd.Env = append(os.Environ(), frozen+"="+inst.URL)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	worker := cmd.Process
	t.Cleanup(func() { _ = worker.Kill(); _ = cmd.Wait() })
	id := r.post(client.Enqueue{Type: "test.freeze"})
	eventually(t, func() bool {
		return strings.Contains(inst.Client.Info(t.Context(), "clients").Val(), "blocked_clients:1")
	},
		func() string { return "the process is not in the middle of its effect" })
	_ = worker.Signal(syscall.SIGSTOP)
	r.worker(nil)
	select {
	case token := <-started:
		if token != 2 {
			t.Errorf("token %d, want 2: it grows with each start", token)
		}
	case <-time.After(60 * time.Second):
		t.Fatal("the job of the frozen process is not given to another one")
	}
	_ = worker.Signal(syscall.SIGCONT)
	inst.Client.LPush(t.Context(), listThawed, "go on")
	for _, want := range []string{`effect "middle" was done, but a later run has begun it too`, `effect "next" not begun`, "stopped"} {
		saw, err := inst.Client.BRPop(t.Context(), 20*time.Second, listSaw).Result()
		if err != nil || !strings.Contains(saw[1], want) {
			t.Errorf("the frozen process says %q, %v; want %q", saw, err, want)
		}
	}
	if j := r.until(id, jobs.StateActive); j.Result != nil {
		t.Errorf("job = %+v", j)
	}
	close(release)
	if j := r.until(id, jobs.StateCompleted); string(j.Result) != `"rightful"` || j.Attempt != 2 {
		t.Errorf("job = %+v", j)
	}
}
