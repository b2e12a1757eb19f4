package inspect

import (
	"fmt"
	"time"

	"legwork/client"
	"legwork/internal/stats"
	"legwork/jobs"
)

// What an answer may have a series for.
const (
	byType  = "type"
	byQueue = "queue"
)

// statsStep is a step that callers may ask for.
type statsStep struct {
	name string
	step time.Duration
	unit time.Duration // what is kept in Redis: minutes or hours
	kept time.Duration
}

func statsSteps() []statsStep {
	return []statsStep{
		{"1m", time.Minute, time.Minute, stats.MinutesKept},
		{"5m", 5 * time.Minute, time.Minute, stats.MinutesKept},
		{"1h", time.Hour, time.Hour, stats.HoursKept},
		{"1d", 24 * time.Hour, time.Hour, stats.HoursKept},
	}
}

// statsPlan is what is to be read: whole steps, of UTC.
type statsPlan struct {
	filter     client.StatsFilter
	from, to   time.Time
	stepName   string
	step, unit time.Duration
}

// planStats checks what is asked for, and chooses what is left open.
func planStats(f client.StatsFilter, now time.Time) (statsPlan, error) {
	if f.By != "" && f.By != byType && f.By != byQueue {
		return statsPlan{}, invalidStats("/by", fmt.Sprintf("is none of %s and %s", byType, byQueue))
	}
	if why := jobs.CheckType(f.Type); f.Type != "" && why != "" {
		return statsPlan{}, invalidStats("/type", why)
	}
	if why := jobs.CheckQueue(f.Queue); f.Queue != "" && why != "" {
		return statsPlan{}, invalidStats("/queue", why)
	}
	if f.To.IsZero() || f.To.After(now) {
		f.To = now
	}
	if f.From.IsZero() {
		f.From = f.To.Add(-statsRangeDefault)
	}
	if !f.From.Before(f.To) {
		return statsPlan{}, invalidStats("/from", "is not before to, or not before now")
	}
	for _, s := range statsSteps() {
		tooEarly := f.From.Before(now.Add(-s.kept - statsLate))
		p := statsPlan{filter: f, stepName: s.name, step: s.step, unit: s.unit}
		p.from, p.to = f.From.UTC().Truncate(s.step), f.To.UTC().Truncate(s.step).Add(s.step)
		if f.To.Equal(f.To.Truncate(s.step)) {
			p.to = f.To.UTC()
		}
		points := int(p.to.Sub(p.from) / s.step)
		last := s.name == "1d"
		switch {
		case f.Step == "" && !last && (tooEarly || points > statsPointsWanted):
		case f.Step != "" && f.Step != s.name:
		case tooEarly:
			return statsPlan{}, tooEarlyFor(s, now)
		case points > statsPointsMax:
			return statsPlan{}, invalidStats("/step", fmt.Sprintf("makes %d steps of the range, and %d is the most; use a larger step or a shorter range", points, statsPointsMax))
		default:
			return p, nil
		}
	}
	return statsPlan{}, invalidStats("/step", "is none of 1m, 5m, 1h and 1d")
}

func tooEarlyFor(s statsStep, now time.Time) error {
	detail := fmt.Sprintf("is before %s: counts for steps of %s are kept for %d hours", now.Add(-s.kept).UTC().Format(time.RFC3339), s.name, int(s.kept.Hours()))
	if s.kept < stats.HoursKept {
		detail += "; steps of 1h and 1d go back further"
	}
	return invalidStats("/from", detail)
}

// key is where the minute or hour at the time is kept.
func (p statsPlan) key(at time.Time) string {
	if p.unit == time.Hour {
		return stats.KeyHour(at.Unix() / 3600)
	}
	return stats.KeyMinute(stats.Minute(at))
}

// nameOf is the name of the answer's series that the counts of a series go to.
func (p statsPlan) nameOf(s stats.Series) string {
	switch p.filter.By {
	case byType:
		return s.Type
	case byQueue:
		return s.Queue
	}
	return ""
}
