package comparison

import (
	"slices"

	"legwork/internal/bench"
)

// Report is the outcome of a run.
type Report struct {
	Mode      string   `json:"mode"`   // "compare"
	Target    string   `json:"target"` // what was measured on which Redis, for people
	Rounds    int      `json:"rounds"`
	Scale     float64  `json:"scale"`
	Scenarios []About  `json:"scenarios"`
	Figures   []Figure `json:"figures"`
}

// About says what a scenario measured.
type About struct {
	Name  string `json:"name"`
	About string `json:"about"`
}

// Figure is one measure of one side over all rounds, or the ratio of Legwork's
// measure to that of the best of its peers in the same round.
type Figure struct {
	Scenario string    `json:"scenario"`
	Name     string    `json:"name"` // such as "rate" or "p99"
	Side     string    `json:"side"` // or "ratio"
	Unit     string    `json:"unit"` // "jobs/s", "us/job", "ms", "commands/s", "%", "MB", or "" of a ratio
	Median   float64   `json:"median"`
	Min      float64   `json:"min"`
	Max      float64   `json:"max"`
	Rounds   []float64 `json:"rounds"` // one value per round
	Promise  *Promise  `json:"promise,omitempty"`
}

// Promise is the bound that a figure's median is to keep, or every round of it
// (never early), and whether it does.
type Promise struct {
	Least *float64 `json:"least,omitempty"`
	Most  *float64 `json:"most,omitempty"`
	Kept  bool     `json:"kept"`
}

// SideRatio is the side of a figure that is a ratio.
const SideRatio = "ratio"

// round is what the sides of one round came to, by their names.
type round map[string]measures

func newReport(o Options, about string) *Report {
	return &Report{Mode: "compare", Target: "Legwork's engine and stock asynq on " + about, Rounds: o.Rounds, Scale: o.Scale}
}

// add appends the figures of a scenario.
func (r *Report) add(sc scenario, rounds []round) {
	r.Scenarios = append(r.Scenarios, About{Name: sc.name, About: sc.about})
	for _, m := range sc.metrics {
		for _, s := range sc.sides {
			if values := valuesOf(rounds, s.name, m.name); len(values) > 0 {
				f := newFigure(sc, m, s.name, m.unit, values)
				if m.promise != nil && !m.promise.ratio && s.name == sideLegwork {
					f.Promise = m.promise.judge(f)
				}
				r.Figures = append(r.Figures, f)
			}
		}
		values := ratios(sc, m, rounds)
		if !m.compare || len(values) == 0 {
			continue
		}
		f := newFigure(sc, m, SideRatio, "", values)
		if m.promise != nil && m.promise.ratio {
			f.Promise = m.promise.judge(f)
		}
		r.Figures = append(r.Figures, f)
	}
}

func newFigure(sc scenario, m metric, side, unit string, values []float64) Figure {
	return Figure{
		Scenario: sc.name, Name: m.name, Side: side, Unit: unit, Rounds: values,
		Median: bench.Median(values), Min: slices.Min(values), Max: slices.Max(values),
	}
}

// valuesOf returns the side's values of the rounds that have one.
func valuesOf(rounds []round, side, metric string) []float64 {
	var values []float64
	for _, one := range rounds {
		if v, ok := one[side][metric]; ok {
			values = append(values, v)
		}
	}
	return values
}

// ratios returns Legwork's measure to that of the best of its peers, by round.
// Rounds in which that is 0, in an observation too short for it, have none.
func ratios(sc scenario, m metric, rounds []round) []float64 {
	var all []float64
	for _, one := range rounds {
		var peers []float64
		for _, s := range sc.sides {
			if s.peer {
				peers = append(peers, one[s.name][m.name])
			}
		}
		if len(peers) == 0 {
			return nil
		}
		best := slices.Max(peers)
		if m.lower {
			best = slices.Min(peers)
		}
		if best > 0 {
			all = append(all, one[sideLegwork][m.name]/best)
		}
	}
	return all
}

func (p promise) judge(f Figure) *Promise {
	value := f.Median
	switch {
	case p.always && p.most:
		value = f.Max
	case p.always:
		value = f.Min
	}
	if p.most {
		return &Promise{Most: &p.bound, Kept: value <= p.bound}
	}
	return &Promise{Least: &p.bound, Kept: value >= p.bound}
}
