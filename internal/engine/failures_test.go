package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// order is a payload whose number gets into the message of its failure.
type order struct {
	Number int  `json:"number"`
	Other  bool `json:"other,omitempty"`
}

// sells registers types that fail for one of two causes; mended ones succeed.
func sells(mended *atomic.Bool) func(*jobs.Registry) {
	return func(reg *jobs.Registry) {
		handle := func(_ context.Context, o order) (any, error) {
			switch {
			case mended != nil && mended.Load():
				return nil, nil
			case o.Other:
				return nil, jobs.Permanent(fmt.Errorf("dial tcp 10.0.0.%d:25: i/o timeout", o.Number%250))
			}
			return nil, jobs.RetryAfter(fmt.Errorf("order %d is unknown to %q", o.Number, "shop"+fmt.Sprint(o.Number)), time.Millisecond)
		}
		jobs.Handle(reg, "order.sell", handle, jobs.Options{MaxRetries: 1})
		jobs.Handle(reg, "order.buy", handle, jobs.Options{MaxRetries: jobs.NoRetries})
		jobs.Handle(reg, "order.panic", func(_ context.Context, o order) (any, error) { return ship(o.Number), nil }, jobs.Options{MaxRetries: jobs.NoRetries})
	}
}

// ship panics; its line numbers are nothing that a group depends on.
func ship(n int) []int {
	return make([]int, 0)[n : n+1 : n+2]
}

func (r *rig) sell(name string, queue string, numbers int, other bool) {
	r.t.Helper()
	for n := range numbers {
		payload := fmt.Sprintf(`{"number":%d,"other":%v}`, n, other)
		r.post(client.Enqueue{Type: name, Queue: queue, Payload: []byte(payload)})
	}
}

// groups returns the failure groups there are, by message.
func (r *rig) groups() map[string]client.FailureGroup {
	r.t.Helper()
	list, err := r.inspect.Failures(context.Background(), client.FailureFilter{Limit: 500})
	if err != nil {
		r.t.Fatal(err)
	}
	all := map[string]client.FailureGroup{}
	for _, g := range list.Failures {
		if _, twice := all[g.Type+": "+g.Message]; twice {
			r.t.Errorf("two groups have the message %q", g.Message)
		}
		all[g.Type+": "+g.Message] = g
	}
	return all
}

// counted waits until the groups have counted so many failures in all, and returns
// them.
func (r *rig) countedGroups(want int64) map[string]client.FailureGroup {
	r.t.Helper()
	var all map[string]client.FailureGroup
	var sum int64
	eventually(r.t, func() bool {
		all, sum = r.groups(), 0
		for _, g := range all {
			sum += g.Count
		}
		return sum >= want
	}, func() string { return fmt.Sprintf("%d failures counted, want %d", sum, want) })
	if sum != want {
		r.t.Errorf("%d failures counted, want %d", sum, want)
	}
	return all
}

const (
	unknownOrder = "order <n> is unknown to <str>"
	timedOut     = "dial tcp <addr>: i/o timeout"
)

