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

	"legwork/client"
	"legwork/internal/store"
	"legwork/internal/store/storetest"
	"legwork/jobs"
)

// An effect that an attempt did before it failed is not done again: not by the next
// attempt, and not when a person has the dead letter run again. One that failed is.
func TestEffectIsDoneOnceAcrossAttempts(t *testing.T) {
	t.Parallel()
	storetest.All(t, func(t *testing.T, inst storetest.Instance) {
		var charges, mails atomic.Int64
		var mended atomic.Bool
		r := newRig(t, inst, func(reg *jobs.Registry) {
			jobs.Handle(reg, "test.order", func(ctx context.Context, _ struct{}) (string, error) {
				receipt, err := jobs.Once(ctx, "charge", func(context.Context) (string, error) {
					return fmt.Sprintf("receipt %d", charges.Add(1)), nil
				})
				if err != nil {
					return "", err
				}
				return jobs.Once(ctx, "mail", func(context.Context) (string, error) {
					mails.Add(1)
					if !mended.Load() {
						return "", jobs.RetryAfter(errors.New("no mail today"), time.Millisecond)
					}
					return receipt + " mailed", nil
				})
			}, jobs.Options{MaxRetries: 2})
		})
		r.worker(nil)
		id := r.post(client.Enqueue{Type: "test.order"})
		if j := r.until(id, jobs.StateArchived); j.LastError != "no mail today" || mails.Load() != 3 {
			t.Errorf("job = %+v after %d tries; want the effect's own error", j, mails.Load())
		}
		mended.Store(true)
		if _, err := r.inspect.Retry(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if j := r.until(id, jobs.StateCompleted); string(j.Result) != `"receipt 1 mailed"` || charges.Load() != 1 {
			t.Errorf("result %s after %d charges", j.Result, charges.Load())
		}
	})
}

// steal gives a running job to others, as the reaper does with that of a process
// which it takes for dead. It reports whether the job still ran.
func steal(t *testing.T, inst storetest.Instance, id string) bool {
	t.Helper()
	k := store.KeysOf("default")
	script := `if redis.call("LREM", KEYS[1], 1, ARGV[1]) == 0 then return 0 end
		redis.call("ZREM", KEYS[2], ARGV[1])
		redis.call("HDEL", KEYS[3], ARGV[1])
		redis.call("HSET", KEYS[4], "state", "pending")
		redis.call("RPUSH", KEYS[5], ARGV[1])
		redis.call("PUBLISH", ARGV[2], "wdefault")
		return 1`
	stolen, err := inst.Client.Eval(t.Context(), script, []string{k.Active(), k.Lease(), k.Holders(), k.Task(id), k.Pending()}, id, store.ChannelWake).Bool()
	if err != nil {
		t.Fatal(err)
	}
	return stolen
}

// overlap starts two runs of one job in two workers, and returns once both run
// behave, the first one with the lesser token, and with the workers' log.
func overlap(t *testing.T, behave func(ctx context.Context, first bool) (string, error)) (r *rig, id string, log *lockedBuffer) {
	t.Helper()
	inst := storetest.Redis(t)
	log = &lockedBuffer{}
	tokens, both := make(chan int64, 2), make(chan struct{})
	r = newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.overlap", func(ctx context.Context, _ struct{}) (string, error) {
			token := jobs.Info(ctx).Token
			tokens <- token
			<-both
			return behave(ctx, token == 1)
		}, jobs.Options{})
	})
	for range 2 {
		r.worker(func(o *options) { o.Concurrency, o.Log = 1, slog.New(slog.NewTextHandler(log, nil)) })
	}
	id = r.post(client.Enqueue{Type: "test.overlap"})
	first := receive(t, tokens)
	steal(t, inst, id)
	if second := receive(t, tokens); first != 1 || second != 2 {
		t.Errorf("tokens %d and %d", first, second)
	}
	close(both)
	return r, id, log
}

