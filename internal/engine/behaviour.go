package engine

import "slices"

// Behaviour is one of the things that Legwork does otherwise than asynq. Each can
// be left to asynq as it is, which tells a fault of Legwork's from one of asynq's.
type Behaviour string

// The behaviours.
const (
	// Dequeue takes jobs many at a time when somebody says that there are any.
	// Plain: one at a time, asking about once a second while a queue is empty. Jobs
	// are then held without a token, so that Acknowledge and Reap are plain, too,
	// and jobs.Once is refused.
	Dequeue Behaviour = "dequeue"
	// Forward makes due jobs pending on time, to the microsecond. Plain: every
	// five seconds, times cut to the second.
	Forward Behaviour = "forward"
	// Acknowledge ends jobs many at a time, under their tokens, until Redis has it.
	// Plain: one at a time and once; results are not stored.
	Acknowledge Behaviour = "acknowledge"
	// Archive keeps every dead letter. Plain, and with Acknowledge plain: 9,999 per
	// queue for 90 days.
	Archive Behaviour = "archive"
	// Reap gives jobs of dead processes to others. Plain: asynq's recoverer does,
	// after the end of their leases.
	Reap Behaviour = "reap"
	// Timeouts are kept by the handler's context alone. Plain: asynq also gives up a
	// job two seconds after its timeout, and may run it beside the old handler.
	Timeouts Behaviour = "timeouts"
)

// Behaviours returns all of them.
func Behaviours() []Behaviour {
	return []Behaviour{Dequeue, Forward, Acknowledge, Archive, Reap, Timeouts}
}

// plain reports whether the behaviour is left to asynq.
func (w *Worker) plain(b Behaviour) bool { return slices.Contains(w.Plain, b) }
