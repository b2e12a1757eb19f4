package engine

import (
	"strconv"
	"time"

	"legwork/internal/store"
	"legwork/jobs"
)

// ownEnding words the end of a job that has run, from what the run left, for when
// asynq sends no acknowledgement: it takes its lease for over. Whether the job is
// still this process's is not asynq's to say: its token does.
func (w *Worker) ownEnding(j *holding) *ending {
	out, now := j.outcome, time.Now()
	e := &ending{holding: j, due: "0", value: ""}
	msg, err := store.Decode([]byte(j.raw))
	switch {
	case err != nil, out.ending == endRequeue:
		e.to = jobs.StatePending
		return e
	case out.ending == endSnooze:
		e.to, e.due = jobs.StateScheduled, unixFraction(out.due)
		return e
	case out.failure == nil:
		e.to, e.until = jobs.StateCompleted, "0"
		e.field, e.value = out.stored()
		msg.CompletedAt = now.Unix()
		if msg.Retention > 0 {
			e.until = strconv.FormatInt(now.Unix()+msg.Retention, 10)
		}
	case out.failure.tell != nil, msg.Retried >= msg.Retry:
		e.to, e.due = jobs.StateArchived, unixFraction(now)
		e.kind, e.failed = msg.Type, out.failed
		msg.Error, msg.LastFailedAt = out.failure.text, now.Unix()
	default:
		e.to, e.due = jobs.StateRetry, unixFraction(out.due)
		e.kind, e.failed = msg.Type, out.failed
		msg.Error, msg.LastFailedAt = out.failure.text, now.Unix()
		msg.Retried++
		e.then = func() { w.hub.forwarder.expect(j.queue, setRetry, out.due) }
	}
	e.message, e.lock = msg.Encode(), msg.UniqueKey
	if out.waiter != "" && e.then == nil {
		e.then = func() { w.tell(out.waiter, j.id) }
	}
	return e
}