// Failures of one cause are one group, of two causes two, with exact counts over two
// workers and several queues, on every kind of Redis.
func TestFailuresFormGroups(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		r := newRig(t, inst, sells(nil))
		for range 2 {
			r.worker(func(o *options) { o.Queues = map[string]int{"default": 1, "bulk": 1} })
		}
		begun := time.Now().Truncate(time.Millisecond)
		r.sell("order.sell", "", 40, false)     // 80 failures, 40 dead
		r.sell("order.sell", "bulk", 20, false) // 40 failures, 20 dead
		r.sell("order.sell", "", 10, true)      // 10 failures, 10 dead
		r.sell("order.buy", "", 10, true)       // likewise
		r.sell("order.panic", "", 8, false)     // some of two causes
		all := r.countedGroups(80 + 40 + 10 + 10 + 8)
		for name, want := range map[string]client.FailureGroup{
			"order.sell: " + unknownOrder: {Type: "order.sell", Kind: "error", Count: 120, Dead: 60, Queues: map[string]int64{"default": 80, "bulk": 40}},
			"order.sell: " + timedOut:     {Type: "order.sell", Kind: "error", Count: 10, Dead: 10, Queues: map[string]int64{"default": 10}},
			"order.buy: " + timedOut:      {Type: "order.buy", Kind: "error", Count: 10, Dead: 10, Queues: map[string]int64{"default": 10}},
		} {
			g := all[name]
			got := client.FailureGroup{Type: g.Type, Kind: g.Kind, Count: g.Count, Dead: g.Dead, Queues: g.Queues}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: want (-), got (+)\n%s", name, diff)
			}
			if g.State != "open" || g.Retrying != 0 || g.FirstSeen.Before(begun) || g.LastSeen.Before(g.FirstSeen) || time.Since(g.LastSeen) > time.Minute {
				t.Errorf("%s: %+v", name, g)
			}
			one, err := r.inspect.Failure(t.Context(), g.Fingerprint, "")
			if err != nil || one.SampleJob == nil {
				t.Fatalf("%s: %+v, %v", name, one, err)
			}
			if j, err := r.inspect.Job(t.Context(), one.SampleJob.ID); err != nil || j.Type != g.Type || j.Queue != one.SampleJob.Queue || j.LastError == "" {
				t.Errorf("%s: sample job %+v, %v", name, j, err)
			}
			var trend int64
			for _, h := range one.Trend {
				trend += h.Count
			}
			if trend != g.Count {
				t.Errorf("%s: trend has %d, count is %d", name, trend, g.Count)
			}
		}
		panics := int64(0)
		for name, g := range all {
			if g.Kind == store.KindPanic {
				panics += g.Count
				if g.Frame != "legwork/internal/engine_test.ship" || !strings.Contains(name, "out of range") {
					t.Errorf("%s: frame %q", name, g.Frame)
				}
			}
		}
		if panics != 8 {
			t.Errorf("%d panics", panics)
		}
	})
}

// A resolved group that fails again is regressed and counts since; one that is
// ignored stays so.
func TestResolvedGroupRegresses(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t), sells(nil))
	ctx := t.Context()
	r.worker(nil)
	r.sell("order.sell", "", 3, false)
	r.sell("order.buy", "", 2, true)
	all := r.countedGroups(8)
	one, other := all["order.sell: "+unknownOrder].Fingerprint, all["order.buy: "+timedOut].Fingerprint
	if _, err := r.inspect.Resolve(ctx, one); err != nil {
		t.Fatal(err)
	}
	if _, err := r.inspect.Ignore(ctx, other, client.Ignore{For: ptr(client.Duration(time.Hour))}); err != nil {
		t.Fatal(err)
	}
	r.sell("order.buy", "", 1, true)
	if g := r.countedGroups(9)["order.sell: "+unknownOrder]; g.State != "resolved" {
		t.Errorf("another group's failure makes it %s", g.State)
	}
	again := time.Now().Truncate(time.Millisecond)
	r.sell("order.sell", "", 2, false)
	all = r.countedGroups(13)
	if g := all["order.sell: "+unknownOrder]; g.State != "regressed" || g.Count != 10 || g.CountSince != 4 || g.RegressedAt == nil || g.RegressedAt.Before(again) {
		t.Errorf("group = %+v", g)
	}
	if g := all["order.buy: "+timedOut]; g.State != "ignored" || g.Count != 3 {
		t.Errorf("group = %+v", g)
	}
	if g, err := r.inspect.Reopen(ctx, one); err != nil || g.State != "open" || g.CountSince != 0 {
		t.Errorf("reopened: %+v, %v", g, err)
	}
}

