package chaos

import (
	"slices"
	"time"
)

// run is one start of a handler and what became of it.
type run struct {
	Entry              // the start
	until    time.Time // when the handler or its process ended; zero while it runs
	finished bool      // the handler did its work
}

// record is the life of one job.
type record struct {
	id       string
	accepted time.Time // zero if no caller was told so
	due      time.Time
	acked    time.Time // when Redis was first seen to hold it as completed
	runs     []*run    // by start
}

// absence is a time in which a process could not reach Redis.
type absence struct {
	from, to time.Time // to is zero while it lasts
	frozen   bool
}

// process is the life of one worker process.
type process struct {
	killed   time.Time
	absences []absence
}

// history is a ledger put in order.
type history struct {
	jobs      map[string]*record
	processes map[int]*process
}

func newHistory(entries []Entry) *history {
	h := &history{jobs: map[string]*record{}, processes: map[int]*process{}}
	entries = slices.Clone(entries)
	slices.SortStableFunc(entries, func(a, b Entry) int { return a.At.Compare(b.At) })
	for _, e := range entries {
		if e.Job == "" {
			h.process(e.PID).note(e)
		} else {
			h.job(e.Job).note(e)
		}
	}
	for _, j := range h.jobs {
		for _, r := range j.runs {
			if r.until.IsZero() {
				r.until = h.process(r.PID).killed
			}
		}
	}
	return h
}

func (h *history) job(id string) *record {
	if h.jobs[id] == nil {
		h.jobs[id] = &record{id: id}
	}
	return h.jobs[id]
}

func (h *history) process(pid int) *process {
	if h.processes[pid] == nil {
		h.processes[pid] = &process{}
	}
	return h.processes[pid]
}

func (p *process) note(e Entry) {
	switch e.Kind {
	case Killed:
		p.killed = e.At
	case Frozen, Cut:
		p.absences = append(p.absences, absence{from: e.At, frozen: e.Kind == Frozen})
	case Thawed, Healed:
		if n := len(p.absences); n > 0 {
			p.absences[n-1].to = e.At
		}
	}
}

func (j *record) note(e Entry) {
	switch e.Kind {
	case Accepted:
		j.accepted, j.due = e.At, e.Due
	case Start:
		j.runs = append(j.runs, &run{Entry: e})
	case Acknowledged:
		if j.acked.IsZero() {
			j.acked = e.At
		}
	case End, Failed, Stopped:
		for _, r := range j.runs {
			if r.PID == e.PID && r.Run == e.Run {
				r.until, r.finished = e.At, e.Kind == End
			}
		}
	}
}

// runsAt reports whether the handler runs at that time.
func (r *run) runsAt(at time.Time) bool {
	return !r.At.After(at) && (r.until.IsZero() || r.until.After(at))
}

// done reports whether a run of the job has finished.
func (j *record) done() bool {
	return slices.ContainsFunc(j.runs, func(r *run) bool { return r.finished })
}

// absentFor is how long the process has been away at that time; 0 when it is
// there.
func (p *process) absentFor(at time.Time) time.Duration {
	for _, a := range p.absences {
		if !a.from.After(at) && (a.to.IsZero() || a.to.After(at)) {
			return at.Sub(a.from)
		}
	}
	return 0
}

// thawedWithin reports whether the process was frozen until at most d before.
func (p *process) thawedWithin(d time.Duration, before time.Time) bool {
	return slices.ContainsFunc(p.absences, func(a absence) bool {
		return a.frozen && !a.to.IsZero() && !a.to.After(before) && before.Sub(a.to) <= d
	})
}

// freezeSlack is how soon after the signal a process stands still.
const freezeSlack = 100 * time.Millisecond

// lostBetween reports whether the process was killed or frozen in that time.
func (p *process) lostBetween(from, to time.Time) bool {
	in := func(at time.Time) bool { return !at.Before(from) && !at.After(to) }
	return !p.killed.IsZero() && in(p.killed) ||
		slices.ContainsFunc(p.absences, func(a absence) bool { return a.frozen && in(a.from.Add(freezeSlack)) })
}
