package bench

import (
	"errors"
	"fmt"

	"legwork/jobs"
)

// Defaults of [Options], and the most that each field may ask for.
const (
	JobsDefault        = 20_000
	ConnectionsDefault = 64
	BatchDefault       = 1000
	PayloadDefault     = 100
	ProbesDefault      = 200
	RoundsDefault      = 3

	JobsMax        = 1_000_000
	ConnectionsMax = 1024
	BatchMax       = 10_000
	PayloadMax     = 200 << 10
	ProbesMax      = 10_000
	RoundsMax      = 20
)

// Options bounds a run. The zero value asks for nothing; [DefaultOptions] is
// where to start from.
type Options struct {
	Jobs        int    `json:"jobs"`          // handed in one by one, and again in batches, in every round
	Connections int    `json:"connections"`   // that hand in jobs at the same time
	Batch       int    `json:"batch"`         // jobs to a batch; 0 leaves the batches out
	Payload     int    `json:"payload_bytes"` // size of a job's payload
	Probes      int    `json:"probes"`        // jobs run one at a time on the idle system; 0 leaves them out
	Rounds      int    `json:"rounds"`
	Queue       string `json:"queue"` // where the jobs wait
}

// DefaultOptions returns the defaults.
func DefaultOptions() Options {
	return Options{
		Jobs: JobsDefault, Connections: ConnectionsDefault, Batch: BatchDefault, Payload: PayloadDefault,
		Probes: ProbesDefault, Rounds: RoundsDefault, Queue: jobs.QueueDefault,
	}
}

// Check says what is wrong with the options, all of it, or is nil.
func (o Options) Check() error {
	var errs []error
	for _, f := range []struct {
		name         string
		value, least int
		most         int
	}{
		{"jobs", o.Jobs, 1, JobsMax},
		{"connections", o.Connections, 1, ConnectionsMax},
		{"batch", o.Batch, 0, BatchMax},
		{"payload", o.Payload, 2, PayloadMax},
		{"probes", o.Probes, 0, ProbesMax},
		{"rounds", o.Rounds, 1, RoundsMax},
	} {
		if f.value < f.least || f.value > f.most {
			errs = append(errs, fmt.Errorf("%s %d: use %d to %d", f.name, f.value, f.least, f.most))
		}
	}
	if why := jobs.CheckQueue(o.Queue); why != "" {
		errs = append(errs, fmt.Errorf("queue: %s", why))
	}
	return errors.Join(errs...)
}
