package store

// Keys of failure groups. They belong to no queue, and each to a slot of its own.
const (
	KeyFailures      = "legwork:failures" // ZSET of fingerprints by the last failure, in Unix milliseconds
	KeyFailurePrefix = "legwork:failure:" // HASH per fingerprint
)

// GroupsMax bounds the failure groups that are kept. Groups that have dead letters or
// jobs that wait for a retry are kept beyond it.
const GroupsMax = 10_000

// GroupHours is for how many hours a group counts its failures hour by hour.
const GroupHours = 7 * 24

// Fields of the hash of a failure group. Times are Unix milliseconds.
const (
	GroupType    = "type"    // of the jobs
	GroupKind    = "kind"    // a Kind, see attempt.go
	GroupTitle   = "title"   // the message as failure.Normalise leaves it
	GroupError   = "error"   // the last message, at most GroupErrorMax bytes
	GroupFrame   = "frame"   // of a panic
	GroupCount   = "count"   // of failed attempts, ever
	GroupFirst   = "first"   // time of the first one
	GroupLast    = "last"    // and of the last one
	GroupJob     = "job"     // id of the job that failed last
	GroupShard   = "queue"   // shard that holds it
	GroupState   = "state"   // GroupResolved, GroupIgnored, GroupRegressed, or nothing
	GroupSince   = "since"   // time since when
	GroupUntil   = "until"   // end of GroupIgnored
	GroupSettled = "settled" // the count when it was resolved

	GroupHourPrefix    = "h:" // then the hour, Unix time / 3600: failures in it
	GroupQueuePrefix   = "q:" // then a queue: failures in it
	GroupProcessPrefix = "p:" // then a process: number of its last call that is counted
)

// States of a group that somebody has looked at.
const (
	GroupResolved  = "resolved"  // set right, until a later failure
	GroupIgnored   = "ignored"   // open again after a time
	GroupRegressed = "regressed" // was resolved and has failed since
)

// GroupErrorMax bounds the message that a group shows, in bytes.
const GroupErrorMax = 2 << 10
