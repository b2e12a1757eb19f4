package engine_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// A key of another type under one of asynq's names in one queue.
const (
	lane  = "planted"
	other = "other"
)

// activity counts what was asked of a Redis: commands that ran and those refused.
func activity(t *testing.T, inst storetest.Instance) int {
	t.Helper()
	n := commands(t, inst)
	for line := range strings.Lines(inst.Client.Info(context.Background(), "stats").Val()) {
		if refused, ok := strings.CutPrefix(line, "total_error_replies:"); ok {
			more, err := strconv.Atoi(strings.TrimSpace(refused))
			if err != nil {
				t.Fatal(err)
			}
			n += more
		}
	}
	return n
}

// endsRig is a rig whose types end in each way there is.
func endsRig(t *testing.T, inst storetest.Instance, runs *atomic.Int64) *rig {
	t.Helper()
	return newRig(t, inst, func(reg *jobs.Registry) {
		noop(reg)
		for name, err := range map[string]error{
			"test.die": jobs.Permanent(errors.New("no luck")), "test.retry": jobs.RetryAfter(errors.New("no luck"), time.Hour),
			"test.snooze": jobs.Snooze(time.Hour), "test.done": nil,
		} {
			jobs.Handle(reg, name, func(context.Context, struct{}) (struct{}, error) {
				runs.Add(1)
				return struct{}{}, err
			}, jobs.Options{})
		}
	})
}

// serve starts a pool for both queues, the planted one first.
func (r *rig) serve(log *lockedBuffer) {
	r.worker(func(o *options) {
		o.Queues, o.StrictPriority = map[string]int{lane: 9, other: 1}, true
		o.Log = slog.New(slog.NewTextHandler(log, nil))
	})
}

// A key of another type under one of the names of a queue: the jobs of other
// queues go on although this one comes first, the log says once which key it is and what
// to do, Redis is not asked over and over, and when the key is gone the job that
// was held up ends, having run once.
func TestKeysOfAnotherType(t *testing.T) {
	t.Parallel()
	k := store.KeysOf(lane)
	for name, c := range map[string]struct {
		key  string
		job  string
		ends jobs.State
	}{
		"active":    {k.Active(), "test.done", jobs.StateCompleted},
		"lease":     {k.Lease(), "test.done", jobs.StateCompleted},
		"holders":   {k.Holders(), "test.done", jobs.StateCompleted},
		"tokens":    {k.Tokens(), "test.done", jobs.StateCompleted},
		"completed": {k.Completed(), "test.done", jobs.StateCompleted},
		"archived":  {k.Archived(), "test.die", jobs.StateArchived},
		"retry":     {k.Retry(), "test.retry", jobs.StateRetry},
		"scheduled": {k.Scheduled(), "test.snooze", jobs.StateScheduled},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var runs atomic.Int64
			var log lockedBuffer
			inst := storetest.Redis(t)
			r := endsRig(t, inst, &runs)
			held := r.post(client.Enqueue{Type: c.job, Queue: lane})
			plant(t, inst, c.key)
			r.serve(&log)
			for range 5 {
				r.until(r.post(client.Enqueue{Type: "test.ok", Queue: other}), jobs.StateCompleted)
			}
			eventually(t, func() bool { return strings.Contains(log.String(), c.key) && strings.Contains(log.String(), "delete") },
				func() string { return "the log does not say what to do:\n" + log.String() })
			quiet(t, inst, &log)
			if err := inst.Client.Del(t.Context(), c.key).Err(); err != nil {
				t.Fatal(err)
			}
			r.until(held, c.ends)
			if n := runs.Load(); n != 1 {
				t.Errorf("the job ran %d times", n)
			}
		})
	}
}

// plant puts something else there: a stream, which no key of asynq's is.
func plant(t *testing.T, inst storetest.Instance, key string) {
	t.Helper()
	inst.Client.Del(t.Context(), key)
	if err := inst.Client.XAdd(t.Context(), &redis.XAddArgs{Stream: key, Values: []string{"a", "b"}}).Err(); err != nil {
		t.Fatal(err)
	}
}

// quiet checks that for a second Redis is asked little and the log says little.
func quiet(t *testing.T, inst storetest.Instance, log *lockedBuffer) {
	t.Helper()
	before, lines := activity(t, inst), strings.Count(log.String(), "\n")
	time.Sleep(time.Second)
	if n := activity(t, inst) - before; n > 60 {
		t.Errorf("%d commands in a second", n)
	}
	if n := strings.Count(log.String(), "\n") - lines; n > 4 {
		t.Errorf("%d lines in a second:\n%s", n, log.String())
	}
}

// The pending list of a queue is of another type: callers hear that it is, and the
// other queues go on.
func TestPendingOfAnotherType(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	var log lockedBuffer
	inst := storetest.Redis(t)
	k := store.KeysOf(lane)
	plant(t, inst, k.Pending())
	r := endsRig(t, inst, &runs)
	r.serve(&log)
	_, err := r.Enqueue(t.Context(), client.Enqueue{Type: "test.done", Queue: lane}, "")
	if jobs.CodeOf(err) != jobs.CodeUnavailable || !strings.Contains(err.Error(), lane) {
		t.Errorf("enqueue: %v", err)
	}
	for range 5 {
		r.until(r.post(client.Enqueue{Type: "test.ok", Queue: other}), jobs.StateCompleted)
	}
	eventually(t, func() bool { return strings.Contains(log.String(), k.Pending()) },
		func() string { return "the log does not name the key:\n" + log.String() })
	quiet(t, inst, &log)
	inst.Client.Del(t.Context(), k.Pending())
	r.until(r.post(client.Enqueue{Type: "test.done", Queue: lane}), jobs.StateCompleted)
}

