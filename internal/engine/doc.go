// Package engine is the data plane: the one way in for jobs, and the pools of
// workers that run them.
//
// [Engine] accepts jobs. Every surface (API, command line, schedules) enqueues
// through it: a request is checked against its type's schema, gets the type's
// defaults, and is written to Redis in asynq's shapes by a script that stores
// many jobs in one call.
//
// [Pool] runs jobs on an asynq server. The server is given a decorated Redis
// client, the seam, which recognises asynq's scripts by content hash: where
// Legwork promises more than asynq does (results, snoozing, a stop that gives
// jobs back, dead letters that stay), it runs a script of its own instead.
//
//	POST -> Engine -> enqueue.lua -> Redis -> asynq server -> Pool -> handler
//	                                   ^                        |
//	                                   `------- seam <-- asynq <'
package engine
