package engine

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"legwork/internal/stats"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// sumOf adds up all that waits to be written or was.
func sumOf(t *Tally) *stats.Counts {
	sum := &stats.Counts{}
	for _, byName := range t.waiting {
		for _, c := range byName {
			sum.Merge(c)
		}
	}
	return sum
}

// Promise: counting while counts are harvested loses none and counts none twice,
// also over the turn of a minute.
func TestHarvestLosesNothing(t *testing.T) {
	t.Parallel()
	tally := NewTally(nil, "p", slog.New(slog.DiscardHandler))
	const each, times = 8, 5000
	var counting, harvesting sync.WaitGroup
	over := make(chan struct{})
	harvesting.Go(func() {
		for minute := int64(1); ; minute++ {
			tally.harvest(time.Unix(60*minute, 0))
			select {
			case <-over:
				return
			default:
			}
		}
	})
	for n := range each {
		counting.Go(func() {
			for i := range times {
				now := time.Now()
				s := tally.started(fmt.Sprint("test.t", n%3), "q~1", now, now.UnixNano()-int64(i))
				tally.ended(returned(s, now, now.Add(time.Duration(i))), jobs.StateCompleted, now)
			}
		})
	}
	counting.Wait()
	close(over)
	harvesting.Wait()
	tally.harvest(time.Now())
	if sum := sumOf(tally); sum.N != [stats.Events]int64{stats.Started: each * times, stats.Succeeded: each * times} || sum.Wait.Count() != each*times || sum.Run.Count() != each*times {
		t.Errorf("counted %s", sum.Encode())
	}
	for minute, byName := range tally.waiting {
		for name := range byName {
			if name.Queue != "q" || !strings.HasPrefix(name.Type, "test.t") {
				t.Errorf("minute %d has %v", minute, name)
			}
		}
	}
}

// Promise: what is acknowledged late counts in the minute in which it happened.
func TestLateEndsCountInTheirMinute(t *testing.T) {
	t.Parallel()
	tally := NewTally(nil, "p", slog.New(slog.DiscardHandler))
	now := time.Unix(100*60+30, 0)
	s := tally.started("test.ok", "default", now, 0)
	for back := range 5 {
		tally.ended(returned(s, now, now.Add(-time.Duration(back)*time.Minute)), jobs.StateArchived, now)
	}
	tally.ended(returned(s, now, now), jobs.StatePending, now) // given back
	tally.harvest(now.Add(time.Second))
	for minute := int64(96); minute <= 100; minute++ {
		c := tally.waiting[minute][s.name]
		want := [stats.Events]int64{stats.Failed: 1, stats.Dead: 1}
		if minute == 100 {
			want[stats.Started] = 1
		}
		if c == nil || c.N != want {
			t.Errorf("minute %d: %v", minute, c)
		}
	}
	if got := tally.waiting[100][s.name].Wait.Count(); got != 0 {
		t.Errorf("a wait of unknown length is counted %d times", got)
	}
}

// Promise: a clock that is set ahead or back, between counting and writing, loses
// nothing and counts nothing twice.
func TestClockJumpsLoseNothing(t *testing.T) {
	t.Parallel()
	tally := NewTally(nil, "p", slog.New(slog.DiscardHandler))
	total := int64(0)
	for n, minute := range []int64{1000, 1001, 5001, 5000, 4, 5, 1000, 999, 998, 5002, 1003} { // of both parities, far and near
		now := time.Unix(60*minute+int64(n), 0)
		for range 10 {
			s := tally.started("test.ok", "default", now, now.Add(time.Hour).UnixNano()) // it became due in the future
			tally.ended(returned(s, now, now.Add(-90*time.Second)), jobs.StateCompleted, now)
			total++
		}
		if n%2 == 0 {
			tally.harvest(now)
		}
	}
	for minute := range int64(2) { // whatever the clock says in the end
		tally.harvest(time.Unix(60*minute, 0))
	}
	if sum := sumOf(tally); sum.N != [stats.Events]int64{stats.Started: total, stats.Succeeded: total} || sum.Wait[0] != total || sum.Run[0] != total {
		t.Errorf("of %d: %s", total, sum.Encode())
	}
}

// Promise: while Redis is away for hours, what waits stays bounded, and all of it is
// kept.
func TestLongOutagesJoinMinutes(t *testing.T) {
	t.Parallel()
	tally := NewTally(nil, "p", slog.New(slog.DiscardHandler))
	const minutes = 500
	for minute := range int64(minutes) {
		now := time.Unix(60*minute, 0)
		tally.started("test.ok", "default", now, 0)
		tally.harvest(now)
	}
	if n := len(tally.waiting); n != minutesWaitingMax {
		t.Errorf("%d minutes wait", n)
	}
	if n := sumOf(tally).N[stats.Started]; n != minutes {
		t.Errorf("%d of %d are kept", n, minutes)
	}
}

