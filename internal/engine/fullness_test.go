package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// squeeze sets maxmemory so that the given percentage of it is in use; more than
// 100 makes Redis refuse whatever needs memory.
func squeeze(t *testing.T, c redis.UniversalClient, percent int64) {
	t.Helper()
	m, err := store.ReadMemory(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	limit := strconv.FormatInt(m.Used*100/percent, 10)
	if err := c.ConfigSet(t.Context(), "maxmemory", limit).Err(); err != nil {
		t.Fatal(err)
	}
}

func fill(t *testing.T, r *rig, name string, count int) {
	t.Helper()
	payload := []byte(`{"filler":"` + strings.Repeat("x", 4<<10) + `"}`)
	var batch []*client.Enqueue
	for range count {
		batch = append(batch, &client.Enqueue{Type: name, Payload: payload, Retention: new(client.Duration)})
	}
	for _, res := range r.EnqueueBatch(t.Context(), batch) {
		if res.Err != nil {
			t.Fatal(res.Err)
		}
	}
}

func counted(runs *atomic.Int64) func(*jobs.Registry) {
	return func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.count", func(context.Context, any) (struct{}, error) {
			runs.Add(1)
			return struct{}{}, nil
		}, jobs.Options{})
	}
}

// Promise: from 80 % of maxmemory on new jobs are refused as unavailable, one by
// one and in batches; what waits is worked off, and then jobs are accepted again
// without anybody's doing.
func TestNearlyFullRedisRefusesNewJobsAndDrains(t *testing.T) {
	t.Parallel()
	const total = 3000
	var runs atomic.Int64
	inst := storetest.Redis(t)
	r := newRig(t, inst, counted(&runs))
	fill(t, r, "test.count", total)
	squeeze(t, inst.Client, 90)
	var err error
	eventually(t, func() bool {
		_, err = r.Enqueue(t.Context(), client.Enqueue{Type: "test.count", Queue: "unserved"}, "")
		return err != nil && strings.Contains(err.Error(), "nearly full")
	}, func() string { return fmt.Sprintf("jobs are not refused at 90 %% of maxmemory: %v", err) })
	if jobs.CodeOf(err) != jobs.CodeUnavailable || !strings.Contains(err.Error(), "from 80 % on") {
		t.Errorf("error = %v", err)
	}
	results := r.EnqueueBatch(t.Context(), []*client.Enqueue{{Type: "test.count"}, nil, {Type: "no.such"}})
	if jobs.CodeOf(results[0].Err) != jobs.CodeUnavailable || results[1].Err != nil || jobs.CodeOf(results[2].Err) != jobs.CodeUnavailable {
		t.Errorf("batch: %v", results)
	}
	r.worker(nil)
	eventually(t, func() bool { return runs.Load() == total }, func() string { return fmt.Sprintf("%d of %d jobs ran", runs.Load(), total) })
	eventually(t, func() bool {
		_, err = r.Enqueue(t.Context(), client.Enqueue{Type: "test.count"}, "")
		return err == nil
	}, func() string { return fmt.Sprintf("jobs are still refused: %v", err) })
}

// Promise: in a Cluster the fullest master decides, and a share of 0 (negative
// here) never refuses.
func TestNearlyFullMasterOfACluster(t *testing.T) {
	t.Parallel()
	inst := storetest.Cluster(t)
	r := newRig(t, inst, noop)
	off := engine.New(engine.Options{Redis: inst.Client, Catalog: r.catalog, FullAt: -1})
	t.Cleanup(off.Stop)
	masters, err := store.Masters(t.Context(), inst.Client)
	if err != nil || len(masters) != 3 {
		t.Fatal(masters, err)
	}
	squeeze(t, masters[1].Client, 85)
	eventually(t, func() bool {
		_, err = r.Enqueue(t.Context(), client.Enqueue{Type: "test.ok"}, "")
		return jobs.CodeOf(err) == jobs.CodeUnavailable
	}, func() string { return "jobs are accepted although one master is nearly full" })
	if _, err := off.Enqueue(t.Context(), client.Enqueue{Type: "test.ok"}, ""); err != nil {
		t.Errorf("without a share: %v", err)
	}
	if err := masters[1].Client.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		_, err = r.Enqueue(t.Context(), client.Enqueue{Type: "test.ok"}, "")
		return err == nil
	}, func() string { return fmt.Sprintf("jobs are still refused: %v", err) })
}

