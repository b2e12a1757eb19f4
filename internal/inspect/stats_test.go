package inspect_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/stats"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// history is counts by minute and series, as they are written to Redis and as they
// are to be read.
type history map[int64]map[stats.Series]*stats.Counts

// invent makes up counts of the minutes and writes them, also by the hour.
func invent(t testing.TB, c redis.UniversalClient, from, to int64, gap int, series ...stats.Series) history {
	t.Helper()
	rnd := rand.New(rand.NewPCG(1, 2))
	h, hours := history{}, history{}
	pipe := c.Pipeline()
	for minute := from; minute < to; minute++ {
		if gap > 0 && rnd.IntN(gap) == 0 {
			continue
		}
		h[minute] = map[stats.Series]*stats.Counts{}
		for _, s := range series {
			one := &stats.Counts{}
			for e := range one.N {
				one.N[e] = rnd.Int64N(100)
			}
			for range 15 {
				one.Wait[rnd.IntN(40)] += rnd.Int64N(10)
				one.Run[20+rnd.IntN(60)] += rnd.Int64N(10)
			}
			h[minute][s] = one
			hours.add(minute/60, s, one)
			pipe.HSet(t.Context(), stats.KeyMinute(minute), s.Field(), one.Encode())
		}
	}
	for hour, byName := range hours {
		for s, one := range byName {
			pipe.HSet(t.Context(), stats.KeyHour(hour), s.Field(), one.Encode())
		}
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h history) add(key int64, s stats.Series, c *stats.Counts) {
	if h[key] == nil {
		h[key] = map[stats.Series]*stats.Counts{}
	}
	if h[key][s] == nil {
		h[key][s] = &stats.Counts{}
	}
	h[key][s].Merge(c)
}

// sum adds up the history over steps, by the name that the function gives a series;
// "-" leaves it out.
func (h history) sum(step time.Duration, name func(stats.Series) string) map[string]map[int64]*stats.Counts {
	out := map[string]map[int64]*stats.Counts{}
	for minute, byName := range h {
		at := time.Unix(60*minute, 0).UTC().Truncate(step).Unix()
		for s, c := range byName {
			n := name(s)
			if n == "-" {
				continue
			}
			if out[n] == nil {
				out[n] = map[int64]*stats.Counts{}
			}
			if out[n][at] == nil {
				out[n][at] = &stats.Counts{}
			}
			out[n][at].Merge(c)
		}
	}
	return out
}

func eventsOf(c client.StatsCounts) [stats.Events]int64 {
	return [stats.Events]int64{c.Enqueued, c.Started, c.Succeeded, c.Failed, c.Dead, c.Retried}
}

// expect holds an answer against the sums.
func expect(t *testing.T, what string, got *client.Stats, want map[string]map[int64]*stats.Counts) {
	t.Helper()
	total := &stats.Counts{}
	names := []string{}
	for _, s := range got.Series {
		name := s.Type + s.Queue
		names = append(names, name)
		all := &stats.Counts{}
		if len(s.Points) != len(want[name]) {
			t.Errorf("%s: series %q has %d points, want %d", what, name, len(s.Points), len(want[name]))
		}
		for n, p := range s.Points {
			c := want[name][p.At.Unix()]
			if c == nil || eventsOf(p.StatsCounts) != c.N {
				t.Errorf("%s: series %q at %s: %+v, want %v", what, name, p.At, p, c)
				continue
			}
			if p50, _ := c.Run.Quantile(0.5); p.Run.P50 < client.Duration(p50*999/1000) || p.Run.P50 > client.Duration(p50*1001/1000) {
				t.Errorf("%s: series %q at %s: median %s, want %s", what, name, p.At, p.Run.P50, p50)
			}
			if n > 0 && !p.At.After(s.Points[n-1].At) {
				t.Errorf("%s: series %q is out of order at %s", what, name, p.At)
			}
			all.Merge(c)
		}
		if eventsOf(s.Totals) != all.N {
			t.Errorf("%s: series %q totals %+v, want %v", what, name, s.Totals, all.N)
		}
		total.Merge(all)
	}
	if !slices.Equal(names, slices.Sorted(maps.Keys(want))) {
		t.Errorf("%s: series %q", what, names)
	}
	if eventsOf(got.Totals) != total.N {
		t.Errorf("%s: totals %+v, want %v", what, got.Totals, total.N)
	}
}

// Promise: steps add up what the minutes and hours in them hold, for all jobs, by
// type and by queue, filtered or not.
func TestStatsAddUp(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst)
	now := stats.Minute(time.Now())
	series := []stats.Series{{Type: "a", Queue: "x"}, {Type: "a", Queue: "y"}, {Type: "b", Queue: "x"}, {Type: "odd|type", Queue: "x"}}
	h := invent(t, inst.Client, now/1440*1440-2*1440+60, now, 4, series...)
	from := time.Unix((now/1440*1440-2*1440+60)*60, 0)
	for _, by := range []string{"", "type", "queue"} {
		for _, step := range []string{"1m", "5m", "1h", "1d"} {
			for _, only := range []stats.Series{{}, {Type: "a"}, {Queue: "x"}, {Type: "a", Queue: "y"}} {
				f := client.StatsFilter{From: from, To: time.Unix(60*now, 0), Step: step, By: by, Type: only.Type, Queue: only.Queue}
				if step == "1m" || step == "5m" {
					f.From = time.Unix(now*60, 0).Add(-4 * time.Hour)
				}
				length := map[string]time.Duration{"1m": time.Minute, "5m": 5 * time.Minute, "1h": time.Hour, "1d": 24 * time.Hour}[step]
				part := history{}
				for minute, byName := range h {
					if time.Unix(minute*60, 0).Before(f.From.Truncate(length)) {
						continue
					}
					part[minute] = byName
				}
				want := part.sum(length, func(s stats.Series) string {
					switch {
					case only.Type != "" && s.Type != only.Type, only.Queue != "" && s.Queue != only.Queue:
						return "-"
					case by == "type":
						return s.Type
					case by == "queue":
						return s.Queue
					}
					return ""
				})
				got, err := r.Stats(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				if got.Step != step {
					t.Errorf("step %s, want %s", got.Step, step)
				}
				expect(t, fmt.Sprintf("%s by %q of %+v", step, by, only), got, want)
			}
		}
	}
}

// Promise: the step that nobody chooses suits the range.
func TestStatsChooseTheStep(t *testing.T) {
	t.Parallel()
	r := newRig(t, storetest.Redis(t))
	for back, want := range map[time.Duration]string{
		0: "1m", time.Hour: "1m", 6 * time.Hour: "1m", 24 * time.Hour: "5m", 32 * time.Hour: "5m", 47 * time.Hour: "1h", 7 * 24 * time.Hour: "1h", 80 * 24 * time.Hour: "1d",
	} {
		f := client.StatsFilter{}
		if back > 0 {
			f.From = time.Now().Add(-back)
		}
		got, err := r.Stats(t.Context(), f)
		if err != nil || got.Step != want {
			t.Errorf("%s back: %+v, %v", back, got, err)
		}
	}
}

// Promise: two days by the minute are answered, at once, and their end is told from
// their beginning.
func TestTwoDaysByTheMinute(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst)
	now := time.Now()
	var series []stats.Series
	for n := range 10 {
		series = append(series, stats.Series{Type: fmt.Sprint("t", n), Queue: "q"})
	}
	to := stats.Minute(now)
	h := invent(t, inst.Client, to-2879, to+1, 0, series...)
	began := time.Now()
	got, err := r.Stats(t.Context(), client.StatsFilter{From: time.Unix((to-2879)*60, 0), Step: "1m"})
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("answered in %s", took)
	if took > 5*time.Second {
		t.Errorf("answered after %s", took)
	}
	expect(t, "two days", got, h.sum(time.Minute, func(stats.Series) string { return "" }))
}

