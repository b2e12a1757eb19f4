package client

import "time"

// Kinds of [JobEvent].
const (
	EventLog      = "log"      // a line of the job's log
	EventProgress = "progress" // the handler has reported progress
	EventState    = "state"    // the job is in another state, or begins another attempt
	EventEnd      = "end"      // the job has ended, and nothing more will come
)

// StateDeleted is the state that a stream tells of a job that is gone: deleted, or
// completed with a retention of 0s.
const StateDeleted = "deleted"

// JobEvent is one event of a job, as `GET /v1/jobs/{id}/events` sends them. The
// field that its kind names is set.
type JobEvent struct {
	ID       string       `json:"id"` // place to go on after
	Event    string       `json:"event"`
	Log      *LogLine     `json:"log,omitempty"`
	Progress *Progress    `json:"progress,omitempty"`
	State    *StateChange `json:"state,omitempty"`
	End      *JobEnd      `json:"end,omitempty"`
}

// JobEnd tells how a job has ended.
type JobEnd struct {
	Reason string `json:"reason" enum:"completed,archived,deleted" doc:"deleted: by somebody, or by itself when it was completed with a retention of 0s"`
}

// StateChange tells where a job stands now. Changes that follow each other within
// half a second may come as one.
type StateChange struct {
	State      string     `json:"state" enum:"scheduled,pending,active,retry,completed,archived,aggregating,deleted"`
	Attempt    int        `json:"attempt" doc:"Attempts started so far"`
	MaxRetries int        `json:"max_retries"`
	LastError  string     `json:"last_error,omitempty"`
	Discarded  string     `json:"discarded,omitempty" doc:"Why the handler ended the job without a result"`
	NextRunAt  *time.Time `json:"next_run_at,omitempty" doc:"When a scheduled job or the next attempt is due"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
}

// Final reports whether the job has ended: no event follows.
func (s *StateChange) Final() bool {
	return s.State == "completed" || s.State == "archived" || s.State == StateDeleted
}
