package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"legwork/jobs"
)

// Type is the job type that the load is made of.
const Type = "bench.noop"

// retention keeps the jobs of a run long enough to read their results, and no
// longer.
const retention = time.Minute

// payload fills a job up to a size.
type payload struct {
	Pad string `json:"pad,omitempty" jsonschema:"description=filler that makes the payload as large as wanted"`
}

// result tells when the handler began, by the clock of the worker's machine.
type result struct {
	StartedAt int64 `json:"started_at" jsonschema:"description=Unix time in nanoseconds"`
}

// Register adds [Type] to r. Its handler does nothing.
func Register(r *jobs.Registry) {
	jobs.Handle(r, Type, noop, jobs.Options{
		MaxRetries: jobs.NoRetries, Timeout: 10 * time.Second, Retention: retention,
		Summary: "Does nothing; legwork bench uses it.", Examples: []any{payload{}},
	})
}

func noop(context.Context, payload) (result, error) {
	return result{StartedAt: time.Now().UnixNano()}, nil
}

// padded returns a payload of exactly size bytes; the least there is has two.
func padded(size int) json.RawMessage {
	const frame = len(`{"pad":""}`)
	if size <= frame {
		return json.RawMessage("{}")
	}
	return json.RawMessage(fmt.Sprintf(`{"pad":%q}`, strings.Repeat("x", size-frame)))
}