// Promise: a Redis that is over its maxmemory takes no new job, and workers bring
// those that wait to every kind of end: completed with a result, retried, archived,
// snoozed. asynq alone cannot even take a job then.
func TestFullRedisDrains(t *testing.T) {
	t.Parallel()
	storetestEach(t, func(t *testing.T, inst storetest.Instance) {
		var once atomic.Bool
		var runs atomic.Int64
		r := newRig(t, inst, func(reg *jobs.Registry) {
			counted(&runs)(reg)
			jobs.Handle(reg, "test.retry", func(context.Context, any) (string, error) {
				if once.CompareAndSwap(false, true) {
					return "", jobs.RetryAfter(errors.New("not yet"), time.Millisecond)
				}
				return "second time", nil
			}, jobs.Options{})
			jobs.Handle(reg, "test.die", func(context.Context, any) (any, error) { return nil, jobs.Permanent(errors.New("no")) }, jobs.Options{})
			jobs.Handle(reg, "test.snooze", func(context.Context, any) (any, error) { return nil, jobs.Snooze(time.Hour) }, jobs.Options{})
		})
		ids := map[string]string{}
		for _, name := range []string{"test.retry", "test.die", "test.snooze"} {
			ids[name] = r.post(client.Enqueue{Type: name})
		}
		fill(t, r, "test.count", 300)
		masters, err := store.Masters(t.Context(), inst.Client)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range masters {
			squeeze(t, m.Client, 200)
		}
		off := engine.New(engine.Options{Redis: inst.Client, Catalog: r.catalog, FullAt: -1, Log: slog.New(slog.DiscardHandler)})
		t.Cleanup(off.Stop)
		for _, q := range []client.Enqueue{{Type: "test.count"}, {Type: "test.count", ID: "mine"}} {
			if _, err := off.Enqueue(t.Context(), q, ""); jobs.CodeOf(err) != jobs.CodeUnavailable || !strings.Contains(err.Error(), "Redis is full") {
				t.Errorf("id %q: error = %v", q.ID, err)
			}
		}
		r.worker(nil)
		if j := r.until(ids["test.retry"], jobs.StateCompleted); string(j.Result) != `"second time"` {
			t.Errorf("result = %s", j.Result)
		}
		r.until(ids["test.die"], jobs.StateArchived)
		r.until(ids["test.snooze"], jobs.StateScheduled)
		eventually(t, func() bool { return runs.Load() == 300 }, func() string { return fmt.Sprintf("%d of 300 jobs ran", runs.Load()) })
	})
}

func storetestEach(t *testing.T, test func(*testing.T, storetest.Instance)) {
	t.Helper()
	t.Run("redis", func(t *testing.T) { t.Parallel(); test(t, storetest.Redis(t)) })
	t.Run("cluster", func(t *testing.T) { t.Parallel(); test(t, storetest.Cluster(t)) })
}

// Promise: while Redis is full a worker keeps its pulse, its announcement and the
// leases of its jobs, so that none of them is taken from it and run beside it.
func TestFullRedisKeepsWorkersAlive(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	inst := storetest.Redis(t)
	release := make(chan struct{})
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.hold", func(context.Context, any) (any, error) {
			runs.Add(1)
			<-release
			return nil, nil
		}, jobs.Options{})
	})
	id := r.post(client.Enqueue{Type: "test.hold"})
	squeeze(t, inst.Client, 200)
	worker := r.worker(nil)
	t.Cleanup(func() { close(release) })
	a := engine.NewAnnouncer(engine.AnnouncerOptions{
		Redis: inst.Client, Registry: r.reg, ID: "w1", Version: "v1", Log: slog.New(slog.DiscardHandler), State: worker.State, Unknown: worker.Unknown,
		Pools: []engine.PoolOptions{{Name: "main", Queues: map[string]int{"default": 1}, Concurrency: 1}},
	})
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Stop(context.Background()) })
	r.until(id, jobs.StateActive)
	k := store.KeysOf("default")
	first, err := inst.Client.ZScore(t.Context(), k.Lease(), id).Result()
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		now, err := inst.Client.ZScore(t.Context(), k.Lease(), id).Result()
		return err == nil && now > first
	}, func() string { return "the lease is not extended" })
	holder, _, _ := strings.Cut(inst.Client.HGet(t.Context(), k.Holders(), id).Val(), " ")
	for _, key := range []string{store.KeyPulsePrefix + holder, store.KeyWorkerPrefix + "w1"} {
		if n, err := inst.Client.Exists(t.Context(), key).Result(); err != nil || n != 1 {
			t.Errorf("%s: %d, %v", key, n, err)
		}
	}
	if ids, err := inst.Client.SMembers(t.Context(), store.KeyWorkers).Result(); err != nil || !slices.Contains(ids, "w1") {
		t.Errorf("workers = %v, %v", ids, err)
	}
	if !startedOf(t, inst, id) {
		t.Error("the start is not noted")
	}
	if n := runs.Load(); n != 1 {
		t.Errorf("the job ran %d times", n)
	}
}

// listening is a logger of asynq's that tells of one word.
type listening struct {
	asynq.Logger
	word  string
	heard chan struct{} // buffered
}

func (l listening) Error(args ...any) {
	if strings.Contains(fmt.Sprint(args...), l.word) {
		select {
		case l.heard <- struct{}{}:
		default:
		}
	}
}

// The contrast to [TestFullRedisDrains]: asynq's own server cannot take a job out of
// a full Redis.
func TestPlainAsynqDoesNotDrainFullRedis(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	if _, err := asynq.NewClientFromRedisClient(inst.Client).Enqueue(asynq.NewTask("test.ok", nil)); err != nil {
		t.Fatal(err)
	}
	squeeze(t, inst.Client, 200)
	l := listening{Logger: discard{}, word: "Dequeue error", heard: make(chan struct{}, 1)}
	s := asynq.NewServerFromRedisClient(inst.Client, asynq.Config{Logger: l, LogLevel: asynq.ErrorLevel})
	ran := make(chan struct{}, 1)
	if err := s.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { ran <- struct{}{}; return nil })); err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown()
	select {
	case <-l.heard:
	case <-ran:
		t.Error("asynq drains a full Redis by itself now; vital.go may not be needed any more")
	case <-time.After(20 * time.Second):
		t.Error("asynq neither runs the job nor complains")
	}
}

type discard struct{}

func (discard) Debug(...any) {}
func (discard) Info(...any)  {}
func (discard) Warn(...any)  {}
func (discard) Error(...any) {}
func (discard) Fatal(...any) {}
