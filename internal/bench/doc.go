// Package bench measures what Legwork does: the load behind `legwork bench`,
// over HTTP against a running server or in process against the engine, and the
// job type [Type] that it sends.
//
// A run is a number of rounds. Each round first probes the idle system (one job
// at a time, from hand-in to result), then loads it job by job, then in batches.
// The work is bounded in count by [Options] and in time by the context.
package bench
