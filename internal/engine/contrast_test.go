package engine_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// The tests of this file, and of the one about time, hold what Legwork's promises are for: what asynq 0.26.0 does
// by itself. One that fails says that asynq has changed, and that something in this
// package may have become needless or wrong. The table in docs/internals.md lists
// them beside the tests of the promises.

// stock starts an asynq server on a plain client, stopped at the end of the test.
func stock(t *testing.T, c redis.UniversalClient, cfg asynq.Config, handle asynq.HandlerFunc) *asynq.Server {
	t.Helper()
	cfg.Logger, cfg.LogLevel = mute{}, asynq.FatalLevel
	if cfg.ShutdownTimeout == 0 {
		cfg.ShutdownTimeout = 50 * time.Millisecond
	}
	s := asynq.NewServerFromRedisClient(c, cfg)
	if err := s.Start(handle); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Shutdown)
	return s
}

// mute is a logger of asynq's that says nothing.
type mute struct{}

func (mute) Debug(...any) {}
func (mute) Info(...any)  {}
func (mute) Warn(...any)  {}
func (mute) Error(...any) {}
func (mute) Fatal(...any) {}

func enqueueStock(t *testing.T, c redis.UniversalClient, task *asynq.Task, opts ...asynq.Option) *asynq.TaskInfo {
	t.Helper()
	info, err := asynq.NewClientFromRedisClient(c).Enqueue(task, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return info
}

// brisk is a stock server that looks for jobs often, so that tests need not wait.
func brisk(concurrency int) asynq.Config {
	return asynq.Config{
		Concurrency: concurrency, TaskCheckInterval: 5 * time.Millisecond, DelayedTaskCheckInterval: 20 * time.Millisecond,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return 0 },
	}
}

// An acknowledgement that fails is not sent again: the jobs stay active, to be run a
// second time when their leases have ended. Promise: TestLostAcknowledgementIsSentAgain.
func TestAsynqLosesAcknowledgements(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	proxy, worker := proxied(t, inst, store.Options{})
	const total = 5
	started, release := make(chan struct{}, total), make(chan struct{})
	stock(t, worker, brisk(total), func(context.Context, *asynq.Task) error {
		started <- struct{}{}
		<-release
		return nil
	})
	for range total {
		enqueueStock(t, inst.Client, asynq.NewTask("test.hold", nil))
	}
	for range total {
		receive(t, started)
	}
	proxy.Cut()
	close(release)
	time.Sleep(1500 * time.Millisecond) // longer than go-redis tries
	proxy.Heal()
	time.Sleep(6 * time.Second) // asynq's next try, after five seconds, has a context that has ended
	if n := inst.Client.LLen(t.Context(), store.KeysOf("default").Active()).Val(); n != total {
		t.Errorf("%d jobs stayed active, want all %d", n, total)
	}
}

// The archive keeps 9,999 jobs. Promise: TestDeadLettersAreNotTrimmed.
func TestAsynqTrimsTheArchive(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	k := store.KeysOf("default")
	members := make([]redis.Z, 12_000)
	for i := range members {
		members[i] = redisZ(float64(time.Now().Add(-time.Duration(i)*time.Second).Unix()), time.Duration(i).String())
	}
	if err := inst.Client.ZAdd(t.Context(), k.Archived(), members...).Err(); err != nil {
		t.Fatal(err)
	}
	stock(t, inst.Client, brisk(1), func(context.Context, *asynq.Task) error { return errors.New("no luck") })
	task := enqueueStock(t, inst.Client, asynq.NewTask("test.die", nil), asynq.MaxRetry(0))
	eventually(t, func() bool { return inst.Client.ZScore(t.Context(), k.Archived(), task.ID).Err() == nil },
		func() string { return "the job does not die" })
	if n := inst.Client.ZCard(t.Context(), k.Archived()).Val(); n > 10_000 {
		t.Errorf("asynq kept %d dead letters", n)
	}
}

// Jobs that the recoverer retries or archives pass the error handler by. Promise:
// TestKilledWorker.
func TestAsynqHidesRecoveredJobs(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	k := store.KeysOf("default")
	task := enqueueStock(t, inst.Client, asynq.NewTask("test.hold", nil), asynq.MaxRetry(0))
	inst.Client.LMove(t.Context(), k.Pending(), k.Active(), "RIGHT", "LEFT")
	inst.Client.HSet(t.Context(), k.Task(task.ID), store.FieldState, "active")
	inst.Client.ZAdd(t.Context(), k.Lease(), redisZ(1, task.ID))
	var told atomic.Int64
	cfg := brisk(1)
	cfg.ErrorHandler = asynq.ErrorHandlerFunc(func(context.Context, *asynq.Task, error) { told.Add(1) })
	stock(t, inst.Client, cfg, func(context.Context, *asynq.Task) error { return nil })
	eventually(t, func() bool { return inst.Client.ZScore(t.Context(), k.Archived(), task.ID).Err() == nil },
		func() string { return "the job is not recovered" })
	if n := told.Load(); n != 0 {
		t.Errorf("the error handler was called %d times", n)
	}
}

