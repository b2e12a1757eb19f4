package engine_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

func noop(reg *jobs.Registry) {
	jobs.Handle(reg, "test.ok", func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }, jobs.Options{})
}

// With Redis gone or frozen an enqueue fails within two seconds with the code
// for it, alone and in a batch, and works again by itself afterwards.
func TestEnqueueWithoutRedis(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]struct{ begin, end func(storetest.Instance) }{
		"killed": {storetest.Instance.Kill, storetest.Instance.Restart},
		"frozen": {storetest.Instance.Pause, storetest.Instance.Resume},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			r := newRig(t, inst, noop)
			r.post(client.Enqueue{Type: "test.ok"})
			fault.begin(inst)
			began := time.Now()
			_, err := r.Enqueue(t.Context(), client.Enqueue{Type: "test.ok"}, "")
			if jobs.CodeOf(err) != jobs.CodeUnavailable || time.Since(began) > 2*time.Second {
				t.Errorf("one job: %v after %s", err, time.Since(began))
			}
			began = time.Now()
			for _, res := range r.EnqueueBatch(t.Context(), []*client.Enqueue{{Type: "test.ok"}, {Type: "test.ok", ID: "mine"}}) {
				if jobs.CodeOf(res.Err) != jobs.CodeUnavailable {
					t.Errorf("batch: %v", res.Err)
				}
			}
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("batch took %s", took)
			}
			fault.end(inst)
			eventually(t, func() bool {
				_, err := r.Enqueue(t.Context(), client.Enqueue{Type: "test.ok"}, "")
				return err == nil
			}, func() string { return "enqueue does not recover" })
		})
	}
}

// The connection breaks while jobs run: their acknowledgements are sent again,
// so each runs once. asynq alone runs every one of them twice.
func TestLostAcknowledgementIsSentAgain(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	proxy, worker := proxied(t, inst, store.Options{ReadTimeout: 200 * time.Millisecond, DialTimeout: 200 * time.Millisecond})
	const total = 10
	var runs atomic.Int64
	var running sync.WaitGroup
	running.Add(total)
	release := make(chan struct{})
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.hold", func(context.Context, struct{}) (string, error) {
			runs.Add(1)
			running.Done()
			<-release
			return "done", nil
		}, jobs.Options{MaxRetries: jobs.NoRetries})
	})
	r.worker(func(o *options) { o.Redis = worker })
	var ids []string
	for range total {
		ids = append(ids, r.post(client.Enqueue{Type: "test.hold"}))
	}
	running.Wait()
	proxy.DropReplies() // acknowledgements arrive, their answers do not
	close(release)
	time.AfterFunc(time.Second, proxy.Heal)
	for _, id := range ids {
		if j := r.until(id, jobs.StateCompleted); string(j.Result) != `"done"` {
			t.Errorf("result = %s", j.Result)
		}
	}
	if n := runs.Load(); n != total {
		t.Errorf("%d runs of %d jobs", n, total)
	}
}

// Dead letters are not trimmed: asynq alone keeps the newest 9,999 of a queue.
func TestDeadLettersAreNotTrimmed(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.die", func(context.Context, struct{}) (struct{}, error) {
			return struct{}{}, jobs.Permanent(context.DeadlineExceeded)
		}, jobs.Options{})
	})
	k := store.KeysOf("default")
	pipe := inst.Client.Pipeline()
	for i := range 12_000 {
		id := string(rune('a'+i%26)) + time.Duration(i).String()
		pipe.ZAdd(t.Context(), k.Archived(), redisZ(float64(i), id))
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.worker(nil)
	r.until(r.post(client.Enqueue{Type: "test.die"}), jobs.StateArchived)
	if n := inst.Client.ZCard(t.Context(), k.Archived()).Val(); n != 12_001 {
		t.Errorf("%d dead letters, want 12001", n)
	}
}

// A message that cannot be decoded does not stop the jobs behind it.
func TestDamagedMessageDoesNotStopOthers(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, noop)
	bad := r.post(client.Enqueue{Type: "test.ok"})
	k := store.KeysOf("default")
	if err := inst.Client.HSet(t.Context(), k.Task(bad), store.FieldMessage, "\xff\xff").Err(); err != nil {
		t.Fatal(err)
	}
	good := r.post(client.Enqueue{Type: "test.ok"})
	r.worker(nil)
	r.until(good, jobs.StateCompleted)
	if j, err := r.inspect.Job(t.Context(), bad); err != nil || j.LastError == "" {
		t.Errorf("damaged job = %+v, %v; want it shown as damaged", j, err)
	}
}

