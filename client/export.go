package client

import (
	"encoding/json"
	"time"
)

// ExportFormat is the version of the lines of an export that this package knows.
const ExportFormat = 1

// ExportedJob is one line of an export (NDJSON): a job with everything that is kept
// of it, so that an import makes the same dead letter of it in another system. Every
// line says its format, so that files of different ages can be joined.
type ExportedJob struct {
	Format       int               `json:"format" doc:"Version of this form: 1"`
	ID           string            `json:"id"`
	Type         string            `json:"type,omitempty"`
	Queue        string            `json:"queue"`
	State        string            `json:"state" doc:"An import takes archived jobs only"`
	CreatedAt    *time.Time        `json:"created_at,omitempty" doc:"Left out for a job of another asynq client"`
	RunAt        *time.Time        `json:"run_at,omitempty"`
	DiedAt       *time.Time        `json:"died_at,omitempty" doc:"When it became a dead letter"`
	MaxRetries   int               `json:"max_retries"`
	Retried      int               `json:"retried" doc:"Retries used up"`
	Timeout      Duration          `json:"timeout"`
	Deadline     *time.Time        `json:"deadline,omitempty"`
	Retention    Duration          `json:"retention"`
	Tags         []string          `json:"tags,omitempty"`
	Headers      map[string]string `json:"headers,omitempty"`
	LastError    string            `json:"last_error,omitempty"`
	LastFailedAt *time.Time        `json:"last_failed_at,omitempty"`
	Fingerprint  string            `json:"fingerprint,omitempty" doc:"Of its failure; see /v1/failures"`
	Failures     int               `json:"failures" doc:"Failed attempts ever recorded; the last 50 are kept"`
	Attempts     []json.RawMessage `json:"attempts,omitempty" doc:"Records of failed attempts as they are kept, the oldest first"`
	Asynq        *ExportedAsynq    `json:"asynq,omitempty"`
	Fields       map[string]string `json:"fields,omitempty" doc:"What else is kept with the job: effects, progress, log"`
	BinaryFields map[string][]byte `json:"binary_fields,omitempty" doc:"The same, base64, where it is not UTF-8"`
	Result       json.RawMessage   `json:"result,omitempty"`
	Damaged      string            `json:"damaged,omitempty" doc:"Why the job cannot be read; then most of the above is missing"`
	Message      []byte            `json:"message_base64,omitempty" doc:"What there is of a damaged job, base64"`
	Base64       []byte            `json:"payload_base64,omitempty" doc:"Payload that is not JSON of one line, base64"`
	Payload      json.RawMessage   `json:"payload,omitempty"`
}

// ExportedAsynq is what asynq notes of a job beyond what the API shows.
type ExportedAsynq struct {
	Timeout     int64  `json:"timeout,omitempty"`      // seconds
	Deadline    int64  `json:"deadline,omitempty"`     // Unix seconds
	CompletedAt int64  `json:"completed_at,omitempty"` // Unix seconds
	UniqueKey   string `json:"unique_key,omitempty"`
	GroupKey    string `json:"group_key,omitempty"`
}

// ExportEnd is the last line of an export over HTTP. An export without one was cut
// off.
type ExportEnd struct {
	Complete bool     `json:"complete"`
	Jobs     int      `json:"jobs" doc:"Lines before this one"`
	Error    *Problem `json:"error,omitempty" doc:"What ended the export early"`
}

// ImportResult answers an import. Good lines are stored whatever becomes of the
// others, so importing a file again skips what is there and stores the rest.
type ImportResult struct {
	Imported int           `json:"imported"`
	Skipped  int           `json:"skipped" doc:"Lines whose id a job has already; it stays as it is"`
	Failed   int           `json:"failed" doc:"Lines that are no dead letter"`
	Errors   []ImportError `json:"errors" doc:"One for each skipped and failed line, at most 1000"`
}

// ImportErrorsMax is how many errors an [ImportResult] lists.
const ImportErrorsMax = 1000

// ImportError says why a line was not imported. Lines count from 1.
type ImportError struct {
	Line  int     `json:"line"`
	ID    string  `json:"id,omitempty"`
	Error Problem `json:"error"`
}