// The counters of a queue are of another type: jobs end all the same.
func TestCountersOfAnotherType(t *testing.T) {
	t.Parallel()
	var runs atomic.Int64
	var log lockedBuffer
	inst := storetest.Redis(t)
	k := store.KeysOf(lane)
	for _, key := range []string{k.Processed(), k.Failed(), k.ProcessedOn(time.Now()), k.FailedOn(time.Now())} {
		inst.Client.LPush(t.Context(), key, "x")
	}
	r := endsRig(t, inst, &runs)
	r.serve(&log)
	ok := r.post(client.Enqueue{Type: "test.done", Queue: lane})
	dead := r.post(client.Enqueue{Type: "test.die", Queue: lane})
	r.until(ok, jobs.StateCompleted)
	r.until(dead, jobs.StateArchived)
	if text := log.String(); strings.Contains(text, "level=ERROR") || runs.Load() != 2 {
		t.Errorf("%d runs:\n%s", runs.Load(), text)
	}
}

// The hash of one job is of another type, before it is taken, while it waits for
// its time, or while it runs: that job becomes a dead letter without a body, which the
// log tells of, and every other job ends well.
func TestJobOfAnotherType(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	inst := storetest.Redis(t)
	started, release := make(chan string, 10), make(chan struct{})
	r := newRig(t, inst, func(reg *jobs.Registry) {
		noop(reg)
		jobs.Handle(reg, "test.block", func(ctx context.Context, _ struct{}) (string, error) {
			started <- jobs.Info(ctx).ID
			<-release
			return "done", nil
		}, jobs.Options{})
	})
	k := store.KeysOf("default")
	waiting := r.post(client.Enqueue{Type: "test.ok"})
	delayed := r.post(client.Enqueue{Type: "test.ok", Delay: ptr(client.Duration(500 * time.Millisecond))})
	behind := r.post(client.Enqueue{Type: "test.ok", Delay: ptr(client.Duration(600 * time.Millisecond))})
	plant(t, inst, k.Task(waiting))
	plant(t, inst, k.Task(delayed))
	var blocked []string
	for range 3 {
		blocked = append(blocked, r.post(client.Enqueue{Type: "test.block"}))
	}
	r.worker(func(o *options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	for range blocked {
		receive(t, started)
	}
	plant(t, inst, k.Task(blocked[1]))
	close(release)
	for _, id := range []string{blocked[0], blocked[2], behind} {
		r.until(id, jobs.StateCompleted)
	}
	for _, id := range []string{waiting, delayed} {
		eventually(t, func() bool {
			return inst.Client.ZScore(t.Context(), k.Archived(), id).Err() == nil && strings.Contains(log.String(), id)
		}, func() string { return "no dead letter, or nobody is told:\n" + log.String() })
	}
	eventually(t, func() bool { return inst.Client.LLen(t.Context(), k.Active()).Val() == 0 },
		func() string { return "the job whose hash was overwritten stays active" })
	if n := inst.Client.ZCard(t.Context(), k.Completed()).Val(); n != 4 {
		t.Errorf("%d completed jobs, want 3 and the one that was overwritten", n)
	}
}

// The set of queue names is of another type: callers hear so, and what waits runs.
func TestQueueNamesOfAnotherType(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	started := make(chan time.Time, 10)
	r := newRig(t, inst, starts(started))
	r.post(client.Enqueue{Type: "test.start"})
	inst.Client.Del(t.Context(), store.KeyQueues)
	plant(t, inst, store.KeyQueues)
	r.worker(nil)
	receive(t, started)
	_, err := r.Enqueue(t.Context(), client.Enqueue{Type: "test.start"}, "")
	if jobs.CodeOf(err) != jobs.CodeUnavailable || !strings.Contains(err.Error(), store.KeyQueues) {
		t.Errorf("enqueue: %v", err)
	}
	inst.Client.Del(t.Context(), store.KeyQueues)
	r.post(client.Enqueue{Type: "test.start"})
	receive(t, started)
}

// The housekeeper goes on with the other queues, and with the other sets of the
// planted one, and names the key.
func TestHousekeeperMeetsAnotherType(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	inst := storetest.Redis(t)
	r := newRig(t, inst, noop)
	delay := ptr(client.Duration(time.Millisecond))
	ids := []string{r.post(client.Enqueue{Type: "test.ok", Queue: lane, Delay: delay}), r.post(client.Enqueue{Type: "test.ok", Queue: other, Delay: delay})}
	k := store.KeysOf(lane)
	plant(t, inst, k.Retry())
	h := engine.NewHousekeeper(inst.Client, nil, slog.New(slog.NewTextHandler(&log, nil)))
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Stop(context.Background()) }()
	for _, id := range ids {
		r.until(id, jobs.StatePending)
	}
	eventually(t, func() bool { return strings.Contains(log.String(), k.Retry()) },
		func() string { return "the log does not name the key:\n" + log.String() })
	quiet(t, inst, &log)
}
