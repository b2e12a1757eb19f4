package client

import (
	"context"
	"time"
)

// Codes of a [Reason]: why a job is not running, or that it is.
const (
	WhyQueuePaused  = "queue_paused"         // somebody has paused its queue
	WhyNoWorker     = "no_worker"            // no living worker serves its queue
	WhyWorkersQuiet = "workers_quiet"        // those that serve it take no jobs
	WhyNoHandler    = "no_handler"           // those that serve it have no handler for its type
	WhyOutranked    = "outranked"            // their slots go to queues of strictly higher priority first
	WhyBehind       = "behind"               // other jobs of its queue come first
	WhySlotsBusy    = "slots_busy"           // all slots that serve its queue run other jobs
	WhyReady        = "ready"                // nothing keeps it; a worker is about to take it
	WhyWaitsUntil   = "waits_until"          // it is scheduled, or waits for its next attempt
	WhyDueNotMoved  = "due_not_moved"        // its time has come, and nobody makes it pending
	WhyDeadline     = "deadline_passed"      // it will end without running
	WhyGroupHeld    = "group_held"           // an asynq server gathers it into a group
	WhyMoving       = "moving"               // an action is bringing it to another queue
	WhyRunning      = "running"              // a worker runs it
	WhyTaken        = "taken"                // a worker has it and is about to start it
	WhyWorkerLost   = "worker_lost"          // the worker that has it gives no sign of life
	WhyRedisFull    = "redis_full"           // Redis is over its maxmemory
	WhyRedisRefuses = "redis_refuses_writes" // Redis is a replica, cannot save, has too few replicas, ...
	WhyWrongType    = "wrong_type"           // something else stands under a key that its queue needs
	WhyGhost        = "ghost"                // only its id is left
	WhyDamaged      = "damaged"              // it is stored, and cannot be read
	WhyMisplaced    = "misplaced"            // it is in no list, so that nobody finds it
	WhyEndCompleted = "ended_completed"      // it is done
	WhyEndArchived  = "ended_archived"       // it is a dead letter
	WhyLimited      = "limited"              // reserved: a limit of its type or queue holds it
	WhyOrdering     = "ordering"             // reserved: the job before it, of the same ordering key, has not ended
)

// Why says why a job is not running, or that it is, as of one moment.
type Why struct {
	ID      string    `json:"id"`
	Type    string    `json:"type,omitempty" doc:"Left out when the job cannot be read"`
	Queue   string    `json:"queue"`
	State   string    `json:"state"`
	Code    string    `json:"code" doc:"Code of the main reason, for programs"`
	Message string    `json:"message" doc:"The main reason, for people"`
	Reasons []Reason  `json:"reasons" doc:"The main reason, then every other that holds as well"`
	At      time.Time `json:"at" doc:"When this was looked at"`
}

// Reason is one thing that keeps a job from running, or tells what becomes of it. Its
// code decides which of the fields after Remedy are set.
type Reason struct {
	Code    string     `json:"code" enum:"queue_paused,no_worker,workers_quiet,no_handler,outranked,behind,slots_busy,ready,waits_until,due_not_moved,deadline_passed,group_held,moving,running,taken,worker_lost,redis_full,redis_refuses_writes,wrong_type,ghost,damaged,misplaced,ended_completed,ended_archived,limited,ordering" doc:"limited and ordering are reserved"`
	Message string     `json:"message" doc:"A sentence for people"`
	Remedy  string     `json:"remedy,omitempty" doc:"What to do about it, where something can be done"`
	Since   *time.Time `json:"since,omitempty" doc:"queue_paused, running, ended_completed, ended_archived: since when"`
	Until   *time.Time `json:"until,omitempty" doc:"waits_until, due_not_moved, deadline_passed: the time in question; running: when its timeout or deadline ends the attempt"`
	Ahead   *int       `json:"ahead,omitempty" doc:"behind: jobs that are taken before it; outranked: pending jobs of higher priority"`
	AtLeast bool       `json:"at_least,omitempty" doc:"ahead is a lower bound: the job is deep in a long queue"`
	Attempt int        `json:"attempt,omitempty" doc:"running: the attempt; waits_until of a retry: the one that failed; ended_archived: the last one"`
	Workers []string   `json:"workers,omitempty" doc:"Ids of the workers that this is about, at most 20"`
	Queues  []string   `json:"queues,omitempty" doc:"outranked: the queues that come first"`
	Key     string     `json:"key,omitempty" doc:"wrong_type, ghost, damaged: the key in Redis"`
	Error   string     `json:"error,omitempty" doc:"redis_full, redis_refuses_writes: what Redis says; waits_until, ended_archived: the last error"`
}

// Why says why a job is not running; the problem is [CodeNotFound] if there is no such
// job.
func (c *Client) Why(ctx context.Context, id string) (*Why, error) {
	name, err := segment("job id", id)
	if err != nil {
		return nil, err
	}
	return get[Why](ctx, c, "/v1/jobs/"+name+"/why", nil)
}