// A failure from before its group was resolved, of which Redis is told later, does
// not make it regress: what counts is when it failed.
func TestLateFailureIsNoRegression(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, sells(nil))
	r.worker(nil)
	r.sell("order.buy", "", 1, true)
	fp := r.countedGroups(1)["order.buy: "+timedOut].Fingerprint
	if _, err := r.inspect.Resolve(t.Context(), fp); err != nil {
		t.Fatal(err)
	}
	inst.Client.HSet(t.Context(), store.KeyFailurePrefix+fp, store.GroupSince, time.Now().Add(time.Hour).UnixMilli()) // later than the failure to come
	r.sell("order.buy", "", 1, true)
	if g := r.countedGroups(2)["order.buy: "+timedOut]; g.State != "resolved" {
		t.Errorf("group = %+v", g)
	}
}

// Nothing is counted twice when answers are lost, and nothing is lost when
// connections are.
func TestFailuresOutlastOutages(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*storetest.FaultProxy){"replies lost": (*storetest.FaultProxy).DropReplies, "cut": (*storetest.FaultProxy).Cut, "mute": (*storetest.FaultProxy).BlackHole} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const rounds, jobsPerRound = 3, 30
			var proxy *storetest.FaultProxy
			r, _ := behindProxy(t, func(p *storetest.FaultProxy, reg *jobs.Registry) {
				proxy = p
				sells(nil)(reg)
			})
			for round := range rounds {
				away := func() { // while failures gather, and when Redis is to be told of them
					fault(proxy)
					time.Sleep(1700 * time.Millisecond)
					proxy.Heal()
				}
				if round == 0 {
					go away()
				}
				r.sell("order.buy", "", jobsPerRound, true)
				eventually(t, func() bool {
					q, err := r.inspect.Queue(context.Background(), "default", nil)
					return err == nil && q.States["archived"] == (round+1)*jobsPerRound
				}, func() string { return "the jobs do not end" })
				if round > 0 {
					away()
				}
			}
			if g := r.countedGroups(rounds * jobsPerRound)["order.buy: "+timedOut]; g.Dead != rounds*jobsPerRound {
				t.Errorf("group = %+v", g)
			}
		})
	}
}

// A stop tells Redis of what has gathered, and does not wait for one that is away.
func TestStopCountsFailures(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, sells(nil))
	w := r.worker(nil)
	r.sell("order.buy", "", 7, true)
	eventually(t, func() bool {
		return inst.Client.ZCard(context.Background(), store.KeysOf("default").Archived()).Val() == 7
	}, func() string { return "the jobs do not end" })
	if err := w.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if g := r.groups()["order.buy: "+timedOut]; g.Count != 7 {
		t.Errorf("after the stop: %+v", g)
	}
	w = r.worker(nil)
	r.sell("order.buy", "", 1, true)
	eventually(t, func() bool {
		return inst.Client.ZCard(context.Background(), store.KeysOf("default").Archived()).Val() == 8
	}, func() string { return "the job does not end" })
	inst.Kill()
	begun := time.Now()
	err := w.Stop(context.Background())
	if took := time.Since(begun); err != nil || took > 15*time.Second {
		t.Errorf("a stop without Redis takes %s: %v", took, err)
	}
}

// A full Redis counts failures all the same.
func TestFullRedisCountsFailures(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, sells(nil))
	r.sell("order.sell", "", 5, false)
	squeeze(t, inst.Client, 200)
	r.worker(nil)
	if g := r.countedGroups(10)["order.sell: "+unknownOrder]; g.Dead != 5 {
		t.Errorf("group = %+v", g)
	}
}

