package store

import "encoding/json"

// AttemptsMax bounds the failed attempts kept of one job: the last ones.
const AttemptsMax = 50

// Kinds of failure.
const (
	KindError     = "error"      // the handler returned an error
	KindPanic     = "panic"      // it panicked or ended its goroutine
	KindTimeout   = "timeout"    // its timeout or the job's deadline passed
	KindLeaseLost = "lease_lost" // its process died, or lost Redis for too long
	KindCancelled = "cancelled"  // somebody asked to cancel the job
)

// Attempt is the record of one failed attempt, kept as JSON in the job's hash.
type Attempt struct {
	Number      int    `json:"n"`           // of the attempt, from 1; starts again when a dead letter is retried
	Started     int64  `json:"at"`          // Unix milliseconds; 0 when unknown: its process died
	Ended       int64  `json:"end"`         // Unix milliseconds
	Worker      string `json:"w"`           // id of the process
	Host        string `json:"h,omitempty"` // of the process; "" when it died
	Kind        string `json:"k"`
	Error       string `json:"e"`           // at most 8 KiB
	Stack       string `json:"s,omitempty"` // of a panic, at most 8 KiB
	Delay       int64  `json:"d,omitempty"` // milliseconds until the next attempt, as chosen then
	Final       bool   `json:"f,omitempty"` // the job became a dead letter
	Fingerprint string `json:"fp"`          // see package failure
}

// Encode returns the record as it is kept.
func (a *Attempt) Encode() []byte {
	raw, err := json.Marshal(a)
	if err != nil {
		panic(err) // numbers and strings only
	}
	return raw
}
