package chaos

import (
	"slices"
	"time"
)

const (
	// RecoveryMax is the promise: within it the job of a killed process runs again.
	RecoveryMax = 45 * time.Second
	// patience is the least time that a process may be out of reach before its
	// jobs may run elsewhere. (The engine waits for 28 to 37 s.)
	patience = 25 * time.Second
	// ackWindow is how long after a handler's end the word of it may be on its way
	// to Redis, from a process that can reach it. A kill in that time makes the job
	// run again: at least once.
	ackWindow = 2 * time.Second
	// staleWindow is how long after its thaw a process may still start what it had
	// taken before.
	staleWindow = 2 * time.Second
)

// Report is what became of the jobs of a ledger.
type Report struct {
	Accepted int // jobs that a caller was told are accepted
	Finished int // of these: jobs that a handler did
	Runs     int // starts of handlers

	// Broken promises, by job id.
	Lost     []string // accepted, and never done
	RunAgain []string // done, and started again without an excuse
	Beside   []string // started while it ran in a process that was there
	Early    []string // started before it was due
	Orphaned []string // ran in a killed process, and never again

	// What at-least-once allows, by job id.
	Unaccepted     []string // ran without their caller ever being told of success
	Unacknowledged []string // done, and again: the process was gone or out of reach before Redis knew
	BesideAway     []string // started while they ran in a process long out of reach
	Stale          []string // started by a thawed process after others had been given them
	DoneTwice      []string // done more than once

	Kills    int
	Recovery Spread // kill of a process to the next start of a job it ran
	Unsent   Spread // end of a handler to the kill of its process, of jobs that ran again for that
	Handover Spread // freeze or cut of a process to the next start of a job it ran
	PickUp   Spread // acceptance or due time to the first start
}

// Audit reads a ledger whose run is over.
func Audit(entries []Entry) Report {
	h := newHistory(entries)
	a := &audit{history: h}
	for _, p := range h.processes {
		if !p.killed.IsZero() {
			a.report.Kills++
		}
	}
	for _, j := range h.jobs {
		a.job(j)
	}
	r := a.report
	r.Recovery, r.Handover, r.PickUp, r.Unsent = spread(a.recovery), spread(a.handover), spread(a.pickUp), spread(a.unsent)
	for _, ids := range []*[]string{
		&r.Lost, &r.RunAgain, &r.Beside, &r.Early, &r.Orphaned,
		&r.Unaccepted, &r.Unacknowledged, &r.BesideAway, &r.Stale, &r.DoneTwice,
	} {
		slices.Sort(*ids)
		*ids = slices.Compact(*ids)
	}
	return r
}

type audit struct {
	*history
	report                     Report
	recovery, handover, pickUp []time.Duration
	unsent                     []time.Duration
}

func (a *audit) job(j *record) {
	r := &a.report
	r.Runs += len(j.runs)
	switch {
	case j.accepted.IsZero():
		r.Unaccepted = append(r.Unaccepted, j.id)
	case j.done():
		r.Accepted++
		r.Finished++
	default:
		r.Accepted++
		r.Lost = append(r.Lost, j.id)
	}
	ends := 0
	for i, later := range j.runs {
		a.begin(j, i, later)
		a.outlive(j, i, later)
		if later.finished {
			ends++
		}
	}
	if ends > 1 {
		r.DoneTwice = append(r.DoneTwice, j.id)
	}
}

// begin looks at the start of a run: was it early, beside another one, or after
// the job was done?
func (a *audit) begin(j *record, i int, later *run) {
	r := &a.report
	if later.At.Before(j.due) {
		r.Early = append(r.Early, j.id)
	}
	if i == 0 {
		if from := latest(j.accepted, j.due); !j.accepted.IsZero() {
			a.pickUp = append(a.pickUp, max(0, later.At.Sub(from)))
		}
		return
	}
	beside, away, again, excused := false, false, false, false
	for _, earlier := range j.runs[:i] {
		switch {
		case earlier.runsAt(later.At) && a.process(earlier.PID).absentFor(later.At) >= patience:
			away = true
		case earlier.runsAt(later.At):
			beside = true
		case earlier.finished && a.unacknowledged(j, earlier, later):
			excused = true
			if killed := a.process(earlier.PID).killed; !killed.IsZero() {
				a.unsent = append(a.unsent, killed.Sub(earlier.until))
			}
		case earlier.finished:
			again = true
		}
	}
	if (beside || again || away || excused) && a.process(later.PID).thawedWithin(staleWindow, later.At) {
		r.Stale = append(r.Stale, j.id)
		return
	}
	if beside {
		r.Beside = append(r.Beside, j.id)
	}
	if again {
		r.RunAgain = append(r.RunAgain, j.id)
	}
	if away && !beside {
		r.BesideAway = append(r.BesideAway, j.id)
	}
	if excused && !again {
		r.Unacknowledged = append(r.Unacknowledged, j.id)
	}
}

// unacknowledged reports whether Redis may not have known, when the later run
// started, that the earlier one had done the job.
func (a *audit) unacknowledged(j *record, earlier, later *run) bool {
	if !j.acked.IsZero() && !j.acked.After(later.At) {
		return false
	}
	p := a.process(earlier.PID)
	return p.lostBetween(earlier.until, earlier.until.Add(ackWindow)) ||
		p.absentFor(later.At) >= patience && p.absentFor(later.At) >= later.At.Sub(earlier.until)-ackWindow
}

// outlive measures how long the job waited when the run's process was killed or
// went out of reach.
func (a *audit) outlive(j *record, i int, r *run) {
	p := a.process(r.PID)
	next := func(after time.Time) *run {
		for _, n := range j.runs[i+1:] {
			if n.PID != r.PID && !n.At.Before(after) {
				return n
			}
		}
		return nil
	}
	if !p.killed.IsZero() && r.until.Equal(p.killed) && !r.finished {
		if n := next(p.killed); n != nil {
			a.recovery = append(a.recovery, n.At.Sub(p.killed))
		} else if !slices.ContainsFunc(j.runs, func(o *run) bool { return o.finished }) {
			a.report.Orphaned = append(a.report.Orphaned, j.id)
		}
	}
	for _, absent := range p.absences {
		if n := next(absent.from); r.runsAt(absent.from) && n != nil && p.absentFor(n.At) > 0 {
			a.handover = append(a.handover, n.At.Sub(absent.from))
		}
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
