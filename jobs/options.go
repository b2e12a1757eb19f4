package jobs

import (
	"errors"
	"fmt"
	"time"
)

// Defaults of [Options].
const (
	QueueDefault      = "default"
	MaxRetriesDefault = 15
	TimeoutDefault    = 5 * time.Minute
	RetentionDefault  = 24 * time.Hour
)

// Bounds that a job's settings must keep, at registration and at the door.
const (
	MaxRetriesMax = 1000
	TimeoutMin    = time.Second
	TimeoutMax    = 24 * time.Hour
	RetentionMax  = 365 * 24 * time.Hour
)

// NoRetries as [Options.MaxRetries] archives a job at its first failure, and
// NoRetention as [Options.Retention] deletes it as soon as it is done.
const (
	NoRetries   = -1
	NoRetention = time.Duration(-1)
)

// Options are the defaults of a job type. A caller may override queue, retries,
// timeout and retention for one job.
type Options struct {
	// Queue is the lane the type's jobs wait in. Defaults to [QueueDefault].
	Queue string
	// MaxRetries is how often a failed job is tried again; a job runs at most
	// MaxRetries+1 times. Defaults to [MaxRetriesDefault]; [NoRetries] means none.
	MaxRetries int
	// Timeout bounds one attempt; the handler's context ends with it. At least
	// [TimeoutMin]. Defaults to [TimeoutDefault].
	Timeout time.Duration
	// Retention is how long a completed job and its result are kept, at least a
	// second. Defaults to [RetentionDefault]; [NoRetention] deletes at once.
	Retention time.Duration
	// Backoff spaces the attempts. The zero value is the documented default.
	Backoff Backoff
	// Summary says in one sentence what the type does, for the catalog.
	Summary string
	// Examples are payloads that pass the schema, for the catalog and the docs.
	Examples []any
}

// withDefaults returns o with every unset field filled in and the named
// constants turned into plain numbers, or what is wrong with it.
func (o Options) withDefaults() (Options, error) {
	if o.Queue == "" {
		o.Queue = QueueDefault
	}
	switch o.MaxRetries {
	case 0:
		o.MaxRetries = MaxRetriesDefault
	case NoRetries:
		o.MaxRetries = 0
	}
	if o.Timeout == 0 {
		o.Timeout = TimeoutDefault
	}
	switch o.Retention {
	case 0:
		o.Retention = RetentionDefault
	case NoRetention:
		o.Retention = 0
	}
	o.Backoff = o.Backoff.withDefaults()
	return o, o.check()
}

func (o Options) check() error {
	var errs []error
	if why := CheckQueue(o.Queue); why != "" {
		errs = append(errs, fmt.Errorf("queue %q: %s", o.Queue, why))
	}
	if o.MaxRetries < 0 || o.MaxRetries > MaxRetriesMax {
		errs = append(errs, fmt.Errorf("max retries %d: use 1 to %d, or jobs.NoRetries", o.MaxRetries, MaxRetriesMax))
	}
	if o.Timeout < TimeoutMin || o.Timeout > TimeoutMax {
		errs = append(errs, fmt.Errorf("timeout %s: use %s to %s", o.Timeout, TimeoutMin, TimeoutMax))
	}
	if o.Retention != 0 && (o.Retention < time.Second || o.Retention > RetentionMax) {
		errs = append(errs, fmt.Errorf("retention %s: use 1s to %s, or jobs.NoRetention", o.Retention, RetentionMax))
	}
	errs = append(errs, o.Backoff.check())
	return errors.Join(errs...)
}
