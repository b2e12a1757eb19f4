package store

import "time"

// Keys of Legwork's own that belong to no queue. A key of a queue is made by
// [Keys], so that in a Redis Cluster all keys of one queue share a slot.
const (
	KeyQueues        = "asynq:queues"         // SET of queue names
	KeyWorkers       = "legwork:workers"      // SET of the ids of worker processes
	KeyWorkerPrefix  = "legwork:worker:"      // STRING per worker process with its [Worker] and types, expires with it
	KeyStatusPrefix  = "legwork:status:"      // STRING per worker process that has something to tell: its [Status]
	KeyWishPrefix    = "legwork:wish:"        // STRING per worker process that was asked for something: the last [Wish]
	KeyShards        = "legwork:shards"       // HASH of queue to number of shards, where there is more than one
	KeyPulsePrefix   = "legwork:pulse:"       // STRING per process that holds jobs, expires with it
	KeyIDClaimPrefix = "legwork:id:"          // STRING per caller-chosen id while it is enqueued
	KeyRetention     = "legwork:retention"    // STRING: who looks after the retention of dead letters, expires with its holder
	KeyScheduler     = "legwork:scheduler"    // STRING: the process that last said that it looks after due jobs, expires with the last of them
	KeyLetterLevels  = "legwork:letters"      // HASH of queue to the fill level of its dead letters that was warned of
	KeyActions       = "legwork:actions"      // ZSET of the ids of actions by the time they were asked for, in Unix milliseconds
	KeyActionsOpen   = "legwork:actions:open" // HASH of what an unfinished action selects, digested, to its id
	ChannelCancel    = "legwork:cancel"       // ids of running jobs to cancel
	ChannelWish      = "legwork:wishes"       // ids of worker processes that have a new [Wish]
	ChannelWake      = "legwork:wake"         // "w" and a queue that has jobs, "d" and one whose earliest start has changed
	ChannelFinished  = "legwork:finished"     // prefix; one channel per waiting process
	ChannelLog       = "legwork:log"          // prefix; one channel per job, with a word when its log or progress has grown
)

// Fields of a job's hash. The first four are asynq's.
const (
	FieldMessage      = "msg"           // encoded [Message]
	FieldState        = "state"         // a jobs.State
	FieldPendingSince = "pending_since" // Unix time in nanoseconds, while pending
	FieldResult       = "result"        // JSON result of a completed job
	FieldDiscarded    = "lw_discarded"  // reason given to jobs.Discard
	FieldFinished     = "lw_finished"   // Unix time in milliseconds of completion
	FieldCancel       = "lw_cancel"     // present once somebody asked to cancel: a [Cancel]
	FieldCrashes      = "lw_crashes"    // times a process died with the job taken and its start not noted
	FieldOnces        = "lw_onces"      // number of effects that the job has begun
	FieldOncePrefix   = "lw_once:"      // one field per effect: "b" and the token of the run that began it, or "d" and its result
	FieldUnstarted    = "lw_unstarted"  // present when archived while waiting: the attempt in progress never began
	FieldFails        = "lw_fails"      // number of failed attempts ever recorded
	FieldFailPrefix   = "lw_fail:"      // then a number below AttemptsMax, the count modulo it: one recorded [Attempt]
	FieldIndex        = "lw_index"      // what lua/index.lua has put the job under: "<state> <fingerprint> <type>"
	FieldRetriedFrom  = "lw_from"       // id of the job that this one is an edited copy of
	FieldRetriedAs    = "lw_as"         // the edited copy of this job, see [Copy]
	FieldLogRuns      = "lw_logs"       // the last runs that have a log, see [LogRun]
	FieldLogPrefix    = "lw_log:"       // then a run's number and a chunk's: lines of the job's own log, see [LogLine]
	FieldAction       = "lw_action"     // id of the last action that moved the job
	FieldProgress     = "lw_progress"   // what the handler last reported, see [Progress]
)

// Keys makes the keys of one queue, in the shapes that asynq 0.26 uses
// (internal/base/base.go): every one begins with "asynq:{queue}:".
type Keys struct{ prefix string }

// KeysOf returns the keys of the named queue, or of a shard (see [Shard]).
func KeysOf(queue string) Keys { return Keys{prefix: "asynq:{" + queue + "}:"} }

// TaskPrefix is what the key of every job of the queue begins with.
func (k Keys) TaskPrefix() string { return k.prefix + "t:" }

// Task is the HASH of one job.
func (k Keys) Task(id string) string { return k.prefix + "t:" + id }

// Pending is the LIST of ids ready to run; the next one is on its right.
func (k Keys) Pending() string { return k.prefix + "pending" }

