package engine_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// waitForLines waits until the job's log, which is still being written, has n lines.
func (r *rig) waitForLines(id string, n int) {
	r.t.Helper()
	key := store.KeysOf("default").Task(id)
	eventually(r.t, func() bool {
		runs := store.LogRuns(r.redis.HGet(context.Background(), key, store.FieldLogRuns).Val())
		return len(runs) > 0 && runs[len(runs)-1].Lines >= n
	}, func() string { return fmt.Sprintf("the log of job %s has not %d lines", id, n) })
}

// Promise: lines and progress are in Redis while the job still runs.
func TestLogIsWrittenWhileTheJobRuns(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	r := newRig(t, storetest.Redis(t), talker(jobs.Options{}, func(ctx context.Context) error {
		for n := range 10 {
			jobs.Logger(ctx).Info("step", "n", n)
			jobs.Progress(ctx, int64(n+1), 10)
		}
		<-release
		jobs.Logger(ctx).Info("end")
		return nil
	}))
	r.worker(nil)
	id := r.post(client.Enqueue{Type: "test.talk"})
	r.waitForLines(id, 10)
	if j := r.until(id, jobs.StateActive); j.Progress == nil || j.Progress.Done != 10 {
		t.Errorf("progress = %+v", j.Progress)
	}
	close(release)
	r.until(id, jobs.StateCompleted)
	if runs, lines := r.kept(id); len(runs) != 1 || len(lines[0]) != 11 {
		t.Errorf("runs = %+v", runs)
	}
}

// Promise: a run that has lost its job writes nothing into it, be it another
// process's by now or deleted.
func TestStaleRunCannotLog(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(r *rig, k store.Keys, id string){
		"taken over": func(r *rig, k store.Keys, id string) {
			r.redis.HSet(context.Background(), k.Holders(), id, "another 7")
		},
		"deleted": func(r *rig, k store.Keys, id string) { r.redis.Del(context.Background(), k.Task(id)) },
		"overwritten": func(r *rig, k store.Keys, id string) {
			r.redis.Set(context.Background(), k.Task(id), "not a hash", 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said, lost, again := make(chan string, 1), make(chan struct{}), make(chan struct{})
			r := newRig(t, storetest.Redis(t), talker(jobs.Options{}, func(ctx context.Context) error {
				jobs.Logger(ctx).Info("mine")
				said <- jobs.Info(ctx).ID
				<-lost
				jobs.Logger(ctx).Info("not mine any more")
				jobs.Progress(ctx, 5, 5)
				close(again)
				return nil
			}))
			w := r.worker(nil)
			id := r.post(client.Enqueue{Type: "test.talk"})
			receive(t, said)
			r.waitForLines(id, 1)
			k := store.KeysOf("default")
			lose(r, k, id)
			before := r.redis.Dump(t.Context(), k.Task(id)).Val()
			close(lost)
			<-again
			if err := w.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			if after := r.redis.Dump(t.Context(), k.Task(id)).Val(); name == "taken over" && after != before {
				t.Errorf("the job's hash has changed: %q", r.redis.HGetAll(t.Context(), k.Task(id)).Val())
			}
			if fields := r.redis.HKeys(t.Context(), k.Task(id)).Val(); name == "deleted" && slices.ContainsFunc(fields, func(f string) bool { return f == store.FieldProgress || strings.HasPrefix(f, "lw_log") }) {
				t.Errorf("a deleted job has a log: %q", fields)
			}
		})
	}
}

// Promise: while Redis is away a handler logs on without waiting; when it is there
// again every line is in, once, in order. So it is when the answers are lost.
func TestLogOutlastsAnOutage(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]func(*storetest.FaultProxy){
		"cut": (*storetest.FaultProxy).Cut, "answers lost": (*storetest.FaultProxy).DropReplies, "silence": (*storetest.FaultProxy).BlackHole,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			proxy, worker := proxied(t, inst, store.Options{ReadTimeout: 500 * time.Millisecond})
			t.Cleanup(proxy.Heal)
			said, broken := make(chan string, 1), make(chan struct{})
			var took time.Duration
			r := newRig(t, inst, talker(jobs.Options{}, func(ctx context.Context) error {
				log := jobs.Logger(ctx)
				log.Info("line", "n", 0)
				said <- ""
				<-broken
				for n := 1; n < 500; n++ {
					began := time.Now()
					log.Info("line", "n", n)
					took = max(took, time.Since(began))
					if n%100 == 0 {
						time.Sleep(300 * time.Millisecond) // rounds of the scribe go by
					}
				}
				return nil
			}))
			r.worker(func(o *options) { o.Redis = worker })
			id := r.post(client.Enqueue{Type: "test.talk"})
			receive(t, said)
			fault(proxy)
			close(broken)
			time.AfterFunc(1500*time.Millisecond, proxy.Heal)
			r.until(id, jobs.StateCompleted)
			runs, lines := r.kept(id)
			if len(runs) != 1 || len(lines[0]) != 500 {
				t.Fatalf("runs = %+v", runs)
			}
			for n, l := range lines[0] {
				if want := fmt.Sprintf(`{"n":%d}`, n); string(l.Attrs) != want {
					t.Fatalf("line %d is %s", n, l.Attrs)
				}
			}
			if took > 250*time.Millisecond {
				t.Errorf("a line took the handler %s", took)
			}
		})
	}
}