// A script flushed from Redis is loaded again, for both directions.
func TestFlushedScriptsAreLoadedAgain(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, noop)
	r.worker(nil)
	for range 3 {
		if err := inst.Client.ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		r.until(r.post(client.Enqueue{Type: "test.ok"}), jobs.StateCompleted)
	}
}

// A worker announces its types; a process without the handlers accepts their
// jobs, and no longer once the worker is gone.
func TestAnnouncedTypes(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	type in struct {
		N int `json:"n" jsonschema:"minimum=1"`
	}
	worker := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "far.work", func(context.Context, in) (string, error) { return "", nil },
			jobs.Options{Queue: "far", MaxRetries: 4, Timeout: time.Minute, Summary: "Works far away."})
	})
	api := newRig(t, inst, nil)
	if _, err := api.Enqueue(t.Context(), client.Enqueue{Type: "far.work"}, ""); jobs.CodeOf(err) != jobs.CodeUnknownType {
		t.Fatalf("before the announcement: %v", err)
	}
	a := engine.NewAnnouncer(engine.AnnouncerOptions{
		Redis: inst.Client, Registry: worker.reg, ID: "w1", Version: "v1", Log: slog.New(slog.DiscardHandler),
		Pools: []engine.PoolOptions{{Name: "main", Queues: map[string]int{"far": 3}, Concurrency: 10}},
	})
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var receipt *engine.Receipt
	eventually(t, func() bool {
		var err error
		receipt, err = api.Enqueue(t.Context(), client.Enqueue{Type: "far.work", Payload: json.RawMessage(`{"n":1}`)}, "")
		return err == nil
	}, func() string { return "the announced type stays unknown" })
	if m := receipt.Message; m.Queue != "far" || m.Retry != 4 || m.Meta().Timeout != 60_000 {
		t.Errorf("message = %+v, want the announced defaults", m)
	}
	_, err := api.Enqueue(t.Context(), client.Enqueue{Type: "far.work", Payload: json.RawMessage(`{"n":0}`)}, "")
	if jobs.CodeOf(err) != jobs.CodeInvalidPayload {
		t.Errorf("payload against the announced schema: %v", err)
	}
	if types := api.catalog.Types(t.Context()); len(types) != 1 || types[0].Workers != 1 || types[0].Summary != "Works far away." {
		t.Errorf("types = %+v", types)
	}
	if w := api.catalog.Weights(t.Context()); w["far"] != 3 {
		t.Errorf("weights = %v", w)
	}
	if err := a.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return len(api.catalog.Types(t.Context())) == 0 }, func() string { return "the type outlives its worker" })
}

// The housekeeper makes due jobs pending and drops expired ones in queues that
// no worker serves.
func TestHousekeeperTendsEveryQueue(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, noop)
	id := r.post(client.Enqueue{Type: "test.ok", Queue: "lonely", Delay: ptr(client.Duration(time.Millisecond))})
	k := store.KeysOf("lonely")
	inst.Client.HSet(t.Context(), k.Task("old"), store.FieldMessage, "x", store.FieldState, "completed")
	inst.Client.ZAdd(t.Context(), k.Completed(), redisZ(1, "old"))
	h := engine.NewHousekeeper(inst.Client, nil, slog.New(slog.DiscardHandler))
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Stop(context.Background()) }()
	r.until(id, jobs.StatePending)
	eventually(t, func() bool { return inst.Client.Exists(t.Context(), k.Task("old")).Val() == 0 },
		func() string { return "the expired job is still there" })
}

// A process that waits for a job hears of its end at once.
func TestWaitersHearOfTheEnd(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	release := make(chan struct{})
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.hold", func(context.Context, struct{}) (struct{}, error) {
			<-release
			return struct{}{}, nil
		}, jobs.Options{})
	})
	r.worker(nil)
	w := engine.NewWaiters(inst.Client, "api-1")
	w.Start(t.Context())
	defer w.Stop()
	eventually(t, func() bool {
		return inst.Client.PubSubNumSub(t.Context(), store.ChannelFinished+":api-1").Val()[store.ChannelFinished+":api-1"] == 1
	}, func() string { return "not subscribed" })
	receipt, err := r.Enqueue(t.Context(), client.Enqueue{Type: "test.hold", Retention: ptr(client.Duration(0))}, w.ID())
	if err != nil {
		t.Fatal(err)
	}
	ended, forget := w.Wait(receipt.Message.ID)
	defer forget()
	close(release)
	receive(t, ended)
	if j, err := r.inspect.Job(t.Context(), receipt.Message.ID); err != nil || j.State != "completed" {
		t.Errorf("job = %+v, %v: what is waited for is kept long enough to be read", j, err)
	}
}
