package engine

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// holding is a job that this process holds: from the moment when a slot gets it
// until its end is in Redis, or until it is somebody else's.
//
//	handed out --> running --> returned --> ending --> gone
//	                   `--> cancelled --> zombie, if it does not return
//
// All but the first five are guarded by the holdings' mu.
type holding struct {
	id, queue string
	token     int64                   // grows with each take of a job; 0 when asynq's own script took it
	raw       string                  // the message; "" without a token
	journal   atomic.Pointer[journal] // what its run says; nil as long as it says nothing
	pending   int64                   // since when it could have been started, Unix nanoseconds; 0: nobody knows

	kind      string                  // the type of the job; set when its run begins, as the next three are
	attempt   int                     // number of the attempt
	began     time.Time               // of the run
	until     time.Time               // when the handler's context is to end at the latest
	cancel    context.CancelCauseFunc // of the handler's context; nil while none runs
	returned  chan struct{}           // closed when the handler has returned; made when somebody waits
	since     time.Time               // when the job was handed out; then when the handler's context ended, or is to end
	begun     bool                    // its run has begun
	hand      string                  // name of the goroutine that runs it
	ending    bool                    // the acker has it
	cancelled bool                    // the handler's context was ended before its time
	zombie    bool                    // and the handler has not returned for too long
	outcome   outcome                 // what the run left for the acknowledgement
}

// jobKey names a job of any client: asynq's ids are unique within a queue.
type jobKey struct{ queue, id string }

func (j *holding) key() jobKey { return jobKey{j.queue, j.id} }

// holdings are all jobs that this process holds.
type holdings struct {
	mu     sync.Mutex
	byKey  map[jobKey]*holding // guarded by mu
	halted bool                // guarded by mu; contexts are cancelled for a stop
}

func newHoldings() *holdings { return &holdings{byKey: map[jobKey]*holding{}} }

// add notes that the job is handed out. It reports false, and does nothing, while
// an earlier run of the job goes on here.
func (h *holdings) add(j *holding) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if old := h.byKey[j.key()]; old != nil && !old.ending {
		return false
	}
	j.since = time.Now()
	h.byKey[j.key()] = j
	return true
}

// find returns the job, or nil when it is not held.
func (h *holdings) find(queue, id string) *holding {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.byKey[jobKey{queue, id}]
}

// drop forgets the job, unless it has been taken once more since.
func (h *holdings) drop(j *holding) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.byKey[j.key()] == j {
		delete(h.byKey, j.key())
	}
}

// ending notes that the acker has the job. It reports false when it has it already.
func (h *holdings) ending(j *holding) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if j.ending {
		return false
	}
	j.ending = true
	return true
}

// begin notes that the job's handler runs, at most until end. The job is noted,
// too, when asynq's own script took it.
func (h *holdings) begin(r *run, hand string, end time.Time, cancel context.CancelCauseFunc) *holding {
	h.mu.Lock()
	defer h.mu.Unlock()
	j := h.byKey[jobKey{r.queue, r.id}]
	if j == nil {
		j = &holding{id: r.id, queue: r.queue}
		h.byKey[j.key()] = j
	}
	j.kind, j.attempt, j.began, j.until = r.msg.Type, r.attempt, r.began, end
	j.cancel, j.since, j.begun, j.hand = cancel, end, true, hand
	if h.halted {
		j.end(errPoolStopped)
	}
	return j
}

// finish notes that the job's handler has returned now, and what it left. It reports
// whether the handler had been a zombie, and whether somebody has waited for it to
// end its job.
func (h *holdings) finish(j *holding, out outcome, now time.Time) (zombie, awaited bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	zombie, awaited = j.zombie, j.returned != nil
	j.cancel, j.zombie, j.outcome, j.since = nil, false, out, now
	if awaited {
		close(j.returned)
		j.returned = nil
	}
	return zombie, awaited
}

// end cancels the handler's context. The caller holds the holdings' mu.
func (j *holding) end(cause error) {
	if j.cancel == nil || j.cancelled {
		return
	}
	j.cancelled, j.since = true, time.Now()
	j.cancel(cause)
}

// cancel ends the contexts of jobs with the id that run here, and returns the jobs:
// one, but for jobs of foreign clients, whose ids are unique within a queue only.
func (h *holdings) cancel(id string, cause error) []*holding {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*holding
	for key, j := range h.byKey {
		if key.id == id && j.cancel != nil {
			j.end(cause)
			all = append(all, j)
		}
	}
	return all
}

// cancelOne ends the context of the job, if it runs.
func (h *holdings) cancelOne(j *holding, cause error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	j.end(cause)
}

// halt ends the contexts of all running jobs, and of those that still start, and
// returns their number.
func (h *holdings) halt(cause error) int {
	h.mu.Lock()
	h.halted = true
	h.mu.Unlock()
	return h.cancelAll(cause)
}

// cancelAll ends the contexts of all running jobs and returns their number.
func (h *holdings) cancelAll(cause error) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, j := range h.byKey {
		if j.cancel != nil {
			j.end(cause)
			n++
		}
	}
	return n
}

// waitFor returns a channel that is closed once the job's handler has returned,
// or nil when none runs.
func (h *holdings) waitFor(j *holding) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if j.cancel == nil {
		return nil
	}
	if j.returned == nil {
		j.returned = make(chan struct{})
	}
	return j.returned
}

// late lists what ought to have happened before the time given: jobs whose contexts
// ended and whose handlers still run, each once, for they are zombies from now on;
// and jobs that asynq has not begun, or not ended. It also counts all zombies.
func (h *holdings) late(before time.Time) (risen, left []*holding, zombies int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, j := range h.byKey {
		late := j.since.Before(before)
		switch {
		case j.zombie:
			zombies++
		case late && j.cancel != nil:
			j.zombie = true
			zombies++
			risen = append(risen, j)
		case late && !j.ending && j.token != 0 && j.cancel == nil:
			left = append(left, j)
		}
	}
	return risen, left, zombies
}
