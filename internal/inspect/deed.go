package inspect

import (
	"math"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// Why an action skips a job.
const (
	skipNotFound = "not_found" // there is no such job
	skipRunning  = "running"   // it runs: cancel it
	skipEnded    = "ended"
	skipPending  = "pending" // it runs by itself
	skipGrouped  = "grouped" // an asynq group holds it
	skipThere    = "there"   // it is in that queue
	skipEdited   = "edited"  // it was retried as an edited copy
	skipDamaged  = "damaged" // its message cannot be read: delete it
)

// What bulk.lua does beside moving a job to a state.
const (
	toDelete = "delete"
	toSignal = "signal"
	toMove   = "move"
)

// deed is what to do with one job.
type deed struct {
	id, from, to string
	old, msg     string // message as read, and the new one
	score        string
	kind         string // type of the job
	side         string // end of the pending list that it is nearer to
}

// sight is a job as an action sees it before it does anything.
type sight struct {
	target
	r      *record // nil when there is no body
	action string  // last action that moved it
}

// decide returns what the action does with the job, or why it skips it.
func (o *order) decide(s *sight, now time.Time) (d deed, skip string) {
	if o.Action == client.ActionExport && (s.r != nil || s.state == jobs.StateArchived) {
		return deed{id: s.id}, ""
	}
	if s.r == nil {
		if o.Action == client.ActionDelete && s.state != "" && s.state != jobs.StateActive {
			return deed{id: s.id, from: string(s.state), to: toDelete}, ""
		}
		return d, skipNotFound
	}
	r := s.r
	d = deed{id: r.id, from: string(r.state), old: r.raw, side: s.side(), score: unixText(now)}
	switch {
	case r.state == jobs.StateActive && o.Action != client.ActionCancel:
		return d, skipRunning
	case r.state != jobs.StateActive && store.KeysOf(r.queue).State(string(r.state)) == "":
		return d, skipGrouped
	case o.Action == client.ActionDelete:
		d.to = toDelete
		return d, ""
	case r.state == jobs.StateActive:
		d.to = toSignal
		return d, ""
	case r.msg == nil:
		return d, skipDamaged
	}
	d.kind = r.msg.Type
	skip = o.change(s, &d, now)
	if d.to != toMove {
		d.msg = string(r.msg.Encode())
	}
	return d, skip
}

// change makes the message of a job that waits or has ended what the action wants.
func (o *order) change(s *sight, d *deed, now time.Time) (skip string) {
	r := s.r
	switch o.Action {
	case client.ActionRetry:
		if r.state == jobs.StatePending {
			return skipPending
		}
		if r.as != "" {
			return skipEdited
		}
		d.to = string(jobs.StatePending)
		r.renew()
	case client.ActionArchive, client.ActionCancel:
		if r.state.Final() {
			return skipEnded
		}
		d.to = string(jobs.StateArchived)
		r.msg.LastFailedAt = now.Unix()
		if o.Action == client.ActionCancel {
			r.msg.Error = textCancelled
		} else if r.msg.Error == "" {
			r.msg.Error = textArchived
		}
	case client.ActionReschedule:
		if r.as != "" {
			return skipEdited
		}
		d.to, d.score = string(jobs.StateScheduled), unixText(o.due)
		if r.state == jobs.StateRetry {
			d.to = string(jobs.StateRetry)
		}
		r.renew()
		if meta, ours, err := r.msg.OwnMeta(); ours && err == nil {
			meta.RunAt = o.due.UnixMicro()
			r.msg.SetMeta(meta)
		}
	case client.ActionMove:
		switch {
		case r.state == jobs.StateCompleted:
			return skipEnded
		case store.QueueOf(r.queue) == o.Queue:
			return skipThere
		}
		d.to = toMove
	}
	return ""
}

// renew gives a job that has ended its attempts again.
func (r *record) renew() {
	if r.state.Final() {
		r.msg.Retried, r.msg.CompletedAt = 0, 0
	}
}

// entered is when the job came into its state, in Unix seconds, or 0 when nothing
// tells.
func (r *record) entered(score float64) float64 {
	switch {
	case r.state == jobs.StateArchived:
		return score
	case r.state == jobs.StateRetry && r.msg != nil:
		return float64(r.msg.LastFailedAt)
	case r.state == jobs.StateScheduled && r.msg != nil:
		return float64(r.msg.Meta().Created) / 1e6
	case r.state == jobs.StateCompleted && r.finished > 0:
		return float64(r.finished) / 1e3
	case r.state == jobs.StatePending || r.state == jobs.StateActive:
		return float64(r.since) / 1e9
	}
	return 0
}

// late reports whether the job came into its state after the action was asked for.
// Some of these times are whole seconds: within the first second, nothing is late.
func (o *order) late(s *sight) bool {
	return s.r != nil && math.Floor(s.r.entered(s.score)) > math.Floor(float64(o.created.UnixMicro())/1e6)
}
