package dashboard

import (
	"encoding/json"
	"time"

	"legwork/client"
)

// chart is a figure with lines over time.
type chart struct {
	Title string
	Lines []line
	Data  string // JSON of a plot
}

// plot is what the script draws: one value of each line per time.
type plot struct {
	Times []int64 `json:"times"` // Unix seconds
	Lines []line  `json:"lines"`
	Unit  string  `json:"unit,omitempty"` // "s", or a plain number
}

type line struct {
	Name   string     `json:"name"`
	Color  string     `json:"color"` // a custom property of the stylesheet
	Fill   bool       `json:"fill,omitempty"`
	Values []*float64 `json:"values"` // null where there is nothing to tell
}

// p95 is the 95th percentile, in seconds.
func p95(q *client.Quantiles) float64 { return time.Duration(q.P95).Seconds() }

// steps are the beginnings of the statistics' steps, and how long each is.
func steps(s *client.Stats) (times []time.Time, size time.Duration) {
	size = map[string]time.Duration{"1m": time.Minute, "5m": 5 * time.Minute, "1h": time.Hour, "1d": 24 * time.Hour}[s.Step]
	if size == 0 {
		return nil, time.Minute
	}
	for at := s.From; at.Before(s.To); at = at.Add(size) {
		times = append(times, at)
	}
	return times, size
}

// spread puts the points of a series into all steps; those without a point are nil.
func spread(s *client.Stats, series client.StatsSeries) []*client.StatsCounts {
	times, size := steps(s)
	out := make([]*client.StatsCounts, len(times))
	for n := range series.Points {
		p := &series.Points[n]
		if at := int(p.At.Sub(s.From) / size); at >= 0 && at < len(out) {
			out[at] = &p.StatsCounts
		}
	}
	return out
}

// trend is one number of each step.
func trend(s *client.Stats, series client.StatsSeries, of func(client.StatsCounts) int64) []int64 {
	counts := spread(s, series)
	out := make([]int64, len(counts))
	for n, c := range counts {
		if c != nil {
			out[n] = of(*c)
		}
	}
	return out
}

// hours is a trend by the hour.
func hours(trend []client.HourCount) []int64 {
	out := make([]int64, len(trend))
	for n, h := range trend {
		out[n] = h.Count
	}
	return out
}

// charts are those of one series: jobs in and out, failures, and how long they waited and ran.
func charts(s *client.Stats) []chart {
	var series client.StatsSeries
	if len(s.Series) > 0 {
		series = s.Series[0]
	}
	counts := spread(s, series)
	times, size := steps(s)
	unix := make([]int64, len(times))
	for n, t := range times {
		unix[n] = t.Unix()
	}
	perSecond := func(of func(client.StatsCounts) int64) []*float64 {
		return values(counts, func(c *client.StatsCounts) *float64 {
			v := 0.0
			if c != nil {
				v = float64(of(*c)) / size.Seconds()
			}
			return &v
		})
	}
	quantile := func(of func(client.StatsCounts) *client.Quantiles) []*float64 {
		return values(counts, func(c *client.StatsCounts) *float64 {
			if c == nil || of(*c) == nil {
				return nil
			}
			v := p95(of(*c))
			return &v
		})
	}
	return []chart{
		newChart("Jobs per second", plot{Times: unix, Lines: []line{
			{"in", "--soft", false, perSecond(func(c client.StatsCounts) int64 { return c.Enqueued })},
			{"succeeded", "--good", true, perSecond(func(c client.StatsCounts) int64 { return c.Succeeded })},
		}}),
		newChart("Failures per second", plot{Times: unix, Lines: []line{
			{"retried", "--warn", false, perSecond(func(c client.StatsCounts) int64 { return c.Retried })},
			{"dead", "--bad", true, perSecond(func(c client.StatsCounts) int64 { return c.Dead })},
		}}),
		newChart("Time, 95th percentile", plot{Unit: "s", Times: unix, Lines: []line{
			{"wait", "--soft", false, quantile(func(c client.StatsCounts) *client.Quantiles { return c.Wait })},
			{"run", "--accent", false, quantile(func(c client.StatsCounts) *client.Quantiles { return c.Run })},
		}}),
	}
}

func values(counts []*client.StatsCounts, of func(*client.StatsCounts) *float64) []*float64 {
	out := make([]*float64, len(counts))
	for n, c := range counts {
		out[n] = of(c)
	}
	return out
}

func newChart(title string, p plot) chart {
	raw, _ := json.Marshal(p) // of numbers and strings
	return chart{title, p.Lines, string(raw)}
}
