package comparison

import (
	"slices"
	"testing"
)

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
		sc.metrics = []metric{c.metric, {name: "absent", compare: true}}
		r := newReport(Options{Rounds: 3}, "")
		r.add(sc, rounds)
		f := r.Figures[len(r.Figures)-1]
		if f.Side != SideRatio || !slices.Equal(f.Rounds, c.ratios) || f.Promise == nil || f.Promise.Kept != c.kept {
			t.Errorf("%+v: ratio %+v, promise %+v", c.metric, f, f.Promise)
		}
	}
}
