package client

import "time"

// Attempt is one failed attempt of a job.
type Attempt struct {
	Number      int        `json:"number" doc:"From 1; a dead letter that is retried starts again at 1"`
	StartedAt   *time.Time `json:"started_at,omitempty" doc:"Left out when its process died before it could tell"`
	EndedAt     time.Time  `json:"ended_at"`
	Duration    Duration   `json:"duration,omitempty" doc:"From start to end; left out when the start is unknown"`
	Worker      string     `json:"worker,omitempty" doc:"Id of the process that ran it; left out when asynq's own recoverer ended it"`
	Host        string     `json:"host,omitempty" doc:"Machine of that process"`
	Kind        string     `json:"kind" enum:"error,panic,timeout,lease_lost,cancelled" doc:"What made it fail"`
	Error       string     `json:"error"`
	Stack       string     `json:"stack,omitempty" doc:"Of a panic"`
	Delay       *Duration  `json:"delay,omitempty" doc:"Wait before the next attempt, as chosen then; left out when there was to be none"`
	Final       bool       `json:"final,omitempty" doc:"The job became a dead letter"`
	Fingerprint string     `json:"fingerprint" doc:"Failures of one cause share it"`
}
