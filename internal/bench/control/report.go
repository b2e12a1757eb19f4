package control

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/bench"
)

// Report is the outcome of a run.
type Report struct {
	Target  string   `json:"target"`
	Pending int      `json:"pending"`
	Retry   int      `json:"retry"`
	Dead    int      `json:"dead"`
	Figures []Figure `json:"figures"`
	Slow    []Slow   `json:"slow"` // Redis commands above 10 ms
	HeldUp  HeldUp   `json:"held_up"`
}

// Figure is one measure, held against its bound.
type Figure struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`  // "ms", "jobs", "jobs/s", "us/job"
	Value  float64 `json:"value"` // with a spread, its p99
	Least  float64 `json:"least,omitempty"`
	Most   float64 `json:"most,omitempty"`
	Kept   bool    `json:"kept"`
	Spread *Spread `json:"spread,omitempty"`
	// Short is how many answers had fewer entries than there are.
	Short int `json:"short,omitempty"`
	// Exact says that only the bound itself will do, at any size and on any machine.
	Exact bool `json:"exact,omitempty"`
}

// Spread is how long requests took, in milliseconds.
type Spread struct {
	Requests int `json:"requests"`
	bench.Latency
	Max float64 `json:"max"`
}

// Slow is a command that Redis took long for.
type Slow struct {
	Micros  int64     `json:"micros"`
	At      time.Time `json:"at"`
	Command string    `json:"command"` // its beginning
}

// slowArgs bounds the arguments of a slow command that are told.
const slowArgs = 6

func newSlow(l redis.SlowLog) Slow {
	return Slow{Micros: l.Duration.Microseconds(), At: l.Time, Command: strings.Join(l.Args[:min(len(l.Args), slowArgs)], " ")}
}

// latency adds how long requests took, whose p99 is to be at most the bound.
func (r *Report) latency(name string, took []time.Duration, bound float64) *Figure {
	l := bench.LatencyOf(took)
	r.Figures = append(r.Figures, Figure{
		Name: name, Unit: "ms", Value: l.P99, Most: bound, Kept: l.P99 <= bound,
		Spread: &Spread{Requests: len(took), Latency: l, Max: float64(slices.Max(took).Microseconds()) / 1000},
	})
	return &r.Figures[len(r.Figures)-1]
}

// shorten notes answers that were too short, which no speed makes good.
func (f *Figure) shorten(short int) {
	f.Short = short
	f.Kept = f.Kept && short == 0
}

// told adds how long something took that no bound is promised for.
func (r *Report) told(name string, took time.Duration) {
	r.latency(name, []time.Duration{took}, 0).Kept = true
}

// cost adds a CPU time per job, which tells more than a speed on a busy machine.
func (r *Report) cost(name string, perJob time.Duration) {
	r.Figures = append(r.Figures, Figure{Name: name, Unit: "us/job", Value: float64(perJob.Nanoseconds()) / 1000, Kept: true})
}

// rate adds a speed that is to be at least the bound.
func (r *Report) rate(name string, value, bound float64) {
	r.Figures = append(r.Figures, Figure{Name: name, Unit: "jobs/s", Value: math.Round(value), Least: bound, Kept: value >= bound})
}

// count adds a number of jobs that is to be exactly what is wanted.
func (r *Report) count(name string, value, want int) {
	r.Figures = append(r.Figures, Figure{
		Name: name, Unit: "jobs", Value: float64(value), Least: float64(want), Most: float64(want), Kept: value == want, Exact: true,
	})
}

// Missed names what is not as promised.
func (r *Report) Missed() []string {
	var names []string
	for _, f := range r.Figures {
		if !f.Kept {
			names = append(names, f.Name)
		}
	}
	if len(r.Slow) > 0 {
		names = append(names, fmt.Sprintf("%d Redis commands above %s", len(r.Slow), slow))
	}
	return names
}

// Print writes the report as a table.
func (r *Report) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(out, "%s: %d pending, %d retry, %d dead in %d queues\n\n", r.Target, r.Pending, r.Retry, r.Dead, len(queues()))
	_, _ = fmt.Fprintln(w, "FIGURE\tUNIT\tP50\tP95\tP99\tMAX\tPROMISE\t")
	for _, f := range r.Figures {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", f.Name, f.Unit, f.values(), f.promise())
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "\nRedis commands above %s: %d\n", slow, len(r.Slow))
	for _, s := range r.Slow {
		_, _ = fmt.Fprintf(out, "  %s  %6d us  %s\n", s.At.Format(time.TimeOnly), s.Micros, s.Command)
	}
	_, err := fmt.Fprintf(out, "The machine held up a goroutine for more than %s %d times, for at most %.0f ms\n", holdUp, r.HeldUp.Times, r.HeldUp.Max)
	return err
}

func (f Figure) values() string {
	if s := f.Spread; s != nil {
		return fmt.Sprintf("%.1f\t%.1f\t%.1f\t%.1f", s.P50, s.P95, s.P99, s.Max)
	}
	return strconv.FormatFloat(f.Value, 'f', -1, 64) + "\t\t\t"
}

func (f Figure) promise() string {
	text := fmt.Sprintf("at most %.0f", f.Most)
	switch {
	case f.Most == 0 && f.Least == 0 && !f.Exact:
		return ""
	case f.Exact:
		text = fmt.Sprintf("exactly %.0f", f.Most)
	case f.Most == 0:
		text = fmt.Sprintf("at least %.0f", f.Least)
	}
	if f.Kept {
		return text + ", kept"
	}
	if f.Short > 0 {
		return fmt.Sprintf("%s, MISSED: %d too short", text, f.Short)
	}
	return text + ", MISSED"
}
