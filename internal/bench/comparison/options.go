package comparison

import (
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
)

// Defaults of [Options], and the most that each field may ask for.
const (
	RoundsDefault = 5
	RoundsMax     = 20
	ScaleDefault  = 1.0
	scaleMin      = 0.001
)

// Options bounds a run.
type Options struct {
	// Rounds is how often each scenario is measured. Defaults to [RoundsDefault].
	Rounds int
	// Scale multiplies the numbers of jobs and the lengths of the observations,
	// for a quick check: more than 0, at most 1. Figures of a scaled run are not
	// to be held against the promises. Defaults to [ScaleDefault].
	Scale float64
	// Only names the scenarios to run. Defaults to all of [Names].
	Only []string
	// RedisURL is the Redis to use: redis://, rediss:// or unix://, with an empty
	// database, which is emptied again and again. Defaults to a private one.
	RedisURL string
	// Child is the command line of a process that calls [Serve]. Required.
	Child []string
	// Log gets the warnings of the private Redis. Defaults to slog.Default().
	Log *slog.Logger
}

// Names returns the names of all scenarios, in the order in which they run.
func Names() []string {
	var names []string
	for _, s := range scenarios() {
		names = append(names, s.name)
	}
	return names
}

// withDefaults fills in what is unset, or says what is wrong.
func (o Options) withDefaults() (Options, error) {
	if o.Rounds == 0 {
		o.Rounds = RoundsDefault
	}
	if o.Scale == 0 {
		o.Scale = ScaleDefault
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o, o.Check()
}

// Check says what is wrong with the options, or is nil.
func (o Options) Check() error {
	if o.Rounds < 0 || o.Rounds > RoundsMax {
		return fmt.Errorf("rounds %d: use 1 to %d", o.Rounds, RoundsMax)
	}
	if o.Scale != 0 && (math.IsNaN(o.Scale) || o.Scale < scaleMin || o.Scale > 1) {
		return fmt.Errorf("scale %g: use %g to 1", o.Scale, scaleMin)
	}
	for _, name := range o.Only {
		if !slices.Contains(Names(), name) {
			return fmt.Errorf("only %s: no such scenario; there are %s", name, strings.Join(Names(), ", "))
		}
	}
	return nil
}

// scenarios returns those that are asked for.
func (o Options) scenarios() []scenario {
	all := scenarios()
	if len(o.Only) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(s scenario) bool { return !slices.Contains(o.Only, s.name) })
}