// Of two runs of one job only the rightful one does effects, whoever asks first and
// however often. The other one's context ends, and its success and its result are refused.
func TestOnlyTheRightfulRunDoesEffects(t *testing.T) {
	t.Parallel()
	var done, stale atomic.Int64
	refused := make(chan struct{})
	r, id, log := overlap(t, func(ctx context.Context, first bool) (string, error) {
		for n := range 20 {
			_, err := jobs.Once(context.WithoutCancel(ctx), fmt.Sprintf("effect-%d", n), func(context.Context) (int, error) {
				if first {
					t.Error("the run with the old token did an effect")
				}
				done.Add(1)
				return n, nil
			})
			switch {
			case first && errors.Is(err, jobs.ErrStale):
				stale.Add(1)
			case first || err != nil:
				t.Errorf("first run: %t, error: %v", first, err)
			}
		}
		if first {
			if cause := context.Cause(ctx); !errors.Is(cause, jobs.ErrStale) {
				t.Errorf("the context of the stale run ended with %v", cause)
			}
			return "stale", nil
		}
		<-refused
		return "rightful", nil
	})
	eventually(t, func() bool { return strings.Contains(log.String(), "end of a run was refused") }, log.String)
	if j := r.until(id, jobs.StateActive); j.Result != nil {
		t.Errorf("job = %+v", j)
	}
	close(refused)
	if j := r.until(id, jobs.StateCompleted); string(j.Result) != `"rightful"` || done.Load() != 20 || stale.Load() != 20 {
		t.Errorf("result %s, %d effects, %d refusals", j.Result, done.Load(), stale.Load())
	}
}

// An effect is under way while its job is given to another run. When the other one
// has begun it too, the note of the first is refused; when not, the note is taken,
// and the effect is not done again.
func TestEffectUnderWayWhenTheJobIsLost(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]bool{"begun by both runs": true, "begun by one run": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inst := storetest.Redis(t)
			type call struct {
				result string
				err    error
			}
			begun, release := make(chan string, 2), make(chan struct{})
			firstReturns, secondMayAsk := make(chan call, 1), make(chan struct{})
			r := newRig(t, inst, func(reg *jobs.Registry) {
				jobs.Handle(reg, "test.slow", func(ctx context.Context, _ struct{}) (string, error) {
					first := jobs.Info(ctx).Token == 1
					if !first {
						<-secondMayAsk
					}
					result, err := jobs.Once(ctx, "k", func(context.Context) (string, error) {
						begun <- jobs.Info(ctx).ID
						if first {
							<-release
							return "first", nil
						}
						return "second", nil
					})
					if first {
						firstReturns <- call{result, err}
					}
					return result, err
				}, jobs.Options{})
			})
			for range 2 {
				r.worker(func(o *options) { o.Concurrency = 1 })
			}
			id := r.post(client.Enqueue{Type: "test.slow"})
			receive(t, begun)
			steal(t, inst, id)
			want := `"first"`
			if again {
				want = `"second"`
				close(secondMayAsk)
				receive(t, begun)
				r.until(id, jobs.StateCompleted)
			}
			close(release)
			if c := receive(t, firstReturns); errors.Is(c.err, jobs.ErrStale) != again || c.err == nil && c.result != "first" {
				t.Errorf("the first run got %+v", c)
			}
			if !again {
				close(secondMayAsk)
			}
			if j := r.until(id, jobs.StateCompleted); string(j.Result) != want {
				t.Errorf("result %s, want %s", j.Result, want)
			}
		})
	}
}

