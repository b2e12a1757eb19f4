package client

import (
	"context"
	"net/url"
	"time"
)

// StatsFilter says which statistics are wanted. Zero fields take the server's
// defaults.
type StatsFilter struct {
	From  time.Time // defaults to an hour before To
	To    time.Time // defaults to now
	Step  string    // "1m", "5m", "1h" or "1d". Defaults to the finest that suits the range
	Type  string    // only jobs of this type
	Queue string    // only jobs of this queue
	By    string    // "type" or "queue": a series for each. Defaults to one for all
}

// Stats are counts of what happened to jobs, over time.
type Stats struct {
	From   time.Time     `json:"from" doc:"Beginning of the first step"`
	To     time.Time     `json:"to" doc:"End of the last step"`
	Step   string        `json:"step" enum:"1m,5m,1h,1d"`
	Totals StatsCounts   `json:"totals" doc:"Over the whole range and all series"`
	Series []StatsSeries `json:"series" doc:"By name, those that have any counts; one without a name unless by was given"`
	Now    StatsNow      `json:"now"`
}

// StatsSeries are the counts of one type, of one queue, or of all jobs asked for.
type StatsSeries struct {
	Type   string       `json:"type,omitempty"`
	Queue  string       `json:"queue,omitempty"`
	Totals StatsCounts  `json:"totals"`
	Points []StatsPoint `json:"points" doc:"In the order of time; steps in which nothing happened are left out"`
}

// StatsPoint are the counts of one step.
type StatsPoint struct {
	At time.Time `json:"at" doc:"Beginning of the step"`
	StatsCounts
}

// StatsCounts are the numbers of what happened.
type StatsCounts struct {
	Enqueued  int64      `json:"enqueued" doc:"Jobs accepted"`
	Started   int64      `json:"started" doc:"Attempts begun"`
	Succeeded int64      `json:"succeeded" doc:"Attempts that completed their jobs, or discarded them"`
	Failed    int64      `json:"failed" doc:"Attempts that failed: dead and retried"`
	Dead      int64      `json:"dead" doc:"Jobs that became dead letters by a failed attempt"`
	Retried   int64      `json:"retried" doc:"Failed attempts that another one follows"`
	Wait      *Quantiles `json:"wait,omitempty" doc:"From when a job could have been started to when it was"`
	Run       *Quantiles `json:"run,omitempty" doc:"How long attempts ran"`
}

// Quantiles of times: half of them, 95 and 99 of 100 are no longer. They are read
// from a histogram and off by at most 9.1 %; times below 100 us count as that long.
type Quantiles struct {
	P50 Duration `json:"p50"`
	P95 Duration `json:"p95"`
	P99 Duration `json:"p99"`
}

// StatsNow is the state of the system as the answer was made.
type StatsNow struct {
	At      time.Time      `json:"at"`
	Workers int            `json:"workers" doc:"Living worker processes"`
	Slots   int            `json:"slots" doc:"Jobs that they can run at once"`
	Active  int            `json:"active" doc:"Jobs that workers hold"`
	Backlog map[string]int `json:"backlog" doc:"Jobs that could start now, by queue"`
}

// Stats returns statistics. The problem is [CodeInvalidRequest] if the server cannot
// tell what the filter asks for, and says why.
func (c *Client) Stats(ctx context.Context, filter StatsFilter) (*Stats, error) {
	return get[Stats](ctx, c, "/v1/stats", filter.query())
}

func (f StatsFilter) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"step": f.Step, "type": f.Type, "queue": f.Queue, "by": f.By} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for name, at := range map[string]time.Time{"from": f.From, "to": f.To} {
		if !at.IsZero() {
			q.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	return q
}