// Promise: when Redis stays away, what waits for it is bounded over all jobs; what
// finds no room is counted.
func TestLinesThatWaitAreBounded(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	proxy, worker := proxied(t, inst, store.Options{ReadTimeout: 500 * time.Millisecond})
	t.Cleanup(proxy.Heal)
	const total = 80 // of 256 KiB: more than 16 MiB
	started, broken := make(chan string, total), make(chan struct{})
	r := newRig(t, inst, talker(jobs.Options{}, func(ctx context.Context) error {
		started <- ""
		<-broken
		for range 100 {
			jobs.Logger(ctx).Info("line", "x", strings.Repeat("x", 2500))
		}
		return nil
	}))
	r.worker(func(o *options) { o.Redis, o.Concurrency = worker, total })
	var ids []string
	for range total {
		ids = append(ids, r.post(client.Enqueue{Type: "test.talk"}))
	}
	for range total {
		receive(t, started)
	}
	proxy.Cut()
	close(broken)
	time.AfterFunc(time.Second, proxy.Heal)
	lines, dropped := 0, 0
	for _, id := range ids {
		r.until(id, jobs.StateCompleted)
		runs, _ := r.kept(id)
		if len(runs) != 1 {
			t.Fatalf("job %s has %d runs with a log", id, len(runs))
		}
		lines += runs[0].Lines
		dropped += runs[0].Dropped
		if runs[0].Dropped > 0 {
			lines-- // which tells of it
		}
	}
	if lines+dropped != 100*total || dropped == 0 {
		t.Errorf("%d lines kept and %d dropped of %d", lines, dropped, 100*total)
	}
}

// Promise: on a full Redis the last lines of a job are kept, and the job ends.
func TestLogOnFullRedis(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	started, release := make(chan string, 1), make(chan struct{})
	r := newRig(t, inst, talker(jobs.Options{}, func(ctx context.Context) error {
		started <- ""
		<-release
		jobs.Logger(ctx).Info("on a full Redis")
		jobs.Progress(ctx, 1, 1)
		return jobs.Permanent(errors.New("dead"))
	}))
	r.worker(nil)
	id := r.post(client.Enqueue{Type: "test.talk"})
	receive(t, started)
	squeeze(t, inst.Client, 120)
	close(release)
	r.until(id, jobs.StateArchived)
	if _, lines := r.kept(id); len(lines) != 1 || len(lines[0]) != 1 {
		t.Errorf("lines = %v", lines)
	}
}

// Promise: a handler that logs a hundred thousand lines does not hold up the jobs
// beside it.
func TestLoudJobDoesNotHoldUpOthers(t *testing.T) {
	t.Parallel()
	loud, over := make(chan string, 1), make(chan struct{})
	r := newRig(t, storetest.Redis(t), func(reg *jobs.Registry) {
		talker(jobs.Options{}, func(ctx context.Context) error {
			loud <- ""
			for n := 0; ; n++ {
				jobs.Logger(ctx).Info("line", "n", n)
				jobs.Progress(ctx, int64(n), 0)
				if n >= 100_000 {
					select {
					case <-over:
						return nil
					default:
					}
				}
			}
		})(reg)
		jobs.Handle(reg, "test.ok", func(ctx context.Context, _ any) (struct{}, error) {
			jobs.Logger(ctx).Info("quiet")
			return struct{}{}, nil
		}, jobs.Options{})
	})
	r.worker(nil)
	id := r.post(client.Enqueue{Type: "test.talk"})
	receive(t, loud)
	began := time.Now()
	var last string
	for range 200 {
		last = r.post(client.Enqueue{Type: "test.ok"})
	}
	r.until(last, jobs.StateCompleted)
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("200 jobs took %s", took)
	}
	close(over)
	r.until(id, jobs.StateCompleted)
}

// BenchmarkLog tells what lines cost: jobs that log none must be as quick as those of
// a worker that knows no logs.
func BenchmarkLog(b *testing.B) {
	for _, lines := range []int{0, 1, 10} {
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			ended := make(chan struct{}, b.N)
			r := newRig(b, storetest.Redis(b), talker(jobs.Options{Retention: time.Hour}, func(ctx context.Context) error {
				for n := range lines {
					jobs.Logger(ctx).Info("line", "n", n)
				}
				ended <- struct{}{}
				return nil
			}))
			for todo := b.N; todo > 0; todo -= 1000 {
				for _, res := range r.EnqueueBatch(b.Context(), batch(min(todo, 1000), client.Enqueue{Type: "test.talk"})) {
					if res.Err != nil {
						b.Fatal(res.Err)
					}
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			w := r.worker(func(o *options) { o.Concurrency, o.Log = 100, slog.New(slog.DiscardHandler) })
			for range b.N {
				<-ended
			}
			_ = w.Stop(context.Background())
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "jobs/s")
		})
	}
}
