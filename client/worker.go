package client

import (
	"context"
	"time"
)

// States of a [Worker].
const (
	WorkerRunning  = "running"
	WorkerQuiet    = "quiet"
	WorkerStopping = "stopping"
	WorkerLost     = "lost"
)

// Worker is a process that runs jobs.
type Worker struct {
	ID            string       `json:"id"`
	State         string       `json:"state" enum:"running,quiet,stopping,lost" doc:"quiet: takes no jobs, and finishes those it has. stopping: the same, and ends then. lost: it gives no sign of life, and others will be given the jobs that it holds"`
	Asked         string       `json:"asked,omitempty" enum:"quiet,resume" doc:"What it was asked for and has not confirmed yet"`
	Host          string       `json:"host,omitempty"`
	PID           int          `json:"pid,omitempty"`
	Version       string       `json:"version,omitempty" doc:"Of the program"`
	Roles         []string     `json:"roles,omitempty" doc:"What the process does besides"`
	StartedAt     *time.Time   `json:"started_at,omitempty"`
	LastHeartbeat *time.Time   `json:"last_heartbeat,omitempty" doc:"Its last sign of life, by its own clock"`
	Slots         int          `json:"slots" doc:"How many jobs it can run at once"`
	Busy          int          `json:"busy" doc:"How many it runs, as told within the last second or two"`
	Held          int          `json:"held,omitempty" doc:"Jobs that a lost process still holds; at least so many"`
	Zombies       int          `json:"zombies" doc:"Handlers that ignore their cancelled contexts"`
	Pools         []Pool       `json:"pools"`
	Running       []RunningJob `json:"running" doc:"What it runs, the longest-running first: at most 20 jobs in a list of workers, 200 of one worker"`
	Types         []string     `json:"types" doc:"Job types that it has handlers for"`
	// UnknownScripts is not 0 when the program was built with another version of
	// asynq than Legwork is made for.
	UnknownScripts int64 `json:"unknown_scripts,omitempty" doc:"Scripts of asynq that the process has run and does not know"`
}

// Pool is the slots of a worker for some queues.
type Pool struct {
	Name           string         `json:"name"`
	Queues         map[string]int `json:"queues" doc:"Weight by name"`
	StrictPriority bool           `json:"strict_priority,omitempty" doc:"A queue is served only while those of greater weight are empty"`
	Concurrency    int            `json:"concurrency"`
	Busy           int            `json:"busy"`
	Types          map[string]int `json:"types,omitempty" doc:"How many jobs of each type run"`
}

// RunningJob is a job that a worker runs.
type RunningJob struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Queue     string    `json:"queue"`
	Attempt   int       `json:"attempt"`
	StartedAt time.Time `json:"started_at"`
	EndsAt    time.Time `json:"ends_at" doc:"When its timeout or deadline ends the attempt"`
	Cancelled bool      `json:"cancelled,omitempty" doc:"Its context has ended"`
	Zombie    bool      `json:"zombie,omitempty" doc:"Its handler ignores that, and goes on"`
}

// WorkerList holds every worker, the one that started first first.
type WorkerList struct {
	Workers []Worker `json:"workers"`
}

// Cancel is the wish to end a running job.
type Cancel struct {
	AskedAt        time.Time  `json:"asked_at"`
	AcknowledgedAt *time.Time `json:"acknowledged_at,omitempty" doc:"When the worker ended the handler's context"`
	Worker         string     `json:"worker,omitempty" doc:"The worker that did"`
}

// Workers returns every process that runs jobs, and what it runs.
func (c *Client) Workers(ctx context.Context) (*WorkerList, error) {
	return get[WorkerList](ctx, c, "/v1/workers", nil)
}

// Worker returns one worker; the problem is [CodeNotFound] if there is none.
func (c *Client) Worker(ctx context.Context, id string) (*Worker, error) {
	part, err := segment("worker id", id)
	if err != nil {
		return nil, err
	}
	return get[Worker](ctx, c, "/v1/workers/"+part, nil)
}

// Quiet makes a worker take no more jobs; those that it runs go on. When the worker's
// Asked is not empty, it has not confirmed that yet, and will once it can be reached.
// Quieting a quiet worker is no error. The problem is [CodeConflict] if the worker is
// lost or stops.
func (c *Client) Quiet(ctx context.Context, id string) (*Worker, error) {
	return c.wish(ctx, id, "quiet")
}

// Unquiet lets a quiet worker take jobs again. As [Client.Quiet] otherwise.
func (c *Client) Unquiet(ctx context.Context, id string) (*Worker, error) {
	return c.wish(ctx, id, "resume")
}

func (c *Client) wish(ctx context.Context, id, what string) (*Worker, error) {
	part, err := segment("worker id", id)
	if err != nil {
		return nil, err
	}
	return post[Worker](ctx, c, "/v1/workers/"+part+"/"+what)
}