// whereWhenCancelled returns a handler that says, as soon as its context ends, how
// many jobs wait and are active.
func whereWhenCancelled(c redis.UniversalClient, started chan<- struct{}, seen chan<- [2]int64) func(context.Context) error {
	return func(ctx context.Context) error {
		started <- struct{}{}
		<-ctx.Done()
		k := store.KeysOf("default")
		seen <- [2]int64{c.LLen(context.Background(), k.Pending()).Val(), c.LLen(context.Background(), k.Active()).Val()}
		return ctx.Err()
	}
}

// At a shutdown a job goes back to its queue before its context ends: another worker
// may run it meanwhile. Legwork ends the context first.
func TestContextEndsBeforeTheJobIsGivenBack(t *testing.T) {
	t.Parallel()
	t.Run("asynq", func(t *testing.T) {
		t.Parallel()
		inst := storetest.Redis(t)
		started, seen := make(chan struct{}, 1), make(chan [2]int64, 1)
		handle := whereWhenCancelled(inst.Client, started, seen)
		s := stock(t, inst.Client, brisk(1), func(ctx context.Context, _ *asynq.Task) error { return handle(ctx) })
		enqueueStock(t, inst.Client, asynq.NewTask("test.hold", nil))
		receive(t, started)
		s.Stop()
		s.Shutdown()
		if got := receive(t, seen); got != [2]int64{1, 0} {
			t.Errorf("pending and active when the context ended: %v; asynq has changed the order", got)
		}
	})
	t.Run("legwork", func(t *testing.T) {
		t.Parallel()
		inst := storetest.Redis(t)
		started, seen := make(chan struct{}, 1), make(chan [2]int64, 1)
		handle := whereWhenCancelled(inst.Client, started, seen)
		r := newRig(t, inst, func(reg *jobs.Registry) {
			jobs.Handle(reg, "test.hold", func(ctx context.Context, _ struct{}) (struct{}, error) { return struct{}{}, handle(ctx) }, jobs.Options{})
		})
		p := r.worker(func(o *options) { o.StopTimeout = 50 * time.Millisecond })
		id := r.post(client.Enqueue{Type: "test.hold"})
		receive(t, started)
		if err := p.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, seen); got != [2]int64{0, 1} {
			t.Errorf("pending and active when the context ended: %v", got)
		}
		r.until(id, jobs.StatePending)
	})
}

// failing is a Redis client on which no script of a worker works.
type failing struct {
	redis.UniversalClient
	calls atomic.Int64
}

func (f *failing) EvalSha(ctx context.Context, _ string, _ []string, _ ...any) *redis.Cmd {
	f.calls.Add(1)
	cmd := redis.NewCmd(ctx)
	cmd.SetErr(redis.ErrClosed)
	return cmd
}

// While jobs cannot be taken asynq asks without a pause; Legwork makes one.
func TestDequeueErrorsAreNotRepeatedAtOnce(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	bare, behind := &failing{UniversalClient: inst.Client}, &failing{UniversalClient: inst.Client}
	s := stock(t, bare, asynq.Config{Concurrency: 10}, func(context.Context, *asynq.Task) error { return nil })
	r := newRig(t, inst, noop)
	r.post(client.Enqueue{Type: "test.ok"})
	p := r.worker(func(o *options) { o.Redis = behind })
	time.Sleep(time.Second)
	s.Stop()
	_ = p.Stop(context.Background())
	if n := bare.calls.Load(); n < 1000 {
		t.Errorf("asynq made %d calls in a second: it pauses now", n)
	}
	if n := behind.calls.Load(); n > 60 {
		t.Errorf("Legwork made %d calls in a second", n)
	}
}

// When Redis is full, asynq cannot even take what waits, so that it stays full.
func TestAsynqStandsStillWhenRedisIsFull(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	ran := make(chan struct{}, 1)
	enqueueStock(t, inst.Client, asynq.NewTask("test.ok", nil))
	inst.Client.ConfigSet(t.Context(), "maxmemory", "1")
	stock(t, inst.Client, brisk(1), func(context.Context, *asynq.Task) error { ran <- struct{}{}; return nil })
	select {
	case <-ran:
		t.Error("asynq takes jobs from a full Redis")
	case <-time.After(time.Second):
	}
	inst.Client.ConfigSet(t.Context(), "maxmemory", "0")
	receive(t, ran)
}

