package comparison

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"legwork/internal/store/storetest"
)

// envChild makes this test binary the child of a run.
const envChild = "LEGWORK_BENCH_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(envChild) != "" {
		if err := Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// The children inherit it; no test has a child that is not one.
	if err := os.Setenv(envChild, "yes"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// tiny are options of a run of a moment.
func tiny(only ...string) Options {
	return Options{Rounds: 2, Scale: 0.01, Only: only, Child: []string{os.Args[0]}, Log: slog.New(slog.DiscardHandler)}
}

// measure runs scenarios at a tiny scale and returns what they came to.
func measure(t *testing.T, o Options) *Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r, err := Run(ctx, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// want fails unless the figure is there, with a value per round within bounds.
func (r *Report) want(t *testing.T, scenario, name, side string, least, most float64) {
	t.Helper()
	for _, f := range r.Figures {
		if f.Scenario != scenario || f.Name != name || f.Side != side {
			continue
		}
		if f.Min < least || f.Max > most || f.Median < f.Min || f.Median > f.Max || len(f.Rounds) != r.Rounds {
			t.Errorf("%s %s of %s = %+v, want %d rounds within %g and %g", scenario, name, side, f, r.Rounds, least, most)
		}
		return
	}
	t.Errorf("no figure %s %s of %s", scenario, name, side)
}

// Promise: a database of the user's is used only when it is empty, and left so.
func TestRedisOfTheUser(t *testing.T) {
	t.Parallel()
	inst := storetest.RedisWith(t, storetest.Options{TCP: true})
	o := tiny("enqueue")
	o.Rounds, o.RedisURL = 1, inst.URL
	measure(t, o)
	if n := inst.Client.DBSize(t.Context()).Val(); n != 0 {
		t.Errorf("%d keys are left", n)
	}
	if err := inst.Client.Set(t.Context(), "mine", 1, 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := Run(t.Context(), o, nil); err == nil || !strings.Contains(err.Error(), "holds 1 keys") {
		t.Errorf("error = %v", err)
	}
	if inst.Client.Exists(t.Context(), "mine").Val() != 1 {
		t.Error("the key is gone")
	}
}

// Promise: a run that is cut short keeps the scenarios that it has measured.
func TestRunCutShort(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r, err := Run(ctx, tiny("drain", "enqueue"), func(step string) {
		if step == "enqueue, round 2 of 2: asynq" {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "enqueue, round 2 of 2: asynq: ") {
		t.Errorf("error = %v", err)
	}
	if len(r.Scenarios) != 1 || r.Scenarios[0].Name != "drain" {
		t.Errorf("report = %+v", r)
	}
}

// Promise: what goes wrong in a child ends the run, with the child's words.
func TestChildFails(t *testing.T) {
	t.Parallel()
	inst := storetest.RedisWith(t, storetest.Options{TCP: true})
	_, err := child(t.Context(), []string{os.Args[0]}, order{Scenario: "drain", Side: "nobody", RedisURL: inst.URL, Scale: 1})
	if err == nil || !strings.Contains(err.Error(), `no scenario "drain" with a side "nobody"`) {
		t.Errorf("error = %v", err)
	}
	if _, err := child(t.Context(), []string{"/nonexistent"}, order{}); err == nil || !strings.Contains(err.Error(), "start a process") {
		t.Errorf("error = %v", err)
	}
}

// Promise: a run ends with its context, and with it the child: a drain of jobs
// that are not there never ends by itself.
func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	inst := storetest.RedisWith(t, storetest.Options{TCP: true})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var watch sync.WaitGroup
	watch.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil && inst.Client.Exists(ctx, "asynq:servers").Val() == 0 {
			<-tick.C
		}
		cancel()
	})
	_, err := child(ctx, []string{os.Args[0]}, order{Scenario: "drain", Side: sideLegwork, RedisURL: inst.URL, Scale: 1})
	watch.Wait()
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "0 of 100000 jobs have run: the run has ended") {
		t.Errorf("error = %v", err)
	}
}

// Promise: a child writes its CPU profile where it is told, named after what it
// ran.
func TestProfile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	finish, err := order{Scenario: "drain", Side: "asynq, concurrency 10"}.profile(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := finish(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(folder, "drain-asynq-concurrency-10.pprof")); err != nil || info.Size() == 0 {
		t.Errorf("profile %v, %v", info, err)
	}
	if _, err := (order{}).profile(filepath.Join(folder, "none")); err == nil {
		t.Error("a folder that is not there is no error")
	}
}

// Promise: options that make no sense are refused, and say what does.
func TestOptions(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]Options{
		"rounds 21: use 1 to 20":                   {Rounds: 21},
		"scale 2: use 0.001 to 1":                  {Scale: 2},
		"only nothing: no such scenario":           {Only: []string{"nothing"}},
		"there are " + strings.Join(Names(), ", "): {Only: []string{"drain", ""}},
	} {
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", o, err, want)
		}
	}
}
