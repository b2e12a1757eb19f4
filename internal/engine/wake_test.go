package engine_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// commands is the number of commands that the Redis has processed.
func commands(t *testing.T, inst storetest.Instance) int {
	t.Helper()
	info := inst.Client.Info(context.Background(), "stats").Val()
	_, rest, _ := strings.Cut(info, "total_commands_processed:")
	var n int
	if _, err := fmt.Sscanf(rest, "%d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// starts registers a type whose handler tells when it was started.
func starts(started chan<- time.Time) func(*jobs.Registry) {
	return func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.start", func(context.Context, struct{}) (struct{}, error) {
			started <- time.Now()
			return struct{}{}, nil
		}, jobs.Options{})
	}
}

// An idle worker waits for a word: it asks Redis about 7 times a second with three
// queues, with one pool or with one for each queue and a shared one, where one stock server asks 13 times
// and more.
func TestIdleWorkerHardlyAsks(t *testing.T) {
	t.Parallel()
	for _, pools := range []int{1, 4} {
		t.Run(fmt.Sprint(pools), func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			r := newRig(t, inst, starts(make(chan time.Time, 1)))
			r.worker(func(o *options) {
				for i := range pools {
					o.Pools = append(o.Pools, engine.PoolOptions{
						Name: fmt.Sprint(i), Queues: map[string]int{"a": 3, "b": 2, "c": 1}, Concurrency: 2,
					})
				}
			})
			time.Sleep(time.Second) // the start has its own commands
			const seconds = 12
			before := commands(t, inst)
			time.Sleep(seconds * time.Second)
			n := commands(t, inst) - before
			t.Logf("%.1f commands a second", float64(n)/seconds)
			if n > 10*seconds {
				t.Errorf("%d commands in %d s, want at most %d", n, seconds, 10*seconds)
			}
		})
	}
}

// A job reaches an idle pool by a wake-up, from another process, into any of its
// queues, on every kind of Redis: many in a row take less time than one look
// round of a pool that polls.
func TestIdlePoolIsWoken(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		started := make(chan time.Time, 1)
		r := newRig(t, inst, starts(started))
		worker := inst.Open()
		r.worker(func(o *options) {
			o.Redis, o.Queues = worker, map[string]int{"a": 3, "b": 2, "c": 1}
		})
		r.post(client.Enqueue{Type: "test.start", Queue: "a"})
		receive(t, started)
		began := time.Now()
		const rounds = 60
		for i := range rounds {
			r.post(client.Enqueue{Type: "test.start", Queue: []string{"a", "b", "c"}[i%3]})
			receive(t, started)
		}
		if took := time.Since(began); took > rounds*500*time.Millisecond/2 {
			t.Errorf("%d jobs took %s: they were not woken for", rounds, took)
		}
	})
}

// Jobs of producers that wake nobody (a stock asynq client) are found too, at
// once and scheduled.
func TestForeignProducersAreNoticed(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	started := make(chan time.Time, 2)
	r := newRig(t, inst, starts(started))
	r.worker(nil)
	foreign := asynq.NewClientFromRedisClient(inst.Client)
	for _, o := range []asynq.Option{asynq.ProcessIn(0), asynq.ProcessIn(time.Second)} {
		if _, err := foreign.Enqueue(asynq.NewTask("test.start", []byte("{}")), o); err != nil {
			t.Fatal(err)
		}
	}
	receive(t, started)
	receive(t, started)
}

