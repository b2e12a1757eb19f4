package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/stats"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// newTally returns a tally over the client, which a test flushes itself.
func newTally(c redis.UniversalClient, process string) *engine.Tally {
	return engine.NewTally(c, process, slog.New(slog.DiscardHandler))
}

// counting returns the rig with an engine that counts.
func (r *rig) counting(tally *engine.Tally) *rig {
	r.t.Helper()
	other := *r
	other.Engine = engine.New(engine.Options{Redis: r.redis, Catalog: r.catalog, Tally: tally, Log: slog.New(slog.DiscardHandler)})
	r.t.Cleanup(other.Stop)
	return &other
}

// written reads all counts of minutes, or of hours, from Redis.
func written(t testing.TB, c redis.UniversalClient, pattern string) map[stats.Series]*stats.Counts {
	t.Helper()
	all := map[stats.Series]*stats.Counts{}
	for _, key := range keysLike(t, c, pattern) {
		fields, err := c.HGetAll(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		for field, text := range fields {
			s, ok := stats.ParseField(field)
			if !ok {
				t.Errorf("%s has the field %q", key, field)
			}
			if all[s] == nil {
				all[s] = &stats.Counts{}
			}
			all[s].Add(text)
		}
	}
	return all
}

func keysLike(t testing.TB, c redis.UniversalClient, pattern string) []string {
	t.Helper()
	var keys []string
	scan := func(ctx context.Context, c redis.UniversalClient) error {
		found, err := c.Keys(ctx, pattern).Result()
		keys = append(keys, found...)
		return err
	}
	var err error
	if cluster, ok := c.(*redis.ClusterClient); ok {
		var mu sync.Mutex
		err = cluster.ForEachMaster(t.Context(), func(ctx context.Context, node *redis.Client) error {
			mu.Lock()
			defer mu.Unlock()
			return scan(ctx, node)
		})
	} else {
		err = scan(t.Context(), c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

const (
	allMinutes = "legwork:{stats}:m:*"
	allHours   = "legwork:{stats}:h:*"
)

// moody registers types that end in every way.
func moody(reg *jobs.Registry) {
	first := func(ctx context.Context) bool { return jobs.Info(ctx).Attempt == 1 }
	run := func(name string, fn func(ctx context.Context) error) {
		jobs.Handle(reg, name, func(ctx context.Context, _ any) (struct{}, error) { return struct{}{}, fn(ctx) },
			jobs.Options{MaxRetries: 2, Backoff: jobs.Backoff{Initial: time.Second, Jitter: jobs.NoJitter}})
	}
	soon := func(err error) error { return jobs.RetryAfter(err, time.Millisecond) }
	run("test.ok", func(context.Context) error { return nil })
	run("test.second", func(ctx context.Context) error {
		if first(ctx) {
			return soon(errors.New("not yet"))
		}
		return nil
	})
	run("test.never", func(context.Context) error { return soon(errors.New("never")) })
	run("test.dead", func(context.Context) error { return jobs.Permanent(errors.New("dead at once")) })
	run("test.discard", func(context.Context) error { return jobs.Discard("of no use") })
}

// Promise: over 1,000 jobs that succeed, fail, are retried, die and are discarded,
// by type and queue, over shards, one by one and in batches, the counts are the truth.
func TestCountsEqualTheTruth(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	tally := newTally(inst.Client, "p")
	r := newRig(t, inst, moody).counting(tally)
	shards := store.NewShards(inst.Client, slog.New(slog.DiscardHandler))
	names, err := shards.Serve(t.Context(), []string{"default", "wide"}, map[string]int{"wide": 3})
	if err != nil {
		t.Fatal(err)
	}
	if err := shards.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = shards.Stop(context.Background()) })
	e := engine.New(engine.Options{Redis: r.redis, Catalog: r.catalog, Shards: shards, Tally: tally, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(e.Stop)

	var batch []*client.Enqueue
	const each = 100
	types := []string{"test.ok", "test.second", "test.never", "test.dead", "test.discard"}
	for i := range each * 2 * len(types) {
		q := client.Enqueue{Type: types[i%len(types)], Queue: []string{"default", "wide"}[i/len(types)%2]}
		if i%4 == 0 {
			if _, err := e.Enqueue(t.Context(), q, ""); err != nil {
				t.Fatal(err)
			}
			continue
		}
		batch = append(batch, &q)
	}
	for _, res := range e.EnqueueBatch(t.Context(), batch) {
		if res.Err != nil {
			t.Fatal(res.Err)
		}
	}
	if _, err := e.Enqueue(t.Context(), client.Enqueue{Type: "test.unknown"}, ""); err == nil {
		t.Fatal("an unknown type is accepted")
	}
	w := r.worker(func(o *options) {
		o.Queues = store.ShardWeights(map[string]int{"default": 1, "wide": 1}, names, false)
		o.Tally = tally
	})
	expectEnds(t, r, each)
	_ = w.Stop(context.Background())
	if err := tally.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	//                    enqueued, started, succeeded, failed, dead, retried: of each job
	want := map[string][stats.Events]int64{
		"test.ok": {1, 1, 1, 0, 0, 0}, "test.second": {1, 2, 1, 1, 0, 1}, "test.never": {1, 3, 0, 3, 1, 2},
		"test.dead": {1, 1, 0, 1, 1, 0}, "test.discard": {1, 1, 1, 0, 0, 0},
	}
	for _, pattern := range []string{allMinutes, allHours} {
		got := written(t, inst.Client, pattern)
		if len(got) != 2*len(types) {
			t.Errorf("%s: %d series, want %d", pattern, len(got), 2*len(types))
		}
		for s, c := range got {
			for e, n := range want[s.Type] {
				if c.N[e] != each*n {
					t.Errorf("%s: %v: event %d counted %d times, want %d", pattern, s, e, c.N[e], each*n)
				}
			}
			if n := c.Wait.Count(); n != c.N[stats.Started] {
				t.Errorf("%s: %v: %d waits of %d starts", pattern, s, n, c.N[stats.Started])
			}
			if n := c.Run.Count(); n != c.N[stats.Succeeded]+c.N[stats.Failed] {
				t.Errorf("%s: %v: %d times of %d ends", pattern, s, n, c.N[stats.Succeeded]+c.N[stats.Failed])
			}
		}
	}
}

// expectEnds waits until all jobs of TestCountsEqualTheTruth have ended.
func expectEnds(t *testing.T, r *rig, each int) {
	t.Helper()
	var last string
	eventually(t, func() bool {
		all, err := r.inspect.Queues(t.Context(), nil)
		last = fmt.Sprint(all, err)
		waiting, dead := 0, 0
		for _, q := range all {
			waiting += q.States["pending"] + q.States["active"] + q.States["retry"]
			dead += q.States["archived"]
		}
		return err == nil && waiting == 0 && dead == 4*each
	}, func() string { return "not all jobs have ended: " + last })
}

// Promise: snoozes, and jobs that a stopping worker gives back, count as started
// and not as ended.
func TestSnoozesAndStopsAreNoEnds(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	tally := newTally(inst.Client, "p")
	running := make(chan struct{}, 2)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.snooze", func(context.Context, any) (struct{}, error) { return struct{}{}, jobs.Snooze(time.Hour) }, jobs.Options{})
		jobs.Handle(reg, "test.hold", func(ctx context.Context, _ any) (struct{}, error) {
			running <- struct{}{}
			<-ctx.Done()
			return struct{}{}, context.Cause(ctx)
		}, jobs.Options{})
	}).counting(tally)
	w := r.worker(func(o *options) { o.Tally, o.StopTimeout = tally, time.Millisecond })
	snoozed := r.post(client.Enqueue{Type: "test.snooze"})
	r.until(snoozed, jobs.StateScheduled)
	held := r.post(client.Enqueue{Type: "test.hold"})
	receive(t, running)
	_ = w.Stop(context.Background())
	r.until(held, jobs.StatePending)
	if err := tally.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := stats.Counts{N: [stats.Events]int64{stats.Enqueued: 1, stats.Started: 1}}
	for s, c := range written(t, inst.Client, allMinutes) {
		if c.N != want.N || c.Run.Count() != 0 {
			t.Errorf("%v: %s", s, c.Encode())
		}
	}
}

// Promise: a wait counts from when the job could have been started, be it taken
// ahead of its slot or enqueued long before.
func TestWaitsAreTheJobs(t *testing.T) {
	t.Parallel()
	pause := 300 * time.Millisecond
	inst := storetest.Redis(t)
	tally := newTally(inst.Client, "p")
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.ok", func(context.Context, any) (struct{}, error) { return struct{}{}, nil }, jobs.Options{})
		jobs.Handle(reg, "test.slow", func(ctx context.Context, _ any) (struct{}, error) {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			return struct{}{}, nil
		}, jobs.Options{})
	}).counting(tally)
	r.post(client.Enqueue{Type: "test.slow"})
	last := r.post(client.Enqueue{Type: "test.ok"})
	r.worker(func(o *options) { o.Tally, o.Concurrency = tally, 1 })
	r.until(last, jobs.StateCompleted)
	if err := tally.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := written(t, inst.Client, allMinutes)
	wait, _ := got[stats.Series{Type: "test.ok", Queue: "default"}].Wait.Quantile(1)
	if least := time.Duration(float64(pause.Nanoseconds()) / stats.ErrorMax); wait < least || wait > 20*pause {
		t.Errorf("the job behind one of %s waited %s", pause, wait)
	}
	run, _ := got[stats.Series{Type: "test.slow", Queue: "default"}].Run.Quantile(1)
	if least := time.Duration(float64(pause.Nanoseconds()) / stats.ErrorMax); run < least || run > 20*pause {
		t.Errorf("the job of %s ran for %s", pause, run)
	}
}

