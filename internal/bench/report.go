package bench

import (
	"fmt"
	"slices"
)

// Report is the outcome of a run.
type Report struct {
	Mode    string   `json:"mode"`   // "http" or "engine"
	Target  string   `json:"target"` // what was measured, for people
	Options Options  `json:"options"`
	Rounds  []Round  `json:"rounds"`
	Figures []Figure `json:"figures"`
	Notes   []string `json:"notes,omitempty"` // what to know when reading the figures
}

// Figure is one measure over all rounds that have it.
type Figure struct {
	Name   string  `json:"name"` // its path in a round, such as "single.enqueued" or "pick_up_ms.p99"
	Unit   string  `json:"unit"` // "jobs/s" or "ms"
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// summarize fills in the figures and the notes; early is the number of probes
// whose handler seemed to begin before they were accepted.
func (r *Report) summarize(early int) {
	units := map[string]string{}
	values := map[string][]float64{}
	var names []string
	for _, round := range r.Rounds {
		for _, p := range round.points() {
			if units[p.name] == "" {
				names = append(names, p.name)
			}
			units[p.name] = p.unit
			values[p.name] = append(values[p.name], p.value)
		}
	}
	for _, name := range names {
		v := values[name]
		r.Figures = append(r.Figures, Figure{Name: name, Unit: units[name], Median: Median(v), Min: slices.Min(v), Max: slices.Max(v)})
	}
	if early > 0 {
		r.Notes = append(r.Notes, fmt.Sprintf(
			"%d of %d probes seem to have begun before they were accepted: the clocks of the API's and the worker's machines differ, so rounds with such probes have no pick-up",
			early, r.Options.Probes*r.Options.Rounds))
	}
}

// point is one measure of one round.
type point struct {
	name, unit string
	value      float64
}

func (r Round) points() []point {
	all := r.Single.points("single")
	all = append(all, r.Batch.points("batch")...)
	all = append(all, r.PickUp.points("pick_up_ms")...)
	return append(all, r.EndToEnd.points("end_to_end_ms")...)
}

func (l *Load) points(name string) []point {
	if l == nil {
		return nil
	}
	all := []point{{name + ".enqueued", "jobs/s", l.Enqueued}, {name + ".completed", "jobs/s", l.Completed}}
	if l.Drained != nil {
		all = append(all, point{name + ".drained", "jobs/s", *l.Drained})
	}
	return append(all, l.Answer.points(name+".answer_ms")...)
}

func (l *Latency) points(name string) []point {
	if l == nil {
		return nil
	}
	return []point{{name + ".p50", "ms", l.P50}, {name + ".p95", "ms", l.P95}, {name + ".p99", "ms", l.P99}}
}

// Median is the middle value, or the mean of the two in the middle.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[half-1] + sorted[half]) / 2
	}
	return sorted[half]
}