// Something else under the key of a group keeps neither jobs nor other groups; once
// it is gone, the group forms.
func TestGroupOfAnotherType(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, sells(nil))
	r.worker(nil)
	r.sell("order.buy", "", 1, true)
	fp := r.countedGroups(1)["order.buy: "+timedOut].Fingerprint
	key := store.KeyFailurePrefix + fp
	inst.Client.Set(t.Context(), key, "something else", 0)
	r.sell("order.buy", "", 3, true)
	r.sell("order.sell", "", 3, false)
	r.countedGroups(6)
	inst.Client.Del(t.Context(), key)
	r.sell("order.buy", "", 2, true)
	if g := r.countedGroups(8)["order.buy: "+timedOut]; g.Count != 2 || g.Dead != 6 {
		t.Errorf("group = %+v", g)
	}
	inst.Client.HSet(t.Context(), key, store.GroupCount, "many", store.GroupLast, "x", store.GroupFirst, "y", store.GroupSince, "z", store.GroupState, "resolved",
		store.GroupQueuePrefix+"default", "x", fmt.Sprint(store.GroupHourPrefix, time.Now().Unix()/3600), "x")
	r.sell("order.buy", "", 2, true)
	if g := r.countedGroups(8)["order.buy: "+timedOut]; g.Count != 2 || g.State != "regressed" || g.Queues["default"] != 2 {
		t.Errorf("group with damaged numbers = %+v", g)
	}
	inst.Client.Del(t.Context(), store.KeyFailures)
	inst.Client.Set(t.Context(), store.KeyFailures, "something else", 0)
	r.sell("order.buy", "", 2, true)
	eventually(t, func() bool { return inst.Client.HGet(context.Background(), key, store.GroupCount).Val() == "4" }, func() string { return "not counted without a list" })
}

// Hours beyond seven days, and what processes left that are gone for a day, are
// dropped when the group fails in another hour.
func TestGroupForgetsOldHours(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, sells(nil))
	r.worker(nil)
	r.sell("order.buy", "", 1, true)
	fp := r.countedGroups(1)["order.buy: "+timedOut].Fingerprint
	key, now := store.KeyFailurePrefix+fp, time.Now()
	hour := func(back int64) string { return fmt.Sprint(store.GroupHourPrefix, now.Unix()/3600-back) }
	ctx := t.Context()
	inst.Client.HDel(ctx, key, hour(0), hour(-1))
	inst.Client.HSet(ctx, key, hour(167), 1, hour(170), 1, hour(1000), 1, store.GroupHourPrefix+"x", 1,
		store.GroupProcessPrefix+"old", now.Add(-25*time.Hour).UnixMilli(), store.GroupProcessPrefix+"new", now.Add(-time.Hour).UnixMilli(), store.GroupProcessPrefix+"odd", "x")
	r.sell("order.buy", "", 1, true)
	r.countedGroups(2)
	fields := inst.Client.HGetAll(ctx, key).Val()
	for field, want := range map[string]bool{
		hour(166): false, hour(167): true, hour(170): false, hour(1000): false, store.GroupHourPrefix + "x": false,
		store.GroupProcessPrefix + "old": false, store.GroupProcessPrefix + "new": true, store.GroupProcessPrefix + "odd": false,
	} {
		if _, got := fields[field]; got != want {
			t.Errorf("field %s is there: %v", field, got)
		}
	}
}

