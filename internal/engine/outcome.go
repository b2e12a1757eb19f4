package engine

import (
	"encoding/json"
	"time"

	"legwork/internal/store"
)

// endKind is how a run ends, when asynq's own way of ending it is not what
// Legwork wants.
type endKind int

const (
	endAsAsked endKind = iota // as asynq's script says: complete, retry or archive
	endSnooze                 // back to the scheduled set, no attempt used
	endRequeue                // back to the front of the queue, no attempt used
)

// outcome is what a finished run left for its acknowledgement.
type outcome struct {
	ending  endKind
	due     time.Time       // when the job may run again, after a snooze or a failure
	result  json.RawMessage // of a completed job
	discard string          // reason given to jobs.Discard
	waiter  string          // process to tell that the job has ended
	failure *verdictError   // of a failed run
	failed  *failed         // likewise
	tallied tallied         // what to count its end by
}

// stored returns what to keep of a completed job: its result, the reason why it
// was discarded, or nothing.
func (o outcome) stored() (field string, value any) {
	switch {
	case o.discard != "":
		return store.FieldDiscarded, o.discard
	case o.result != nil:
		return store.FieldResult, []byte(o.result)
	}
	return "", ""
}
