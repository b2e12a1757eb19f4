package comparison

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// Run measures the scenarios and calls progress, if not nil, at each step. It
// ends with ctx, and with the first half round that fails; the error tells how
// far it came, and the report has the scenarios before that one.
func Run(ctx context.Context, o Options, progress func(step string)) (r *Report, err error) {
	if o, err = o.withDefaults(); err != nil {
		return nil, err
	}
	if progress == nil {
		progress = func(string) {}
	}
	db, err := openDatabase(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.close(context.WithoutCancel(ctx))) }()
	r = newReport(o, db.about)
	for _, sc := range o.scenarios() {
		rounds := make([]round, 0, o.Rounds)
		for n := range o.Rounds {
			one := round{}
			for _, s := range inTurn(sc.sides, n) {
				step := fmt.Sprintf("%s, round %d of %d: %s", sc.name, n+1, o.Rounds, s.name)
				progress(step)
				if one[s.name], err = db.half(ctx, o, sc, s); err != nil {
					return r, fmt.Errorf("%s: %w", step, err)
				}
			}
			rounds = append(rounds, one)
		}
		r.add(sc, rounds)
	}
	return r, nil
}

// inTurn returns the sides as listed, or the other way round in every second
// round.
func inTurn(sides []side, n int) []side {
	sides = slices.Clone(sides)
	if n%2 == 1 {
		slices.Reverse(sides)
	}
	return sides
}

// half runs a half round on the emptied database.
func (d *database) half(ctx context.Context, o Options, sc scenario, s side) (measures, error) {
	if err := d.empty(ctx); err != nil {
		return nil, err
	}
	if sc.fill != nil {
		if err := d.fill(ctx, o, sc, s); err != nil {
			return nil, err
		}
	}
	return child(ctx, o.Child, order{Scenario: sc.name, Side: s.name, RedisURL: d.url, Scale: o.Scale})
}

func (d *database) fill(ctx context.Context, o Options, sc scenario, s side) error {
	p, err := openPeer(ctx, d.url, s)
	if err != nil {
		return err
	}
	return errors.Join(sc.fill(ctx, p, half{side: s, scale: o.Scale, redis: d.probe}), p.close())
}
