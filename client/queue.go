package client

import "encoding/json"

// Queue is a named lane and what waits in it.
type Queue struct {
	Name             string         `json:"name"`
	Paused           bool           `json:"paused"`
	Weight           int            `json:"weight" doc:"Share of the workers' attention; 0 when no living worker serves the queue"`
	States           map[string]int `json:"states" doc:"Number of jobs by state"`
	OldestPendingAge Duration       `json:"oldest_pending_age" doc:"How long the job next in line has been waiting"`
	Backlog          int            `json:"backlog" doc:"Jobs that could start now: pending, and scheduled or retry ones that are due"`
	Throughput       float64        `json:"throughput" doc:"Jobs per second that succeeded or became dead letters, over the last 5 minutes"`
	Arrivals         float64        `json:"arrivals" doc:"Jobs per second that were enqueued, over the last 5 minutes"`
	DrainTime        *Duration      `json:"drain_time" nullable:"true" doc:"When the backlog will be worked off, if jobs go on to come in and to end as in the last minute; null when it does not shrink"`
	DrainReason      string         `json:"drain_reason,omitempty" doc:"Why there is no drain_time"`
	ProcessedTotal   int64          `json:"processed_total" doc:"Attempts that ended, since the queue exists"`
	FailedTotal      int64          `json:"failed_total" doc:"Attempts that failed, since the queue exists"`
}

// QueueList holds every queue, by name.
type QueueList struct {
	Queues []Queue `json:"queues"`
}

// Type is a job type of the catalog.
type Type struct {
	Name         string            `json:"name"`
	Summary      string            `json:"summary,omitempty"`
	Version      string            `json:"version" doc:"Changes when the payload schema changes"`
	Queue        string            `json:"queue"`
	MaxRetries   int               `json:"max_retries"`
	Timeout      Duration          `json:"timeout"`
	Retention    Duration          `json:"retention"`
	Backoff      Backoff           `json:"backoff"`
	Schema       json.RawMessage   `json:"schema" doc:"JSON Schema 2020-12 of the payload"`
	ResultSchema json.RawMessage   `json:"result_schema,omitempty"`
	Examples     []json.RawMessage `json:"examples,omitempty"`
	Workers      int               `json:"workers" doc:"Living worker processes that run this type"`
}

// Backoff is how a type spaces its attempts.
type Backoff struct {
	Initial Duration `json:"initial"`
	Max     Duration `json:"max"`
	Factor  float64  `json:"factor"`
	Jitter  float64  `json:"jitter"`
}

// TypeList holds every type, by name.
type TypeList struct {
	Types []Type `json:"types"`
}

// Health answers /healthz and /readyz.
type Health struct {
	Status string            `json:"status" enum:"ok,unavailable"`
	Checks map[string]string `json:"checks,omitempty"`
}