// A job never starts before its time, whatever its fraction of a second, and
// neither does a retry.
func TestNeverEarly(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		type run struct {
			due string
			at  time.Time
			n   int
		}
		runs := make(chan run, 100)
		r := newRig(t, inst, func(reg *jobs.Registry) {
			jobs.Handle(reg, "test.due", func(ctx context.Context, _ struct{}) (struct{}, error) {
				i := jobs.Info(ctx)
				runs <- run{i.Headers["due"], time.Now(), i.Attempt}
				if i.Attempt == 1 {
					return struct{}{}, jobs.RetryAfter(errors.New("again"), 333*time.Millisecond)
				}
				return struct{}{}, nil
			}, jobs.Options{MaxRetries: 1})
		})
		r.worker(nil)
		const count = 20
		for i := range count {
			due := time.Now().Add(300*time.Millisecond + time.Duration(i)*41*time.Millisecond + time.Duration(i)*time.Microsecond)
			r.post(client.Enqueue{Type: "test.due", RunAt: &due, Headers: map[string]string{"due": due.Format(time.RFC3339Nano)}})
		}
		first := map[string]time.Time{}
		for range 2 * count {
			got := receive(t, runs)
			due, err := time.Parse(time.RFC3339Nano, got.due)
			if err != nil {
				t.Fatal(err)
			}
			if got.n == 1 {
				first[got.due] = got.at
			} else {
				due = first[got.due].Add(333 * time.Millisecond)
			}
			if early := due.Sub(got.at); early > 0 {
				t.Errorf("attempt %d started %s early", got.n, early)
			}
		}
	})
}

// What wakes a pool besides a new job: a retried dead letter, and the end of a
// pause.
func TestActionsWake(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	runs := make(chan int, 10)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.once", func(ctx context.Context, _ struct{}) (struct{}, error) {
			runs <- jobs.Info(ctx).Attempt
			return struct{}{}, jobs.Permanent(errors.New("no luck"))
		}, jobs.Options{})
	})
	r.worker(nil)
	id := r.post(client.Enqueue{Type: "test.once"})
	receive(t, runs)
	r.until(id, jobs.StateArchived)
	began := time.Now()
	const rounds = 8
	for range rounds {
		if _, err := r.inspect.Retry(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		receive(t, runs)
		r.until(id, jobs.StateArchived)
		if _, err := r.inspect.Pause(t.Context(), "default", nil); err != nil {
			t.Fatal(err)
		}
		if _, err := r.inspect.Resume(t.Context(), "default", nil); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > rounds*500*time.Millisecond {
		t.Errorf("%d retries took %s: nobody was woken", rounds, took)
	}
}

// While a queue is paused its jobs wait, and a waiting pool does not spin.
func TestPausedQueueIsLeftAlone(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	started := make(chan time.Time, 10)
	r := newRig(t, inst, starts(started))
	r.worker(nil)
	receive(t, func() chan time.Time { r.post(client.Enqueue{Type: "test.start"}); return started }())
	if _, err := r.inspect.Pause(t.Context(), "default", nil); err != nil {
		t.Fatal(err)
	}
	r.post(client.Enqueue{Type: "test.start"})
	before := commands(t, inst)
	select {
	case <-started:
		t.Error("a job of a paused queue was started")
	case <-time.After(2 * time.Second):
	}
	if n := commands(t, inst) - before; n > 60 {
		t.Errorf("%d commands in 2 s: the pool spins", n)
	}
	if _, err := r.inspect.Resume(t.Context(), "default", nil); err != nil {
		t.Fatal(err)
	}
	receive(t, started)
}

// Jobs that a busy pool has taken ahead are given back to one with free slots:
// all of them start although the first pool can run only one at a time.
func TestTakenJobsAreGivenBack(t *testing.T) {
	t.Parallel()
	inst := storetest.Redis(t)
	const total = 40
	release := make(chan struct{})
	var once sync.Once
	defer once.Do(func() { close(release) })
	started := make(chan string, total+400)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.fast", func(_ context.Context, _ struct{}) (struct{}, error) {
			started <- "fast"
			return struct{}{}, nil
		}, jobs.Options{})
		jobs.Handle(reg, "test.slow", func(_ context.Context, _ struct{}) (struct{}, error) {
			started <- "slow"
			<-release
			return struct{}{}, nil
		}, jobs.Options{})
	})
	var batch []*client.Enqueue
	for range 400 { // makes the pool take many at once
		batch = append(batch, &client.Enqueue{Type: "test.fast"})
	}
	for range total {
		batch = append(batch, &client.Enqueue{Type: "test.slow"})
	}
	r.EnqueueBatch(t.Context(), batch)
	for range 2 {
		r.worker(func(o *options) { o.Concurrency = total / 2 })
	}
	for slow := 0; slow < total; {
		if receive(t, started) == "slow" {
			slow++
		}
	}
	once.Do(func() { close(release) })
}
