package comparison

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
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

// Promise: drain and enqueue are measured on every side, with what they cost.
func TestDrainAndEnqueue(t *testing.T) {
	t.Parallel()
	r := measure(t, tiny("drain", "enqueue"))
	for _, sc := range []scenario{drain(), enqueue()} {
		for _, s := range sc.sides {
			r.want(t, sc.name, "rate", s.name, 100, 1e6)
			r.want(t, sc.name, "redis_cpu", s.name, 0.5, 2000)
			r.want(t, sc.name, "go_cpu", s.name, 0.5, 20_000)
		}
		r.want(t, sc.name, "rate", SideRatio, 0.02, 50)
		r.want(t, sc.name, "redis_cpu", SideRatio, 0.02, 50)
	}
	if len(r.Scenarios) != 2 || r.Mode != "compare" || !strings.Contains(r.Target, "a private ") {
		t.Errorf("report = %+v", r)
	}
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
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	began := time.Now()
	_, err := child(ctx, []string{os.Args[0]}, order{Scenario: "drain", Side: sideLegwork, RedisURL: inst.URL, Scale: 1})
	if err == nil || !strings.Contains(err.Error(), "0 of 100000 jobs have run") {
		t.Errorf("error = %v", err)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %s", took)
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

// Promise: each side goes first every other time.
func TestInTurn(t *testing.T) {
	t.Parallel()
	sides := []side{{name: "a"}, {name: "b"}}
	for n, want := range []string{"a", "b", "a", "b"} {
		if got := inTurn(sides, n)[0].name; got != want {
			t.Errorf("round %d begins with %s", n, got)
		}
	}
}

// Promise: a ratio is taken within a round, to the best of the peers, and the
// median is held against the promise.
func TestRatio(t *testing.T) {
	t.Parallel()
	sc := scenario{name: "s", sides: []side{{name: sideLegwork}, {name: "x", peer: true}, {name: "y", peer: true}, {name: "z"}}}
	rounds := []round{
		{sideLegwork: {"m": 10}, "x": {"m": 2}, "y": {"m": 5}, "z": {"m": 100}},
		{sideLegwork: {"m": 12}, "x": {"m": 4}, "y": {"m": 1}, "z": {"m": 100}},
		{sideLegwork: {"m": 20}, "x": {"m": 2}, "y": {"m": 2}, "z": {"m": 100}},
	}
	for _, c := range []struct {
		metric metric
		ratios []float64
		kept   bool
	}{
		{metric{name: "m", compare: true, promise: &promise{ratio: true, bound: 3}}, []float64{2, 3, 10}, true},
		{metric{name: "m", compare: true, promise: &promise{ratio: true, bound: 3.1}}, []float64{2, 3, 10}, false},
		{metric{name: "m", compare: true, lower: true, promise: &promise{ratio: true, most: true, bound: 9}}, []float64{5, 12, 10}, false},
		{metric{name: "m", compare: true, lower: true, promise: &promise{ratio: true, most: true, bound: 10}}, []float64{5, 12, 10}, true},
	} {
		sc.metrics = []metric{c.metric}
		r := newReport(Options{Rounds: 3}, "")
		r.add(sc, rounds)
		f := r.Figures[len(r.Figures)-1]
		if f.Side != SideRatio || !slices.Equal(f.Rounds, c.ratios) || f.Promise == nil || f.Promise.Kept != c.kept {
			t.Errorf("%+v: ratio %+v, promise %+v", c.metric, f, f.Promise)
		}
	}
}

// Promise: every payload has the size that the figures speak of.
func TestPayload(t *testing.T) {
	t.Parallel()
	for _, at := range []time.Time{{}, time.Now(), time.UnixMicro(1)} {
		if p := newPayload(at); len(p) != payloadSize {
			t.Errorf("%s has %d bytes", p, len(p))
		}
	}
}