// Runs that lose their jobs at any moment: whoever gets a result of an effect gets
// the same one, and no effect is begun under an old token.
func TestEffectsOfManyOverlaps(t *testing.T) {
	t.Parallel()
	const total, keys, steals = 200, 5, 100
	inst := storetest.Redis(t)
	var mu sync.Mutex
	results := map[string]int64{} // guarded by mu; token that did the effect, by job and key
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.many", func(ctx context.Context, _ struct{}) (struct{}, error) {
			info := jobs.Info(ctx)
			for n := range keys {
				name := fmt.Sprintf("%s/%d", info.ID, n)
				token, err := jobs.Once(ctx, fmt.Sprint(n), func(context.Context) (int64, error) { return info.Token, nil })
				if errors.Is(err, jobs.ErrStale) {
					return struct{}{}, err
				}
				mu.Lock()
				had, ok := results[name]
				if err != nil || ok && had != token || token > info.Token {
					t.Errorf("%s: result %d under token %d, had %d, error %v", name, token, info.Token, had, err)
				}
				results[name] = token
				mu.Unlock()
			}
			return struct{}{}, nil
		}, jobs.Options{})
	})
	for range 4 {
		r.worker(func(o *options) { o.Concurrency = 1 })
	}
	var ids []string
	for range total {
		ids = append(ids, r.post(client.Enqueue{Type: "test.many"}))
	}
	k := store.KeysOf("default")
	stolen := 0
	for stolen < steals && inst.Client.ZCard(t.Context(), k.Completed()).Val() < total {
		for _, id := range inst.Client.LRange(t.Context(), k.Active(), 0, -1).Val() {
			if steal(t, inst, id) {
				stolen++
			}
		}
	}
	for _, id := range ids {
		r.until(id, jobs.StateCompleted)
	}
	if stolen == 0 {
		t.Error("no run lost its job: the test tests nothing")
	}
	t.Logf("%d runs lost their jobs", stolen)
	mu.Lock()
	defer mu.Unlock()
	if len(results) != total*keys {
		t.Errorf("%d effects were done, want %d", len(results), total*keys)
	}
}

// A job has so many effects and no more; those it has had are still returned.
func TestEffectsAreBounded(t *testing.T) {
	t.Parallel()
	again := make(chan error, 1)
	r := newRig(t, storetest.Redis(t), func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.greedy", func(ctx context.Context, _ struct{}) (struct{}, error) {
			for n := 0; ; n++ {
				_, err := jobs.Once(ctx, fmt.Sprint(n), func(context.Context) (int, error) { return n, nil })
				if err == nil {
					continue
				}
				_, keptErr := jobs.Once(ctx, fmt.Sprint(n-1), func(context.Context) (int, error) { return 0, errors.New("done again") })
				again <- keptErr
				return struct{}{}, err
			}
		}, jobs.Options{})
	})
	r.worker(nil)
	j := r.until(r.post(client.Enqueue{Type: "test.greedy"}), jobs.StateArchived)
	if want := `effect "256" not begun: the job has begun 256 effects`; !strings.HasPrefix(j.LastError, want) || j.Attempt != 1 {
		t.Errorf("attempt %d, error %q", j.Attempt, j.LastError)
	}
	if err := receive(t, again); err != nil {
		t.Error(err)
	}
}

// Progress of a run that has lost its job is dropped.
func TestStaleProgressIsDropped(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	inst := storetest.Redis(t)
	r := newRig(t, inst, func(reg *jobs.Registry) {
		jobs.Handle(reg, "test.report", func(ctx context.Context, _ struct{}) (struct{}, error) {
			jobs.Progress(ctx, 1, 1)
			inst.Client.HSet(ctx, store.KeysOf("default").Holders(), jobs.Info(ctx).ID, "another 99")
			_, err := jobs.Once(ctx, "k", func(context.Context) (int, error) { return 0, errors.New("begun") })
			jobs.Progress(ctx, 2, 2)
			return struct{}{}, err
		}, jobs.Options{})
	})
	r.worker(func(o *options) {
		o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	r.post(client.Enqueue{Type: "test.report"})
	eventually(t, func() bool { return strings.Contains(log.String(), "end of a run was refused") }, log.String)
	text := log.String()
	if strings.Count(text, "msg=progress ") != 1 || !strings.Contains(text, "progress dropped") || !strings.Contains(text, jobs.ErrStale.Error()) {
		t.Errorf("log:\n%s", text)
	}
}
