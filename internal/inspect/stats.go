package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/stats"
	"legwork/internal/store"
	"legwork/jobs"
)

const (
	// statsPointsMax is the most steps of an answer: 48 hours by the minute.
	statsPointsMax = 2880
	// statsTotalMax is the most points of an answer with many series.
	statsTotalMax = 50_000
	// statsPointsWanted is how many steps there should be at most when the caller
	// leaves the step open.
	statsPointsWanted = 400
	// statsRangeDefault is how far an answer goes back by itself.
	statsRangeDefault = time.Hour
	// statsChunk is the number of minutes or hours read with one round trip.
	statsChunk = 100
	// statsLate is how far a caller may ask back beyond what is kept: requests take time.
	statsLate = 5 * time.Minute
)

// Stats returns the counts that the filter asks for; Now is left empty. Cost: a HGETALL
// for each minute or hour, a hundred with a round trip. The error is a *[jobs.Error]:
// invalid_request or unavailable.
func (i *Inspector) Stats(ctx context.Context, f client.StatsFilter) (*client.Stats, error) {
	p, err := planStats(f, time.Now())
	if err != nil {
		return nil, err
	}
	b := newStatsBuilder(p)
	for begin := p.from; begin.Before(p.to); begin = begin.Add(statsChunk * p.unit) {
		if err := i.readStats(ctx, b, begin, min(statsChunk, int(p.to.Sub(begin)/p.unit))); err != nil {
			return nil, err
		}
	}
	return b.answer()
}

// readStats reads n minutes or hours and hands them to the builder.
func (i *Inspector) readStats(ctx context.Context, b *statsBuilder, begin time.Time, n int) error {
	pipe := i.redis.Pipeline()
	p := b.plan
	one := ""
	if p.filter.Type != "" && p.filter.Queue != "" {
		one = stats.Series{Type: p.filter.Type, Queue: p.filter.Queue}.Field()
	}
	for k := range n {
		key := p.key(begin.Add(time.Duration(k) * p.unit))
		if one != "" {
			pipe.HMGet(ctx, key, one)
		} else {
			pipe.HGetAll(ctx, key)
		}
	}
	cmds, err := execCounts(ctx, pipe)
	if err != nil {
		return wrap("read the statistics", err)
	}
	for k, cmd := range cmds {
		at := begin.Add(time.Duration(k) * p.unit)
		switch cmd := cmd.(type) {
		case *redis.MapStringStringCmd:
			err = b.add(at, cmd.Val())
		case *redis.SliceCmd:
			if texts := cmd.Val(); len(texts) == 1 && texts[0] != nil {
				text, _ := texts[0].(string)
				err = b.add(at, map[string]string{one: text})
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// execCounts runs a pipeline that reads counts. Something else under a name of the
// statistics counts as nothing.
func execCounts(ctx context.Context, pipe redis.Pipeliner) ([]redis.Cmder, error) {
	cmds, err := pipe.Exec(ctx)
	if err == nil {
		return cmds, nil
	}
	for _, c := range cmds {
		if err := c.Err(); err != nil && !errors.Is(err, redis.Nil) && !store.WrongType(err) {
			return nil, err
		}
	}
	return cmds, nil
}

// statsBuilder makes an answer of minutes or hours that come in the order of time.
type statsBuilder struct {
	plan   statsPlan
	series map[string]*statsSeries // by type or queue, or "" alone
	totals stats.Counts
	step   time.Time // the step that open counts belong to
	points int
}

// statsSeries is a series of the answer. Only the counts of one step and of the whole
// range are held: a histogram is large.
type statsSeries struct {
	name   string
	totals stats.Counts
	open   stats.Counts // of the step under way
	points []client.StatsPoint
}

func newStatsBuilder(p statsPlan) *statsBuilder {
	return &statsBuilder{plan: p, series: map[string]*statsSeries{}, step: p.from}
}

// add reads one minute or hour.
func (b *statsBuilder) add(at time.Time, fields map[string]string) error {
	if step := at.Truncate(b.plan.step); step.After(b.step) {
		if err := b.closeStep(); err != nil {
			return err
		}
		b.step = step
	}
	for field, text := range fields {
		s, ok := stats.ParseField(field)
		f := b.plan.filter
		if !ok || f.Type != "" && s.Type != f.Type || f.Queue != "" && s.Queue != f.Queue {
			continue
		}
		name := b.plan.nameOf(s)
		one := b.series[name]
		if one == nil {
			one = &statsSeries{name: name}
			b.series[name] = one
		}
		one.open.Add(text)
	}
	return nil
}

// closeStep makes points of the step under way.
func (b *statsBuilder) closeStep() error {
	for _, s := range b.series {
		if s.open.Empty() {
			continue
		}
		if b.points++; b.points > statsTotalMax {
			return invalidStats("/by", fmt.Sprintf("the answer would have more than %d points; use a larger step, a shorter range, or a type or queue", statsTotalMax))
		}
		s.points = append(s.points, client.StatsPoint{At: b.step, StatsCounts: statsCounts(&s.open)})
		s.totals.Merge(&s.open)
		s.open = stats.Counts{}
	}
	return nil
}

func (b *statsBuilder) answer() (*client.Stats, error) {
	if err := b.closeStep(); err != nil {
		return nil, err
	}
	p := b.plan
	out := &client.Stats{From: p.from, To: p.to, Step: p.stepName, Series: []client.StatsSeries{}}
	for _, s := range slices.SortedFunc(maps.Values(b.series), func(x, y *statsSeries) int { return cmp.Compare(x.name, y.name) }) {
		b.totals.Merge(&s.totals)
		one := client.StatsSeries{Totals: statsCounts(&s.totals), Points: s.points}
		switch p.filter.By {
		case byType:
			one.Type = s.name
		case byQueue:
			one.Queue = s.name
		}
		if len(one.Points) > 0 {
			out.Series = append(out.Series, one)
		}
	}
	out.Totals = statsCounts(&b.totals)
	return out, nil
}

// statsCounts puts counts into the words of the API.
func statsCounts(c *stats.Counts) client.StatsCounts {
	return client.StatsCounts{
		Enqueued: c.N[stats.Enqueued], Started: c.N[stats.Started], Succeeded: c.N[stats.Succeeded],
		Failed: c.N[stats.Failed], Dead: c.N[stats.Dead], Retried: c.N[stats.Retried],
		Wait: quantiles(&c.Wait), Run: quantiles(&c.Run),
	}
}

func quantiles(h *stats.Histogram) *client.Quantiles {
	p50, ok := h.Quantile(0.5)
	if !ok {
		return nil
	}
	p95, _ := h.Quantile(0.95)
	p99, _ := h.Quantile(0.99)
	short := func(d time.Duration) client.Duration { return client.Duration(d.Round(d / 1000)) }
	return &client.Quantiles{P50: short(p50), P95: short(p95), P99: short(p99)}
}

func invalidStats(pointer, detail string) error {
	return &jobs.Error{
		Code: jobs.CodeInvalidRequest, Message: "the request has wrong parameters",
		Fields: []jobs.FieldError{{Pointer: pointer, Detail: detail}},
	}
}
