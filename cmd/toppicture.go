package cmd

import (
	"cmp"
	"context"
	"slices"
	"time"

	"legwork/client"
)

const (
	// topMinutes is how far back a picture looks.
	topMinutes = 15
	// topFailing is the most failure groups of a picture.
	topFailing = 20
	// topTimeout bounds the reading of a picture, and a turn of a queue.
	topTimeout = 5 * time.Second
)

// topPicture is what `legwork top` shows: the system at one moment and the minutes
// before it.
type topPicture struct {
	At       time.Time             `json:"at"`
	Minutes  int                   `json:"minutes"` // that the counts are of
	Slots    int                   `json:"slots"`
	Active   int                   `json:"active"`
	Enqueued float64               `json:"enqueued_per_second"` // over the last minute, as the next two
	Finished float64               `json:"finished_per_second"` // succeeded or dead
	Failed   float64               `json:"failed_per_second"`   // attempts
	Queues   []topQueue            `json:"queues"`
	Types    []topType             `json:"types"`
	Failing  []client.FailureGroup `json:"failing"` // open and regressed, those that failed last first
	Workers  []client.Worker       `json:"workers"` // those that do not just run first, then the busiest
}

// topQueue is a queue, what happened to its jobs, and how many of them ended in each
// of the minutes, the one under way last.
type topQueue struct {
	client.Queue
	Counts client.StatsCounts `json:"counts"`
	Trend  []int64            `json:"trend"`
}

// topType is what happened to the jobs of a type.
type topType struct {
	Type   string             `json:"type"`
	Counts client.StatsCounts `json:"counts"`
}

// topSource is where pictures come from, and who turns queues.
type topSource interface {
	picture(ctx context.Context) (*topPicture, error)
	turn(ctx context.Context, queue string, pause bool) error
}

// topServer is the source of a real top.
type topServer struct {
	api *client.Client
	at  time.Time // when the last picture was made, by the server's clock; zero before it
}

func (s *topServer) turn(ctx context.Context, queue string, pause bool) error {
	ctx, cancel := context.WithTimeout(ctx, topTimeout)
	defer cancel()
	turn := s.api.Resume
	if pause {
		turn = s.api.Pause
	}
	_, err := turn(ctx, queue)
	return err
}

// picture is called by one goroutine at a time.
func (s *topServer) picture(ctx context.Context) (*topPicture, error) {
	ctx, cancel := context.WithTimeout(ctx, topTimeout)
	defer cancel()
	p, err := s.read(ctx)
	if err != nil {
		s.at = time.Time{} // the outage may last, and the server's clock be set
		return nil, err
	}
	s.at = p.At
	return p, nil
}

func (s *topServer) read(ctx context.Context) (*topPicture, error) {
	if s.at.IsZero() { // the server's clock says what the last minutes are
		stats, err := s.api.Stats(ctx, client.StatsFilter{})
		if err != nil {
			return nil, err
		}
		s.at = stats.Now.At
	}
	filter := client.StatsFilter{By: "queue", Step: "1m", From: s.at.Add(-topMinutes * time.Minute)}
	byQueue, err := s.api.Stats(ctx, filter)
	if err != nil {
		return nil, err
	}
	filter.By = "type"
	byType, err := s.api.Stats(ctx, filter)
	if err != nil {
		return nil, err
	}
	queues, err := s.api.Queues(ctx)
	if err != nil {
		return nil, err
	}
	p := newTopPicture(queues, byQueue, byType)
	workers, err := s.api.Workers(ctx)
	if err != nil {
		return nil, err
	}
	p.add(workers.Workers)
	failures, err := s.api.Failures(ctx, client.FailureFilter{Limit: topFailing})
	if err != nil {
		return nil, err
	}
	for _, g := range failures.Failures {
		if (g.State == "open" || g.State == "regressed") && p.At.Sub(g.LastSeen) <= topMinutes*time.Minute {
			p.Failing = append(p.Failing, g)
		}
	}
	return p, nil
}

func newTopPicture(queues *client.QueueList, byQueue, byType *client.Stats) *topPicture {
	now := byQueue.Now
	p := &topPicture{
		At: now.At, Minutes: topMinutes, Slots: now.Slots, Active: now.Active,
		Queues: []topQueue{}, Types: []topType{}, Failing: []client.FailureGroup{}, Workers: []client.Worker{},
	}
	series := map[string]topQueue{}
	for _, s := range byQueue.Series {
		trend := make([]int64, topMinutes)
		for _, point := range s.Points {
			p.addRates(point)
			if back := int(now.At.Truncate(time.Minute).Sub(point.At) / time.Minute); back >= 0 && back < topMinutes {
				trend[topMinutes-1-back] += point.Succeeded + point.Dead
			}
		}
		series[s.Queue] = topQueue{Counts: s.Totals, Trend: trend}
	}
	for _, q := range queues.Queues {
		row := series[q.Name]
		row.Queue = q
		if row.Trend == nil {
			row.Trend = make([]int64, topMinutes)
		}
		p.Queues = append(p.Queues, row)
	}
	for _, s := range byType.Series {
		p.Types = append(p.Types, topType{s.Type, s.Totals})
	}
	slices.SortStableFunc(p.Types, func(a, b topType) int {
		return cmp.Or(cmp.Compare(b.Counts.Started, a.Counts.Started), cmp.Compare(a.Type, b.Type))
	})
	return p
}

// add takes in the workers.
func (p *topPicture) add(workers []client.Worker) {
	p.Workers = append(p.Workers, workers...)
	slices.SortStableFunc(p.Workers, func(a, b client.Worker) int {
		if usual := client.WorkerRunning; (a.State == usual) != (b.State == usual) {
			return map[bool]int{true: 1, false: -1}[a.State == usual]
		}
		return cmp.Compare(b.Busy, a.Busy)
	})
}

// living is how many workers there are that are not lost.
func (p *topPicture) living() int {
	n := 0
	for _, w := range p.Workers {
		if w.State != client.WorkerLost {
			n++
		}
	}
	return n
}

// addRates takes in a minute of a queue. Of the minute before the one under way counts
// the part that lies in the last sixty seconds.
func (p *topPicture) addRates(point client.StatsPoint) {
	minute := p.At.Truncate(time.Minute)
	share := 0.0
	switch {
	case point.At.Equal(minute):
		share = 1
	case point.At.Equal(minute.Add(-time.Minute)):
		share = 1 - p.At.Sub(minute).Minutes()
	}
	p.Enqueued += share * float64(point.Enqueued) / 60
	p.Finished += share * float64(point.Succeeded+point.Dead) / 60
	p.Failed += share * float64(point.Failed) / 60
}