// The unique lock of a stock client's job outlives the job when asynq archives it. In
// Legwork's pool it is released whenever the job has ended.
func TestUniqueLocksOfForeignJobs(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	unique := func(queue, name string) []asynq.Option {
		opts := []asynq.Option{asynq.Queue(queue), asynq.Unique(time.Hour), asynq.MaxRetry(0)}
		if name == "test.kept" {
			opts = append(opts, asynq.Retention(time.Hour))
		}
		return opts
	}
	stockQueue := brisk(1)
	stockQueue.Queues = map[string]int{"stock": 1}
	stock(t, inst.Client, stockQueue, func(context.Context, *asynq.Task) error { return errors.New("no luck") })
	r := newRig(t, inst, func(reg *jobs.Registry) {
		for name, err := range map[string]error{"test.done": nil, "test.kept": nil, "test.die": errors.New("no luck"), "test.again": jobs.RetryAfter(errors.New("no luck"), time.Hour)} {
			jobs.Handle(reg, name, func(context.Context, struct{}) (struct{}, error) { return struct{}{}, err }, jobs.Options{})
		}
	})
	r.worker(nil)
	payload := []byte("{}")
	for _, c := range []struct {
		queue, name string
		ended       func(id string) bool
		free        bool
	}{
		{"stock", "test.die", inArchive(t, inst, "stock"), false},
		{"default", "test.die", inArchive(t, inst, "default"), true},
		{"default", "test.done", func(id string) bool {
			return inst.Client.Exists(context.Background(), store.KeysOf("default").Task(id)).Val() == 0
		}, true},
		{"default", "test.kept", func(id string) bool {
			return inst.Client.ZScore(context.Background(), store.KeysOf("default").Completed(), id).Err() == nil
		}, true},
	} {
		task := asynq.NewTask(c.name, payload)
		info := enqueueStock(t, inst.Client, task, unique(c.queue, c.name)...)
		eventually(t, func() bool { return c.ended(info.ID) }, func() string { return c.queue + ": " + c.name + " does not end" })
		_, err := asynq.NewClientFromRedisClient(inst.Client).Enqueue(task, unique(c.queue, c.name)...)
		if free := err == nil; free != c.free || !free && !errors.Is(err, asynq.ErrDuplicateTask) {
			t.Errorf("%s in queue %s, once more after its end: %v; want accepted: %t", c.name, c.queue, err, c.free)
		}
	}
	again := asynq.NewTask("test.again", payload)
	enqueueStock(t, inst.Client, again, asynq.Unique(time.Hour), asynq.MaxRetry(5))
	eventually(t, func() bool {
		return inst.Client.ZCard(context.Background(), store.KeysOf("default").Retry()).Val() == 1
	},
		func() string { return "the job does not fail" })
	if _, err := asynq.NewClientFromRedisClient(inst.Client).Enqueue(again, asynq.Unique(time.Hour)); !errors.Is(err, asynq.ErrDuplicateTask) {
		t.Errorf("a job that waits for its next attempt, once more: %v; want its lock kept", err)
	}
}

func inArchive(t *testing.T, inst storetest.Instance, queue string) func(string) bool {
	return func(id string) bool {
		return inst.Client.ZScore(t.Context(), store.KeysOf(queue).Archived(), id).Err() == nil
	}
}

// A dead letter that asynq runs again keeps the retries it had used, and its id
// cannot be used for another job. Promise: TestRetryStartsAfresh.
func TestAsynqRetriesDeadLettersSpent(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	fail := errors.New("no luck")
	s := stock(t, inst.Client, brisk(1), func(context.Context, *asynq.Task) error { return fail })
	task := asynq.NewTask("test.die", nil)
	info := enqueueStock(t, inst.Client, task, asynq.TaskID("mine"), asynq.MaxRetry(1))
	eventually(t, func() bool { return inArchive(t, inst, "default")(info.ID) }, func() string { return "the job does not die" })
	s.Stop()
	if _, err := asynq.NewClientFromRedisClient(inst.Client).Enqueue(task, asynq.TaskID("mine")); !errors.Is(err, asynq.ErrTaskIDConflict) {
		t.Errorf("the id of a dead letter, once more: %v", err)
	}
	inspector := asynq.NewInspectorFromRedisClient(inst.Client)
	if err := inspector.RunTask("default", info.ID); err != nil {
		t.Fatal(err)
	}
	if again, err := inspector.GetTaskInfo("default", info.ID); err != nil || again.Retried != 1 {
		t.Errorf("retried dead letter = %+v, %v; want its one retry still used up", again, err)
	}
}
