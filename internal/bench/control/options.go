package control

import (
	"errors"
	"log/slog"
)

// requestsMin is how many requests it takes to speak of a p99 at all.
const requestsMin = 10

// Options says how much is planted and how often it is read.
type Options struct {
	Pending int // jobs that wait to run
	Retry   int // jobs that wait for a retry
	Dead    int // dead letters
	// Requests is how often each page is read, at least 10.
	Requests int
	// LiveRate is the jobs per second that run beside the bulk retry, at least 1.
	LiveRate int
	// Log gets what the server and Redis warn of. Defaults to slog.Default().
	Log *slog.Logger
}

// FullOptions are those of the promise.
func FullOptions() Options {
	return Options{Pending: 1_000_000, Retry: 100_000, Dead: 100_000, Requests: 200, LiveRate: 100}
}

func (o Options) withDefaults() (Options, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	switch {
	case min(o.Pending, o.Retry, o.Dead) < len(queues()):
		return o, errors.New("plant at least one job of each kind in each queue")
	case o.Requests < requestsMin:
		return o, errors.New("fewer than 10 requests have no p99")
	case o.LiveRate < 1:
		return o, errors.New("without live traffic there is nothing to slow down")
	}
	return o, nil
}