// Promise: an answer that would be endless is refused, and says what to do.
func TestStatsAreBounded(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst)
	now := stats.Minute(time.Now())
	pipe := inst.Client.Pipeline()
	for minute := now - 120; minute <= now; minute++ {
		fields := map[string]string{}
		for n := range 500 {
			fields[stats.Series{Type: fmt.Sprint("t", n), Queue: "q"}.Field()] = "e=1"
		}
		pipe.HSet(t.Context(), stats.KeyMinute(minute), fields)
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := client.StatsFilter{From: time.Unix(60*(now-120), 0), Step: "1m", By: "type"}
	if _, err := r.Stats(t.Context(), f); jobs.CodeOf(err) != jobs.CodeInvalidRequest {
		t.Errorf("60,000 points: %v", err)
	}
	f.By = "queue"
	if got, err := r.Stats(t.Context(), f); err != nil || got.Totals.Enqueued != 121*500 {
		t.Errorf("121 points: %+v, %v", got, err)
	}
	f = client.StatsFilter{From: time.Now().Add(-48*time.Hour - time.Minute), Step: "1m"}
	if _, err := r.Stats(t.Context(), f); jobs.CodeOf(err) != jobs.CodeInvalidRequest {
		t.Errorf("2,882 steps: %v", err)
	}
}