// Active is the LIST of ids that workers hold.
func (k Keys) Active() string { return k.prefix + "active" }

// Lease is the ZSET of held ids by lease end, in Unix seconds.
func (k Keys) Lease() string { return k.prefix + "lease" }

// Scheduled is the ZSET of ids by start time, in Unix seconds.
func (k Keys) Scheduled() string { return k.prefix + "scheduled" }

// Retry is the ZSET of failed ids by the time of the next attempt, in Unix seconds.
func (k Keys) Retry() string { return k.prefix + "retry" }

// Archived is the ZSET of dead letters by the time they died, in Unix seconds.
func (k Keys) Archived() string { return k.prefix + "archived" }

// Completed is the ZSET of done ids by the end of their retention, in Unix seconds.
func (k Keys) Completed() string { return k.prefix + "completed" }

// Paused is a STRING that exists while the queue is paused.
func (k Keys) Paused() string { return k.prefix + "paused" }

// Processed is the STRING that counts attempts that ended.
func (k Keys) Processed() string { return k.prefix + "processed" }

// Failed is the STRING that counts attempts that failed.
func (k Keys) Failed() string { return k.prefix + "failed" }

// ProcessedOn is the STRING that counts attempts that ended on the day of t, UTC.
func (k Keys) ProcessedOn(t time.Time) string {
	return k.prefix + "processed:" + t.UTC().Format(time.DateOnly)
}

// FailedOn is the STRING that counts attempts that failed on the day of t, UTC.
func (k Keys) FailedOn(t time.Time) string {
	return k.prefix + "failed:" + t.UTC().Format(time.DateOnly)
}

// Holders is the HASH of active ids to the process that holds the job and the token
// under which it does, with a space between.
func (k Keys) Holders() string { return k.prefix + "lw_holders" }

// Tokens is the STRING that counts takes: each take of a job gets the next number.
func (k Keys) Tokens() string { return k.prefix + "lw_tokens" }

// Started is the STRING with the highest token whose job a process has started.
func (k Keys) Started(holder string) string { return k.prefix + "lw_started:" + holder }

// Kinds of index, for [Keys.Index].
const (
	IndexType        = "t"
	IndexFingerprint = "f"
)

// Index is the ZSET of the ids that are archived or wait for a retry and have the
// given type or fingerprint, with the scores of the state's own set. lua/index.lua
// keeps it. A script of another asynq client may have moved a job since.
func (k Keys) Index(state, kind, value string) string {
	return k.IndexNamed(state + ":" + kind + ":" + value)
}

// IndexNamed is the index of a name in [Keys.Indexes].
func (k Keys) IndexNamed(name string) string { return k.prefix + "lw_by:" + name }

// Indexes is the SET of what indexes there are: "<state>:<kind>:<value>".
func (k Keys) Indexes() string { return k.prefix + "lw_indexes" }

// ActionKeys are the keys of one action that belong to no queue. They share a slot.
type ActionKeys struct{ prefix string }

// ActionKeysOf returns the keys of the action with the given id.
func ActionKeysOf(id string) ActionKeys { return ActionKeys{prefix: "legwork:action:{" + id + "}"} }

// Order is the HASH of what was asked for and what became of it.
func (k ActionKeys) Order() string { return k.prefix }

// Plan is the HASH of shard to the ids that the action has to look at in it.
func (k ActionKeys) Plan() string { return k.prefix + ":plan" }

// Lease is the STRING with the id of the process that runs the action; it expires.
func (k ActionKeys) Lease() string { return k.prefix + ":lease" }

// Progress is the HASH of how far an action has come in the queue, and what it has
// counted there.
func (k Keys) Progress(action string) string { return k.prefix + "lw_action:" + action }

// Moving is the HASH of the ids of jobs on their way to another queue. They are in no
// list or set; the value says who moves them, where to, and where they were.
func (k Keys) Moving() string { return k.prefix + "lw_moving" }

// Adopted is the HASH of the ids that have come into the queue by one step of a move,
// to what became of them.
func (k Keys) Adopted(claim string) string { return k.prefix + "lw_adopted:" + claim }

// Copied is a STRING that says of the id of an edited copy that the copy was stored in
// the queue, whatever has become of it; it expires.
func (k Keys) Copied(id string) string { return k.prefix + "lw_copied:" + id }

// Prefix is what every key of the queue begins with.
func (k Keys) Prefix() string { return k.prefix }

// State is the list or sorted set that holds the ids in the given state, or ""
// when the state has none.
func (k Keys) State(state string) string {
	switch state {
	case "active", "pending", "scheduled", "retry", "archived", "completed":
		return k.prefix + state
	}
	return ""
}
