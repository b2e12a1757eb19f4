package client

import (
	"encoding/json"
	"time"
)

// Enqueue is one job to accept: the body of POST /v1/jobs and one item of a
// batch. Only Type is required; unset fields take the type's defaults.
type Enqueue struct {
	Type       string            `json:"type" doc:"Job type, as listed by /v1/types" example:"image.thumbnail"`
	Payload    json.RawMessage   `json:"payload,omitempty" doc:"JSON that matches the type's schema; {} when left out"`
	Queue      string            `json:"queue,omitempty" doc:"Queue to wait in; the type's queue when left out"`
	ID         string            `json:"id,omitempty" doc:"Id of your choosing, unique over all queues; a UUIDv7 when left out"`
	RunAt      *time.Time        `json:"run_at,omitempty" doc:"Earliest start, RFC 3339; not together with delay"`
	Delay      *Duration         `json:"delay,omitempty" doc:"Earliest start from now on, such as 90s; not together with run_at"`
	MaxRetries *int              `json:"max_retries,omitempty" doc:"How often a failed job is tried again"`
	Timeout    *Duration         `json:"timeout,omitempty" doc:"Bound of one attempt, at least 1s"`
	Deadline   *time.Time        `json:"deadline,omitempty" doc:"No attempt runs beyond this time"`
	Retention  *Duration         `json:"retention,omitempty" doc:"How long the completed job is kept; 0s deletes it at once"`
	Headers    map[string]string `json:"headers,omitempty" doc:"Context for the handler, such as a trace id"`
	Tags       []string          `json:"tags,omitempty" doc:"Words to find the job by"`
}

// Job is a job as the API shows it.
type Job struct {
	ID          string            `json:"id"`
	Type        string            `json:"type"`
	Queue       string            `json:"queue"`
	State       string            `json:"state" enum:"scheduled,pending,active,retry,completed,archived,aggregating"`
	CreatedAt   time.Time         `json:"created_at"`
	RunAt       time.Time         `json:"run_at" doc:"Earliest start that was asked for; created_at when none was"`
	Attempt     int               `json:"attempt" doc:"Attempts started so far; 0 before the first"`
	MaxRetries  int               `json:"max_retries"`
	Timeout     Duration          `json:"timeout"`
	Deadline    *time.Time        `json:"deadline,omitempty"`
	Retention   Duration          `json:"retention"`
	Payload     json.RawMessage   `json:"payload"`
	Result      json.RawMessage   `json:"result,omitempty"`
	Discarded   string            `json:"discarded,omitempty" doc:"Why the handler ended the job without a result"`
	LastError   string            `json:"last_error,omitempty"`
	Progress    *Progress         `json:"progress,omitempty" doc:"What the handler last reported"`
	Missing     bool              `json:"missing,omitempty" doc:"Only the id is left, in the list of its state; the job itself is gone. Only in lists"`
	Tags        []string          `json:"tags,omitempty"`
	Headers     map[string]string `json:"headers,omitempty"`
	NextRunAt   *time.Time        `json:"next_run_at,omitempty" doc:"When a scheduled job or the next attempt is due"`
	FinishedAt  *time.Time        `json:"finished_at,omitempty" doc:"When the job was completed or archived"`
	Cancel      *Cancel           `json:"cancel,omitempty" doc:"While the job runs and somebody wants it cancelled"`
	RetriedFrom string            `json:"retried_from,omitempty" doc:"Id of the job that this one is an edited copy of"`
	RetriedAs   string            `json:"retried_as,omitempty" doc:"Id of the edited copy of this job that runs, or ran, in its place"`

	Attempts       []Attempt `json:"attempts,omitempty" doc:"Failed attempts, the oldest first: the last 50. Only where one job is asked for"`
	FailedAttempts int       `json:"failed_attempts,omitempty" doc:"How many attempts ever failed. Only where one job is asked for"`
}

// Final reports whether the job has ended.
func (j *Job) Final() bool { return j.State == "completed" || j.State == "archived" }

// JobList is a page of jobs. NextCursor is empty on the last page.
type JobList struct {
	Jobs       []Job   `json:"jobs"`
	NextCursor string  `json:"next_cursor,omitempty"`
	Looked     Looked  `json:"looked" doc:"How far the page has looked"`
	Faults     []Fault `json:"faults,omitempty" doc:"What of the list could not be read; the rest is there"`
}

// Looked says how far one page of a list has looked.
type Looked struct {
	Jobs     int        `json:"jobs" doc:"Jobs looked at for this page, whether they are in it or not"`
	Complete bool       `json:"complete" doc:"The list ends with this page. Otherwise go on with next_cursor, also when the page is short or empty"`
	Until    *time.Time `json:"until,omitempty" doc:"Time of the last job looked at, of the kind that since and until bound, when the list goes on"`
}

// Fault is a part of a list that could not be read.
type Fault struct {
	Queue  string `json:"queue"`
	State  string `json:"state"`
	Code   string `json:"code"`
	Detail string `json:"detail" doc:"What is wrong, and what to do"`
}

// Batch is the body of POST /v1/jobs/batch: at most 10,000 jobs.
type Batch struct {
	Jobs []Enqueue `json:"jobs"`
}

// BatchResult answers a batch, item by item; good items are enqueued whatever
// becomes of the others.
type BatchResult struct {
	Enqueued int         `json:"enqueued"`
	Rejected int         `json:"rejected"`
	Results  []BatchItem `json:"results"`
}

// BatchItem is the outcome of one job of a batch. Status is the HTTP status
// that the job alone would have got.
type BatchItem struct {
	Index  int      `json:"index"`
	ID     string   `json:"id,omitempty"`
	Status int      `json:"status"`
	Error  *Problem `json:"error,omitempty"`
}
