package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"legwork/internal/bench/comparison"
)

const (
	// compareTimeout bounds a comparison in time, unless --timeout says otherwise.
	compareTimeout = time.Hour
	// halfRound is the command that runs a half round of a comparison.
	halfRound = "bench-half-round"
)

// newHalfRound is what `bench --compare` starts for each half round. It is of no
// use to people.
func newHalfRound(s *session) *cobra.Command {
	return &cobra.Command{
		Use: halfRound, Hidden: true, Args: wants(0, 0, "no arguments"),
		Short: "Run a half round of bench --compare, as told on standard input",
		RunE: func(c *cobra.Command, _ []string) error {
			return comparison.Serve(c.Context(), s.env.stdin, s.env.stdout)
		},
	}
}

// comparison is what the flags ask for.
func (o *benchOrder) comparison(log *slog.Logger) (comparison.Options, error) {
	self, err := os.Executable()
	if err != nil {
		return comparison.Options{}, fmt.Errorf("find this program, to start it again: %w", err)
	}
	return comparison.Options{
		Rounds: o.Rounds, Scale: o.scale, Only: o.only, RedisURL: o.redisURL, Child: []string{self, halfRound}, Log: log,
	}, nil
}

// compare runs a comparison and prints its report.
func (s *session) compare(ctx context.Context, o *benchOrder) error {
	options, err := o.comparison(slog.New(slog.NewTextHandler(s.env.stderr, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	return s.timely(ctx, o, "--scale, --only", func(ctx context.Context, progress func(string)) error {
		report, err := comparison.Run(ctx, options, progress)
		switch {
		case report == nil:
			return withExit(exitOfStart(err), err)
		case err != nil && len(report.Scenarios) == 0:
			return err
		}
		return errors.Join(err, s.printComparison(report)) // minutes of work, even when it was cut short
	})
}

// timely runs a measurement within the order's time and tells its steps on a
// terminal.
func (s *session) timely(ctx context.Context, o *benchOrder, shorter string, measure func(ctx context.Context, progress func(string)) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, errBenchLate)
	defer cancel()
	at := "start"
	err := measure(ctx, func(step string) {
		at = step
		if s.env.isTerminal(s.env.stderr) {
			s.say("%s", step)
		}
	})
	if err != nil && errors.Is(context.Cause(ctx), errBenchLate) {
		return fmt.Errorf("%w %s, but came as far as %s; --timeout gives it longer, %s and --rounds make it shorter", errBenchLate, o.timeout, at, shorter)
	}
	return err
}

func (s *session) printComparison(r *comparison.Report) error {
	if s.asJSON {
		raw, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("encode the report: %w", err)
		}
		return s.printJSON(raw)
	}
	s.say("%s; %d rounds, scale %g", r.Target, r.Rounds, r.Scale)
	for _, about := range r.Scenarios {
		s.say("%s: %s", about.Name, about.About)
	}
	s.say("")
	return comparisonTable(r).print(s.env.stdout)
}

func comparisonTable(r *comparison.Report) *table {
	t := &table{header: []string{"FIGURE", "SIDE", "UNIT", "MEDIAN", "MIN", "MAX", "PROMISE"}, state: -1}
	for _, f := range r.Figures {
		t.add(f.Scenario+" "+strings.ReplaceAll(f.Name, "_", " "), f.Side, f.Unit,
			threeDigits(f.Median), threeDigits(f.Min), threeDigits(f.Max), promiseText(f.Promise))
	}
	return t
}

// threeDigits prints v with three significant digits, whole numbers in full, and
// nothing finer than a millionth.
func threeDigits(v float64) string {
	digits := 0
	if v != 0 {
		digits = max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	}
	return strconv.FormatFloat(v, 'f', min(digits, 6), 64)
}

func promiseText(p *comparison.Promise) string {
	if p == nil {
		return ""
	}
	text := "at least "
	bound := p.Least
	if p.Most != nil {
		text, bound = "at most ", p.Most
	}
	text += strconv.FormatFloat(*bound, 'f', -1, 64)
	if !p.Kept {
		text += ": missed"
	}
	return text
}
