package bench

import (
	"context"
	"fmt"
	"time"
)

// Round is one round of a run.
type Round struct {
	PickUp   *Latency `json:"pick_up_ms"`    // nil without probes, or when clocks differ
	EndToEnd *Latency `json:"end_to_end_ms"` // nil without probes
	Single   *Load    `json:"single"`        // jobs handed in one by one
	Batch    *Load    `json:"batch"`         // nil without batches
}

// Run measures the target and calls progress, if not nil, at each step. When ctx
// ends the run does, with an error that tells how far it came; jobs that were
// accepted are still run by the workers.
func Run(ctx context.Context, t Target, o Options, progress func(step string)) (*Report, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(string) {}
	}
	if err := t.check(ctx, o); err != nil {
		return nil, err
	}
	r := &runner{target: t, options: o, progress: progress}
	if err := r.warm(ctx); err != nil {
		return nil, err
	}
	report := &Report{Mode: t.Mode(), Target: t.About(), Options: o}
	for n := range o.Rounds {
		r.name = fmt.Sprintf("round %d of %d", n+1, o.Rounds)
		round, err := r.round(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
		report.Rounds = append(report.Rounds, *round)
	}
	report.summarize(r.early)
	return report, nil
}

// runner is a run under way.
type runner struct {
	target   Target
	options  Options
	progress func(string)
	name     string
	early    int // probes whose handler seemed to begin before they were accepted
}

// warm runs one job, which shows that a worker is there, and opens connections.
func (r *runner) warm(ctx context.Context) error {
	r.progress("first job")
	_, err := r.target.probe(ctx, r.options)
	return err
}

func (r *runner) round(ctx context.Context) (*Round, error) {
	o, round := r.options, &Round{}
	if o.Probes > 0 {
		r.progress(r.name + ": probes")
		pickUp, endToEnd, err := probes(ctx, r.target, o)
		if err != nil {
			return nil, err
		}
		all := LatencyOf(endToEnd)
		round.EndToEnd = &all
		if early := countNegative(pickUp); early > 0 {
			r.early += early
		} else {
			started := LatencyOf(pickUp)
			round.PickUp = &started
		}
	}
	var err error
	r.progress(r.name + ": jobs one by one")
	if round.Single, err = load(ctx, r.target, o, 1); err != nil {
		return nil, fmt.Errorf("jobs one by one: %w", err)
	}
	if o.Batch == 0 {
		return round, nil
	}
	r.progress(r.name + ": jobs in batches")
	if round.Batch, err = load(ctx, r.target, o, o.Batch); err != nil {
		return nil, fmt.Errorf("jobs in batches: %w", err)
	}
	return round, nil
}

func countNegative(values []time.Duration) int {
	n := 0
	for _, v := range values {
		if v < 0 {
			n++
		}
	}
	return n
}
