package engine

import "time"

// Limits bounds what the engine accepts.
type Limits struct {
	Payload int // bytes of one payload. Defaults to PayloadLimitDefault
	Batch   int // jobs in one batch. Defaults to BatchLimitDefault
}

// Defaults and bounds of what a caller may ask for.
const (
	PayloadLimitDefault   = 256 << 10
	ResultLimitDefault    = 256 << 10
	BatchLimitDefault     = 10_000
	RequestTimeoutDefault = 1500 * time.Millisecond

	// A run_at in the past means "at once", but one from long ago is a mistake
	// in the caller's units or time zone.
	runAtPastMax   = 24 * time.Hour
	runAtFutureMax = 10 * 365 * 24 * time.Hour

	headersMax     = 32
	headerNameMax  = 64
	headerValueMax = 1024

	// waitedRetentionMin keeps a job that somebody waits for long enough to be read.
	waitedRetentionMin = time.Minute
)

func (l Limits) withDefaults() Limits {
	if l.Payload <= 0 {
		l.Payload = PayloadLimitDefault
	}
	if l.Batch <= 0 {
		l.Batch = BatchLimitDefault
	}
	return l
}
