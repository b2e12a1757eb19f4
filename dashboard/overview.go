package dashboard

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"legwork/client"
	"legwork/jobs"
)

// newestMax is how many failure groups the overview shows.
const newestMax = 8

type overview struct {
	Spans    []choice
	Charts   []chart
	Totals   map[string]int
	States   []jobs.State
	Backlog  int
	Workers  int // that live
	Slots    int
	Oldest   client.Duration
	In, Out  float64
	Queues   []queueRow
	Failures []client.FailureGroup
}

// choice is one of several ways to look at a page.
type choice struct {
	Name, Query string
	Chosen      bool
}

// queueRow is a queue with what has gone through it of late.
type queueRow struct {
	client.Queue
	Trend []int64 // attempts begun, by step
	P95   float64 // of run times, seconds; 0 when nothing ran
}

// period is a range of the charts.
type period struct {
	name string
	back time.Duration
}

func (p period) from() time.Time { return time.Now().Add(-p.back) }

// periods that the charts can show; the first is the default.
func periods() []period {
	const day = 24 * time.Hour
	return []period{{"1h", time.Hour}, {"24h", day}, {"7d", 7 * day}, {"90d", 90 * day}}
}

// chosenPeriod is the one that the query names, and all of them as links.
func chosenPeriod(r *http.Request) (period, []choice) {
	all := periods()
	name := r.URL.Query().Get("span")
	at := max(0, slices.IndexFunc(all, func(p period) bool { return p.name == name }))
	var out []choice
	for n, p := range all {
		out = append(out, choice{p.name, "?span=" + p.name, n == at})
	}
	return all[at], out
}

func (d *Dashboard) overview(r *http.Request) (content, error) {
	ctx := r.Context()
	span, spans := chosenPeriod(r)
	o := overview{Spans: spans, States: jobs.States(), Totals: map[string]int{}}
	queues, err := d.Inspector.Queues(ctx, d.Catalog.Weights(ctx))
	if err != nil {
		return content{}, err
	}
	for _, q := range queues {
		for state, n := range q.States {
			o.Totals[state] += n
		}
		o.In, o.Out = o.In+q.Arrivals, o.Out+q.Throughput
		o.Backlog += q.Backlog
		o.Oldest = max(o.Oldest, q.OldestPendingAge)
	}
	all, err := d.Inspector.Stats(ctx, client.StatsFilter{From: span.from()})
	if err != nil {
		return content{}, err
	}
	o.Charts = charts(all)
	workers, err := d.Inspector.Workers(ctx)
	if err != nil {
		return content{}, err
	}
	for _, w := range workers {
		if w.State != client.WorkerLost {
			o.Workers, o.Slots = o.Workers+1, o.Slots+w.Slots
		}
	}
	if o.Queues, err = d.queueRows(ctx, queues); err != nil {
		return content{}, err
	}
	failures, err := d.Inspector.Failures(ctx, client.FailureFilter{Limit: newestMax})
	if err != nil {
		return content{}, err
	}
	o.Failures = failures.Failures
	return content{"Overview", o}, nil
}

// queueRows joins queues with the last hour's statistics; those with most to do come first.
func (d *Dashboard) queueRows(ctx context.Context, queues []client.Queue) ([]queueRow, error) {
	stats, err := d.Inspector.Stats(ctx, client.StatsFilter{By: "queue"})
	if err != nil {
		return nil, err
	}
	series := map[string]client.StatsSeries{}
	for _, s := range stats.Series {
		series[s.Queue] = s
	}
	rows := make([]queueRow, len(queues))
	for n, q := range queues {
		s := series[q.Name]
		rows[n] = queueRow{Queue: q, Trend: trend(stats, s, func(c client.StatsCounts) int64 { return c.Started })}
		if s.Totals.Run != nil {
			rows[n].P95 = p95(s.Totals.Run)
		}
	}
	slices.SortStableFunc(rows, func(a, b queueRow) int {
		return cmp.Or(cmp.Compare(b.Backlog, a.Backlog), cmp.Compare(a.Name, b.Name))
	})
	return rows, nil
}