// Promise: whatever happens to the connection while counts are written, nothing is
// lost and nothing counts twice.
func TestCountsOutliveLostConnections(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	proxy, c := proxied(t, inst, store.Options{ReadTimeout: 100 * time.Millisecond})
	tally := newTally(c, "p")
	r := newRig(t, inst, moody).counting(tally)
	total := int64(0)
	for _, fault := range []func(){proxy.DropReplies, proxy.Cut, proxy.BlackHole, proxy.DropReplies} {
		for range 10 {
			r.post(client.Enqueue{Type: "test.ok"})
			total++
		}
		fault()
		for range 2 {
			if err := tally.Flush(t.Context()); err == nil {
				t.Error("counts are said to be written over a broken connection")
			}
			r.post(client.Enqueue{Type: "test.ok"})
			total++
		}
		proxy.Heal()
		eventually(t, func() bool { return tally.Flush(t.Context()) == nil }, func() string { return "counts are not written any more" })
		for _, pattern := range []string{allMinutes, allHours} {
			got := written(t, inst.Client, pattern)[stats.Series{Type: "test.ok", Queue: "default"}]
			if got == nil || got.N[stats.Enqueued] != total {
				t.Fatalf("%s: %v counted of %d", pattern, got, total)
			}
		}
	}
}