// Promise: a process counts at most 1,000 series, and all others as one; the log says
// so once. Names that are too long have no series of their own. In Redis, too, a
// minute has no more, however many processes write.
func TestSeriesAreBounded(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	var log strings.Builder
	const beyond = 50
	for p := range 2 {
		tally := NewTally(inst.Client, fmt.Sprint("p", p), slog.New(slog.NewTextHandler(&log, nil)))
		now := time.Now()
		for n := range seriesMax + beyond {
			tally.started("test.ok", fmt.Sprintf("p%d-%d", p, n), now, 0)
		}
		tally.started(strings.Repeat("x", 200), "default", now, 0)
		if n := len(*tally.series.Load()); n != seriesMax {
			t.Errorf("%d series", n)
		}
		if err := tally.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if text := log.String(); strings.Count(text, "\n") != 2 || !strings.Contains(text, "most=1000") {
		t.Errorf("the log says\n%s", text)
	}
	for _, pattern := range []string{"legwork:{stats}:m:*", "legwork:{stats}:h:*"} {
		sum := &stats.Counts{}
		for _, key := range inst.Client.Keys(t.Context(), pattern).Val() {
			fields := inst.Client.HGetAll(t.Context(), key).Val()
			if len(fields) > seriesMax+1 || fields[stats.Other().Field()] == "" {
				t.Errorf("%s has %d fields, and other is %q", key, len(fields), fields[stats.Other().Field()])
			}
			for _, text := range fields {
				sum.Add(text)
			}
		}
		if n := sum.N[stats.Started]; n != 2*(seriesMax+beyond+1) {
			t.Errorf("%s: %d counted", pattern, n)
		}
	}
}

// Promise: the reaper's ends count; a job that goes back with its attempts unused
// does not.
func TestReapedAttemptsCount(t *testing.T) {
	t.Parallel()
	tally := NewTally(nil, "p", slog.New(slog.DiscardHandler))
	r := &reaper{self: "me", log: slog.New(slog.DiscardHandler)}
	now := time.Now()
	for _, retries := range []int{0, 1} {
		for _, started := range []bool{true, false} {
			m := store.Message{ID: "a", Type: "test.ok", Queue: "q~2", Retry: retries}
			j := held{queue: "q~2", id: "a", raw: string(m.Encode()), started: started, holder: "it"}
			to, message, _, _ := r.judge(j, now)
			tally.reaped(j, to, message, now)
		}
	}
	tally.reaped(held{queue: "q", id: "a", raw: "damaged"}, jobs.StateArchived, []byte("damaged"), now)
	tally.harvest(now)
	if sum := sumOf(tally); sum.N != [stats.Events]int64{stats.Failed: 2, stats.Dead: 1, stats.Retried: 1} {
		t.Errorf("counted %s", sum.Encode())
	}
}

// Promise: counting a job and its run allocates nothing; a process that counts nothing sends
// nothing to Redis.
func TestCountingIsCheap(t *testing.T) {
	tally := NewTally(nil, "p", slog.New(slog.DiscardHandler))
	now := time.Now()
	msg := &store.Message{Type: "test.ok", Queue: "default~1"}
	run := func() {
		tally.enqueued(msg, now)
		s := tally.started("test.ok", "default~1", now, now.UnixNano()-1e6)
		tally.ended(returned(s, now.Add(-time.Millisecond), now), jobs.StateRetry, now)
	}
	run()
	if n := testing.AllocsPerRun(100, run); n != 0 {
		t.Errorf("%g allocations for a run", n)
	}
	idle := NewTally(nil, "p", slog.New(slog.DiscardHandler)) // any command panics
	if err := idle.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	var none *Tally
	none.enqueued(&store.Message{}, now)
	none.ended(returned(none.started("test.ok", "default", now, 0), now, now), jobs.StateCompleted, now)
	none.reaped(held{}, jobs.StateArchived, nil, now)
}

// BenchmarkTally is what counting costs a job: when it is enqueued, and when it runs.
func BenchmarkTally(b *testing.B) {
	tally := NewTally(nil, "p", slog.New(slog.DiscardHandler))
	msg, now := &store.Message{Type: "email.send", Queue: "default"}, time.Now()
	for name, fn := range map[string]func(){
		"enqueue": func() { tally.enqueued(msg, now) },
		"run": func() {
			s := tally.started(msg.Type, msg.Queue, now, now.UnixNano()-1e6)
			tally.ended(returned(s, now.Add(-3*time.Millisecond), now), jobs.StateCompleted, now)
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					fn()
				}
			})
		})
	}
}
