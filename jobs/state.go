package jobs

// State is where a job stands. The names are asynq's, so that its own tools
// read the same Redis.
//
//	            +-----------+   due    +---------+  taken  +--------+  ok   +-----------+
//	enqueue --> | scheduled | -------> | pending | ------> | active | ----> | completed |
//	        \   +-----------+          +---------+         +--------+       +-----------+
//	         `-----------------------------^   ^             |    |
//	                                           | due   error |    | retries used up, permanent
//	                                        +-------+        |    |   +----------+
//	                                        | retry | <------'    `-> | archived |
//	                                        +-------+                 +----------+
type State string

// The states a job can be in.
const (
	StateScheduled State = "scheduled" // waits for its run_at
	StatePending   State = "pending"   // waits for a free worker
	StateActive    State = "active"    // a worker runs it
	StateRetry     State = "retry"     // failed, waits for its next attempt
	StateCompleted State = "completed" // done; its result is kept for the job's retention
	StateArchived  State = "archived"  // a dead letter: failed for good, or archived by a person
)

// States lists every state in the order in which lists show them.
func States() []State {
	return []State{StateActive, StatePending, StateScheduled, StateRetry, StateArchived, StateCompleted}
}

// Valid reports whether s is one of [States].
func (s State) Valid() bool {
	switch s {
	case StateScheduled, StatePending, StateActive, StateRetry, StateCompleted, StateArchived:
		return true
	}
	return false
}

// Final reports whether a job in state s has ended: no worker will touch it
// again unless somebody retries it.
func (s State) Final() bool { return s == StateCompleted || s == StateArchived }
