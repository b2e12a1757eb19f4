// Package control measures the control plane at the size that is promised:
// 1,000,000 pending jobs, 100,000 that wait for a retry and 100,000 dead letters in
// five queues, on a Redis of its own.
//
//	plant     real jobs: a worker whose handlers fail makes the retries and the
//	          dead letters, the engine's way in the pending ones
//	serve     a whole server, the worker on a queue beside the planted ones
//	read      each page over HTTP, one request after the other
//	count     dead letters: as many listed as there are
//	retry     all dead letters by one action, beside live traffic
//
// Each figure is held against its bound, and Redis's slow log against being empty
// from the first request to the last. `make control` runs it at full size; the
// ordinary tests run it small, where only the counts mean something.
package control
