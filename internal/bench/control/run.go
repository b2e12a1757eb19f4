package control

import (
	"context"
	"errors"
)

// run is a run under way.
type run struct {
	Options
	progress func(step string)
	database *database
	server   *server
	report   *Report
}

// Run measures and calls progress, if not nil, at each step. The report is nil with
// an error, which tells what could not be done; a bound that was missed is none.
func Run(ctx context.Context, o Options, progress func(step string)) (report *Report, err error) {
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(string) {}
	}
	r := &run{Options: o, progress: progress}
	if r.database, err = openDatabase(ctx, o.Log); err != nil {
		return nil, err
	}
	defer func() {
		if err = errors.Join(err, r.database.close(ctx)); err != nil {
			report = nil
		}
	}()
	r.report = &Report{Target: "a private " + r.database.private.Kind(), Pending: o.Pending, Retry: o.Retry, Dead: o.Dead}
	if err := r.plant(ctx); err != nil {
		return nil, err
	}
	return r.report, r.measure(ctx)
}

func (r *run) plant(ctx context.Context) error {
	p, err := newPlanter(ctx, r.database.redis, r.Log)
	if err != nil {
		return err
	}
	return errors.Join(p.plant(ctx, r.Options, func(step string) { r.progress("plant jobs that " + step) }), p.close(ctx))
}

func (r *run) measure(ctx context.Context) (err error) {
	if err := r.database.watch(ctx); err != nil {
		return err
	}
	if r.server, err = serve(ctx, r.database.private.URL(), r.Log); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.server.close()) }()
	held := watchHoldUps()
	defer func() { r.report.HeldUp = held() }()
	for _, step := range []func(context.Context) error{r.read, r.count, r.retry} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	r.report.Slow, err = r.database.slow(ctx)
	return err
}

// read asks for every page.
func (r *run) read(ctx context.Context) error {
	all, err := pages(ctx, r.server.api)
	if err != nil {
		return err
	}
	for _, p := range all {
		r.progress("read " + p.name)
		n := r.Requests
		if p.bound == boundSearch {
			n = max(n/searchShare, searchMin)
		}
		took, short, err := r.server.read(ctx, p, n)
		if err != nil {
			return err
		}
		r.report.latency(p.name, took, p.bound).shorten(short)
	}
	return nil
}