// Promise: what nobody of ours wrote under names of the statistics spoils neither
// them nor the list of queues.
func TestDamagedStats(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst)
	now := stats.Minute(time.Now())
	h := invent(t, inst.Client, now-10, now-5, 0, stats.Series{Type: "a", Queue: "x"})
	inst.Client.Set(t.Context(), stats.KeyMinute(now-4), "a string", 0)
	inst.Client.Set(t.Context(), stats.KeyMinute(now-3), "a string", 0)
	inst.Client.HSet(t.Context(), stats.KeyMinute(now-8), "no series", "e=5", "a%|b", "e=5")
	inst.Client.HSet(t.Context(), stats.KeyMinute(now-9), "b|x", "nonsense")
	got, err := r.Stats(t.Context(), client.StatsFilter{Step: "1m"})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "damaged", got, h.sum(time.Minute, func(stats.Series) string { return "" }))
	r.post(client.Enqueue{Type: "test.ok", Queue: "x"})
	if all, err := r.Queues(t.Context(), nil); err != nil || len(all) != 1 || all[0].Backlog != 1 {
		t.Errorf("queues = %+v, %v", all, err)
	}
}

// Promise: a queue tells how much could start now, how fast it comes and goes, and
// when it will be empty, or why nobody can tell.
func TestQueueRates(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	r := newRig(t, inst)
	tally := engine.NewTally(inst.Client, "p", slog.New(slog.DiscardHandler))
	r.engine = engine.New(engine.Options{Redis: inst.Client, Catalog: engine.NewCatalog(r.reg, inst.Client, slog.New(slog.DiscardHandler)), Tally: tally, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(r.engine.Stop)
	for range 20 {
		r.post(client.Enqueue{Type: "test.ok", Queue: "empty"})
	}
	w := engine.NewWorker(engine.WorkerOptions{
		Redis: r.redis, Registry: r.reg, Tally: tally, Log: slog.New(slog.DiscardHandler),
		Pools: []engine.PoolOptions{{Name: "main", Queues: map[string]int{"empty": 1}, Concurrency: 2}},
	})
	if err := w.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool {
		q, err := r.Queue(t.Context(), "empty", nil)
		return err == nil && q.States["completed"] == 20
	}, func() string { return "the jobs do not end" })
	_ = w.Stop(context.Background())
	in := time.Hour
	r.post(client.Enqueue{Type: "test.ok", Queue: "still", Delay: (*client.Duration)(&in)})
	for range 3 {
		r.post(client.Enqueue{Type: "test.ok", Queue: "still"})
	}
	r.post(client.Enqueue{Type: "test.ok", Queue: "paused"})
	if _, err := r.Pause(t.Context(), "paused", nil); err != nil {
		t.Fatal(err)
	}
	if err := tally.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all []client.Queue
	find := func(name string) client.Queue {
		n := slices.IndexFunc(all, func(q client.Queue) bool { return q.Name == name })
		return all[max(n, 0)]
	}
	eventually(t, func() bool { // rates are a second old at most
		var err error
		all, err = r.Queues(t.Context(), nil)
		return err == nil && find("still").Arrivals > 0
	}, func() string { return fmt.Sprintf("queues = %+v", all) })
	if q := find("empty"); q.Throughput < 20.0/360 || q.Throughput > 20.0/300+0.001 || q.Arrivals < 20.0/360 || q.Backlog != 0 || q.DrainTime == nil || *q.DrainTime != 0 {
		t.Errorf("empty = %+v", q)
	}
	if q := find("still"); q.Backlog != 3 || q.DrainTime != nil || !strings.Contains(q.DrainReason, "no job") {
		t.Errorf("still = %+v", q)
	}
	if q := find("paused"); q.Backlog != 1 || q.DrainTime != nil || !strings.Contains(q.DrainReason, "paused") {
		t.Errorf("paused = %+v", q)
	}
}

// BenchmarkStats is the statistics of two days by the minute, of 20 types.
func BenchmarkStats(b *testing.B) {
	inst := storetest.Redis(b)
	r := newRig(b, inst)
	var series []stats.Series
	for n := range 20 {
		series = append(series, stats.Series{Type: fmt.Sprint("t", n), Queue: fmt.Sprint("q", n%5)})
	}
	to := stats.Minute(time.Now())
	invent(b, inst.Client, to-2879, to+1, 0, series...)
	for b.Loop() {
		if _, err := r.Stats(b.Context(), client.StatsFilter{From: time.Now().Add(-2878 * time.Minute), Step: "1m"}); err != nil {
			b.Fatal(err)
		}
	}
}
