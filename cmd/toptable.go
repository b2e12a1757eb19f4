package cmd

import (
	"fmt"
	"time"

	"github.com/charmbracelet/lipgloss"

	"legwork/client"
)

// quantileColumns are those of a time. They are left out together.
func quantileColumns(name string, rank int) []column {
	return []column{
		{title: name + " p50", full: name + " P50", width: 8, rank: rank},
		{title: "p95", full: name + " P95", width: 6, rank: rank}, {title: "p99", full: name + " P99", width: 6, rank: rank},
	}
}

// queueGrid is the table of the queues.
func queueGrid(queues []topQueue) grid {
	columns := []column{
		{title: "QUEUE", left: true},
		{title: "BACKLOG", width: 7, rank: 0}, {title: "AGE", width: 4, rank: 1}, {title: "IN/S", width: 5, rank: 3}, {title: "OUT/S", width: 5, rank: 2},
		{title: "DRAIN", width: 5, rank: 3}, {title: "ACTIVE", width: 6, rank: 4}, {title: "RETRY", width: 5, rank: 5}, {title: "DEAD", width: 5, rank: 2},
	}
	columns = append(columns, quantileColumns("WAIT", 6)...)
	columns = append(columns, quantileColumns("RUN", 7)...)
	g := grid{columns: append(columns, column{title: "TREND", width: topMinutes, left: true, rank: 8})}
	for _, q := range queues {
		count := func(state string) string { return amount(float64(q.States[state])) }
		row := []string{
			queueName(q), amount(float64(q.Backlog)), oldest(&q.Queue), amount(q.Arrivals), amount(q.Throughput), drain(&q.Queue),
			count("active"), count("retry"), count("archived"),
		}
		row = append(append(row, quantiles(q.Counts.Wait)...), quantiles(q.Counts.Run)...)
		g.add(append(row, bars(q.Trend)))
	}
	return g
}

// queueDead is the place of the dead letters in the table of the queues.
const queueDead = 8

// queueName is the name, and what is unusual about the queue.
func queueName(q topQueue) string {
	switch {
	case q.Paused:
		return q.Name + " (paused)"
	case q.Weight == 0:
		return q.Name + " (unserved)"
	}
	return q.Name
}

// typeGrid is the table of the types.
func typeGrid(types []topType) grid {
	columns := []column{
		{title: "TYPE", left: true},
		{title: "STARTED", width: 7, rank: 3}, {title: "FAILED", width: 6, rank: 1}, {title: "DEAD", width: 5, rank: 4},
	}
	columns = append(columns, quantileColumns("WAIT", 2)...)
	g := grid{columns: append(columns, quantileColumns("RUN", 0)...)}
	for _, t := range types {
		c := t.Counts
		row := []string{t.Type, amount(float64(c.Started)), amount(float64(c.Failed)), amount(float64(c.Dead))}
		g.add(append(append(row, quantiles(c.Wait)...), quantiles(c.Run)...))
	}
	return g
}

// typeFailed is the place of the failures in the table of the types.
const typeFailed = 2

// failingGrid is the table of what fails.
func failingGrid(groups []client.FailureGroup, now time.Time) grid {
	g := grid{columns: []column{
		{title: "FAILING", left: true},
		{title: "STATE", width: 9, left: true, rank: 4}, {title: "COUNT", width: 5, rank: 0}, {title: "DEAD", width: 5, rank: 1}, {title: "LAST", width: 7, rank: 2},
		{title: "FINGERPRINT", width: 16, left: true, rank: 3},
	}}
	for _, f := range groups {
		g.add([]string{
			short(clean(f.Type+": "+f.Message), 100), f.State, amount(float64(f.Count)), amount(float64(f.Dead)), ago(now, f.LastSeen), f.Fingerprint,
		})
	}
	return g
}

// workerGrid is the table of the workers.
func workerGrid(workers []client.Worker, now time.Time) grid {
	g := grid{columns: []column{
		{title: "WORKER", left: true},
		{title: "STATE", width: 8, left: true, rank: 1}, {title: "BUSY", width: 9, rank: 0}, {title: "HEARD", width: 7, rank: 3}, {title: "VERSION", width: 12, left: true, rank: 4},
		{title: "RUNS LONGEST", width: 28, left: true, rank: 2},
	}}
	for _, w := range workers {
		name, longest := w.ID, ""
		if w.Host != "" {
			name = fmt.Sprintf("%s:%d", w.Host, w.PID)
		}
		if len(w.Running) > 0 {
			longest = runs(&client.Worker{Running: w.Running[:1]}, now)
		}
		g.add([]string{name, w.State, busyOf(&w), agoIf(now, w.LastHeartbeat), w.Version, longest})
	}
	return g
}

// add adds a row, made fit for a terminal. The first column is as wide as its widest cell.
func (g *grid) add(row []string) {
	for i, cell := range row {
		row[i] = clean(cell)
	}
	g.rows = append(g.rows, row)
	g.columns[0].width = max(g.columns[0].width, len(g.columns[0].title), lipgloss.Width(row[0]))
}