// Promise: the counts of several processes add up, on every kind of Redis.
func TestCountsOfProcessesAddUp(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		var processes sync.WaitGroup
		const each, jobsEach = 4, 50
		base := newRig(t, inst, moody)
		for n := range each {
			tally := newTally(inst.Client, fmt.Sprint("p", n))
			if err := tally.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			r := base.counting(tally)
			processes.Go(func() {
				for range jobsEach {
					if _, err := r.Enqueue(t.Context(), client.Enqueue{Type: "test.ok"}, ""); err != nil {
						t.Error(err)
					}
					if err := tally.Flush(t.Context()); err != nil {
						t.Error(err)
					}
				}
				if _, err := r.Enqueue(t.Context(), client.Enqueue{Type: "test.ok"}, ""); err != nil {
					t.Error(err)
				}
				if err := tally.Stop(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		processes.Wait()
		for _, pattern := range []string{allMinutes, allHours} {
			got := written(t, inst.Client, pattern)[stats.Series{Type: "test.ok", Queue: "default"}]
			if got == nil || got.N[stats.Enqueued] != each*(jobsEach+1) {
				t.Errorf("%s: %v counted of %d", pattern, got, each*(jobsEach+1))
			}
		}
	})
}

// Promise: minutes are kept for 48 hours after their end and hours for 90 days; of a
// process a day later nothing is left.
func TestCountsExpire(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	tally := newTally(inst.Client, "p")
	newRig(t, inst, moody).counting(tally).post(client.Enqueue{Type: "test.ok"})
	if err := tally.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	for pattern, kept := range map[string][2]time.Duration{
		allMinutes: {stats.MinutesKept, time.Minute}, allHours: {stats.HoursKept, time.Hour}, stats.KeyWriter("p"): {24*time.Hour - time.Minute, time.Minute},
	} {
		keys := keysLike(t, inst.Client, pattern)
		if len(keys) == 0 {
			t.Errorf("no keys like %s", pattern)
		}
		for _, key := range keys {
			if ttl := inst.Client.TTL(t.Context(), key).Val(); ttl < kept[0] || ttl > kept[0]+kept[1] {
				t.Errorf("%s expires in %s, want %s", key, ttl, kept[0])
			}
		}
	}
}

// Promise: a full Redis takes counts all the same, as it takes the ends of jobs.
func TestFullRedisTakesCounts(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	tally := newTally(inst.Client, "p")
	newRig(t, inst, moody).counting(tally).post(client.Enqueue{Type: "test.ok"})
	squeeze(t, inst.Client, 200)
	if err := inst.Client.Set(t.Context(), "x", "y", 0).Err(); !store.Full(err) {
		t.Fatalf("Redis is not full: %v", err)
	}
	if err := tally.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := written(t, inst.Client, allMinutes); len(got) != 1 {
		t.Errorf("%d series are written", len(got))
	}
}

// Promise: a key of another type under a name of the statistics holds up nothing,
// and the log says which.
func TestCountsMeetAnotherType(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	var log lockedBuffer
	tally := engine.NewTally(inst.Client, "p", slog.New(slog.NewTextHandler(&log, nil)))
	r := newRig(t, inst, moody).counting(tally)
	key := stats.KeyHour(time.Now().Unix() / 3600)
	inst.Client.Set(t.Context(), key, "something else", 0)
	for range 3 {
		r.post(client.Enqueue{Type: "test.ok"})
		if err := tally.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, key) {
		t.Errorf("the log says\n%s", text)
	}
	inst.Client.Del(t.Context(), key)
	r.post(client.Enqueue{Type: "test.ok"})
	if err := tally.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := written(t, inst.Client, allHours)[stats.Series{Type: "test.ok", Queue: "default"}]; got == nil || got.N[stats.Enqueued] != 1 {
		t.Errorf("after the key is gone, the hour counts %v", got)
	}
}

// Promise: a stop while Redis is away ends soon and says what is lost.
func TestTallyStopsWithoutRedis(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	tally := newTally(inst.Client, "p")
	r := newRig(t, inst, moody).counting(tally)
	if err := tally.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.post(client.Enqueue{Type: "test.ok"})
	inst.Pause()
	began := time.Now()
	if err := tally.Stop(context.Background()); err == nil || time.Since(began) > 10*time.Second {
		t.Errorf("stop: %v after %s", err, time.Since(began))
	}
	inst.Resume()
	if err := tally.Stop(context.Background()); err != nil {
		t.Errorf("second stop: %v", err)
	}
}
