package bench

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"legwork/client"
)

// Percentiles are of the nearest rank: values that really occurred.
func TestPercentile(t *testing.T) {
	t.Parallel()
	upTo := func(n int) []time.Duration {
		var all []time.Duration
		for i := n; i > 0; i-- {
			all = append(all, time.Duration(i)*time.Millisecond)
		}
		return all
	}
	for _, c := range []struct {
		n    int
		want Latency
	}{
		{0, Latency{}}, {1, Latency{1, 1, 1}}, {2, Latency{1, 2, 2}}, {3, Latency{2, 3, 3}},
		{20, Latency{10, 19, 20}}, {100, Latency{50, 95, 99}}, {1000, Latency{500, 950, 990}},
	} {
		if got := LatencyOf(upTo(c.n)); got != c.want {
			t.Errorf("1 to %d ms: %+v, want %+v", c.n, got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{7}, 7}, {[]float64{3, 1}, 2}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := Median(c.values); got != c.want {
			t.Errorf("median of %v = %v, want %v", c.values, got, c.want)
		}
	}
}

// Figures are over the rounds that have them.
func TestFigures(t *testing.T) {
	t.Parallel()
	drained := 50.0
	r := &Report{Options: Options{Probes: 2, Rounds: 2}, Rounds: []Round{
		{Single: &Load{Enqueued: 100, Completed: 40, Drained: &drained}, EndToEnd: &Latency{1, 2, 3}},
		{Single: &Load{Enqueued: 300, Completed: 60}, EndToEnd: &Latency{3, 4, 5}, PickUp: &Latency{1, 1, 1}},
	}}
	r.summarize(1)
	got := map[string]Figure{}
	for _, f := range r.Figures {
		got[f.Name] = f
	}
	for _, want := range []Figure{
		{"single.enqueued", "jobs/s", 200, 100, 300}, {"single.drained", "jobs/s", 50, 50, 50},
		{"end_to_end_ms.p50", "ms", 2, 1, 3}, {"pick_up_ms.p99", "ms", 1, 1, 1},
	} {
		if diff := cmp.Diff(want, got[want.Name]); diff != "" {
			t.Errorf("(want, got):\n%s", diff)
		}
	}
	if _, there := got["batch.enqueued"]; there || len(r.Notes) != 1 || !strings.HasPrefix(r.Notes[0], "1 of 4 probes") {
		t.Errorf("figures %v, notes %q", got, r.Notes)
	}
}

// A payload has the size that was asked for.
func TestPadded(t *testing.T) {
	t.Parallel()
	for _, size := range []int{2, 10, 11, 100, PayloadMax} {
		p := padded(size)
		if want := max(size, 2); len(p) != want && size > 10 || !json.Valid(p) {
			t.Errorf("padded(%d) has %d bytes", size, len(p))
		}
	}
}

// paper is a target that never touches a network.
type paper struct {
	counts []client.Queue // answers, the last one for good
	pickUp time.Duration
	fail   error
}

func (p *paper) About() string                        { return "paper" }
func (p *paper) Mode() string                         { return "paper" }
func (p *paper) check(context.Context, Options) error { return nil }

func (p *paper) queue(context.Context, string) (*client.Queue, error) {
	q := p.counts[0]
	if len(p.counts) > 1 {
		p.counts = p.counts[1:]
	}
	return &q, nil
}

func (p *paper) senders(context.Context, Options, int) ([]sender, func(), error) {
	return []sender{func() error { return p.fail }}, func() {}, nil
}

func (p *paper) probe(context.Context, Options) (sample, error) {
	return sample{pickUp: p.pickUp, endToEnd: time.Second}, nil
}

// Clocks that disagree make pick-up meaningless: it is left out, and said.
func TestClocksDiffer(t *testing.T) {
	t.Parallel()
	o := small()
	o.Batch, o.Rounds = 0, 1
	r, err := Run(t.Context(), &paper{pickUp: -time.Second, counts: processed(0, 120)}, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Rounds[0].PickUp != nil || r.Rounds[0].EndToEnd == nil || len(r.Notes) != 1 {
		t.Errorf("report = %+v", r)
	}
}

func processed(counts ...int64) []client.Queue {
	var all []client.Queue
	for _, n := range counts {
		all = append(all, client.Queue{Name: "q", ProcessedTotal: n})
	}
	return all
}

// A load whose jobs fail, or are not run, ends with an error rather than a
// figure or a hang.
func TestLoadGoesWrong(t *testing.T) {
	t.Parallel()
	failed := processed(0, 60)
	failed[1].FailedTotal = 3
	for name, c := range map[string]struct {
		target *paper
		want   string
	}{
		"jobs fail":     {&paper{counts: failed}, "3 jobs of the queue failed"},
		"worker stuck":  {&paper{counts: processed(0, 60)}, "60 jobs are left, and none was processed for 20s"},
		"sender breaks": {&paper{counts: processed(0), fail: errors.New("broken")}, "after 0 of 120 jobs: broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				if _, err := load(t.Context(), c.target, small(), 1); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error = %v, want %q in it", err, c.want)
				}
			})
		})
	}
}

// What is drained is what waited at the last answer, over the time it took.
func TestDrained(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, err := load(t.Context(), &paper{counts: processed(1000, 1020, 1070, 1120)}, small(), 1)
		if err != nil {
			t.Fatal(err)
		}
		// 100 of 120 jobs were left, and went in two steps of settleEvery.
		if l.Drained == nil || *l.Drained != 5000 || l.Completed != 6000 {
			t.Errorf("load = %+v", l)
		}
	})
}
