package engine

import (
	"encoding/json"
	"sync"
	"time"
)

// ending is how a run ends, when asynq's own way of ending it is not what
// Legwork wants.
type ending int

const (
	endAsAsked ending = iota // as asynq's script says: complete, retry or archive
	endSnooze                // back to the scheduled set, no attempt used
	endRequeue               // back to the front of the queue, no attempt used
)

// outcome is what a finished run left for the seam, which writes it together
// with asynq's acknowledgement.
type outcome struct {
	ending  ending
	due     time.Time       // when the job may run again, after a snooze or a failure
	result  json.RawMessage // of a completed job
	discard string          // reason given to jobs.Discard
	waiter  string          // process to tell that the job has ended
}

// outcomes holds the outcome of each run between its handler's return and its
// acknowledgement.
type outcomes struct {
	mu   sync.Mutex
	byID map[string]outcome // guarded by mu
}

func newOutcomes() *outcomes { return &outcomes{byID: map[string]outcome{}} }

func (o *outcomes) put(id string, out outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.byID[id] = out
}

// take returns the outcome of the job and forgets it. A job that asynq ended
// without a run of ours (an expired lease) has the zero outcome.
func (o *outcomes) take(id string) outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	out := o.byID[id]
	delete(o.byID, id)
	return out
}