// Beyond 10,000 groups the oldest ones are dropped, but for those that have dead
// letters or jobs that wait for a retry.
func TestGroupsAreBounded(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, sells(nil))
	ctx := t.Context()
	k := store.KeysOf("default")
	const more = 120
	fp := func(n int) string { return fmt.Sprintf("%016x", n) }
	pipe := inst.Client.Pipeline()
	pipe.SAdd(ctx, store.KeyQueues, "default")
	for n := range store.GroupsMax + more {
		if n%2 == 0 { // the others are names without a hash
			pipe.HSet(ctx, store.KeyFailurePrefix+fp(n), store.GroupType, "t", store.GroupCount, 1, store.GroupLast, 1000+n)
		}
		pipe.ZAdd(ctx, store.KeyFailures, redis.Z{Score: float64(1000 + n), Member: fp(n)})
	}
	for n := range 60 { // the oldest ones
		state := []jobs.State{jobs.StateArchived, jobs.StateRetry}[n%2]
		pipe.ZAdd(ctx, k.Index(string(state), store.IndexFingerprint, fp(n)), redis.Z{Score: 1, Member: "j"})
	}
	if _, err := pipe.Exec(ctx); err != nil {
		t.Fatal(err)
	}
	r.worker(nil)
	r.sell("order.buy", "", 1, true)
	eventually(t, func() bool {
		return inst.Client.ZCard(context.Background(), store.KeyFailures).Val() <= store.GroupsMax
	},
		func() string {
			return fmt.Sprintf("%d groups", inst.Client.ZCard(context.Background(), store.KeyFailures).Val())
		})
	if n := inst.Client.ZCard(ctx, store.KeyFailures).Val(); n != store.GroupsMax {
		t.Errorf("%d groups are left", n)
	}
	for n, want := range map[int]bool{0: true, 59: true, 60: false, 60 + more: false, 60 + more + 1: true, store.GroupsMax: true} {
		listed := inst.Client.ZScore(ctx, store.KeyFailures, fp(n)).Err() == nil
		hash := inst.Client.Exists(ctx, store.KeyFailurePrefix+fp(n)).Val() == 1
		if listed != want || hash != (want && n%2 == 0) {
			t.Errorf("group %d: listed %v, has a hash %v", n, listed, hash)
		}
	}
}

// The scheduler's reaper counts the attempts that ended with their processes.
func TestHousekeeperCountsFailures(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst, sells(nil))
	ctx := t.Context()
	id := r.post(client.Enqueue{Type: "order.buy", Payload: []byte(`{"number":1}`)})
	k := store.KeysOf("default")
	inst.Client.LMove(ctx, k.Pending(), k.Active(), "RIGHT", "LEFT")
	inst.Client.HSet(ctx, k.Task(id), store.FieldState, "active")
	inst.Client.HSet(ctx, k.Holders(), id, "somebody-dead 1")
	inst.Client.Set(ctx, k.Started("somebody-dead"), 1, 0)
	h := engine.NewHousekeeper(inst.Client, nil, slog.New(slog.DiscardHandler))
	if err := h.Start(ctx); err != nil {
		t.Fatal(err)
	}
	var stop sync.Once
	end := func() { stop.Do(func() { _ = h.Stop(context.Background()) }) }
	defer end()
	deadline := time.Now().Add(40 * time.Second)
	for inst.Client.ZCard(ctx, k.Archived()).Val() == 0 && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}
	end()
	g := r.groups()["order.buy: the worker process died while it ran the job"]
	if g.Kind != store.KindLeaseLost || g.Count != 1 || g.Dead != 1 {
		t.Errorf("group = %+v", g)
	}
}

var errMany = errors.New("many")

// BenchmarkFailures measures what failing costs beside the groups: jobs that fail
// for good, half of them for one cause and half each for its own.
func BenchmarkFailures(b *testing.B) {
	inst := storetest.Redis(b)
	r := newRig(b, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.one", func(context.Context, any) (any, error) { return nil, errMany }, jobs.Options{MaxRetries: jobs.NoRetries})
	})
	r.worker(func(o *options) { o.Concurrency = 100 })
	b.ResetTimer()
	fillMany(b, r, "test.one", b.N)
	eventually(b, func() bool {
		return inst.Client.ZCard(context.Background(), store.KeysOf("default").Archived()).Val() >= int64(b.N)
	}, func() string { return "not done" })
}

func fillMany(b *testing.B, r *rig, name string, n int) {
	b.Helper()
	for n > 0 {
		batch := make([]*client.Enqueue, min(n, 1000))
		for i := range batch {
			batch[i] = &client.Enqueue{Type: name}
		}
		for _, res := range r.EnqueueBatch(context.Background(), batch) {
			if res.Err != nil {
				b.Fatal(res.Err)
			}
		}
		n -= len(batch)
	}
}
