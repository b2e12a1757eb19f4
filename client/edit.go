package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// JobEdit says what of a job is to be another: the body of POST /v1/jobs/{id}/retry and
// of PATCH /v1/jobs/{id}. Everything else stays as it is.
type JobEdit struct {
	Payload    json.RawMessage `json:"payload,omitempty" doc:"JSON that matches the schema of the job's type"`
	Queue      string          `json:"queue,omitempty" doc:"Queue to wait in; with a retry only"`
	RunAt      *time.Time      `json:"run_at,omitempty" doc:"Earliest start, RFC 3339; not together with delay"`
	Delay      *Duration       `json:"delay,omitempty" doc:"Earliest start from now on, such as 90s; not together with run_at"`
	MaxRetries *int            `json:"max_retries,omitempty" doc:"How often the failed job is tried again"`
	Timeout    *Duration       `json:"timeout,omitempty" doc:"Bound of one attempt, at least 1s"`
	Deadline   *time.Time      `json:"deadline,omitempty" doc:"No attempt runs beyond this time"`
	Front      bool            `json:"front,omitempty" doc:"The job runs next, not last; with a retry only"`
}

// Empty reports whether the edit leaves every field of a job as it is.
func (e JobEdit) Empty() bool {
	return len(e.Payload) == 0 && e.Queue == "" && e.RunAt == nil && e.Delay == nil && e.MaxRetries == nil && e.Timeout == nil && e.Deadline == nil
}

// RetryEdited enqueues an edited copy of a job that has ended, checked as a new job is,
// and returns the copy. The job stays what it is, and each names the other (RetriedAs,
// RetriedFrom). The same edit of the same job is made once, however often it is asked
// for; the problem is [CodeConflict] while the copy of another edit exists. With an
// empty edit it is [Client.Retry], and may put the job first in line.
func (c *Client) RetryEdited(ctx context.Context, id string, edit JobEdit) (*Job, error) {
	return c.edit(ctx, http.MethodPost, id, "/retry", edit)
}

// Edit changes a job that waits, where it is, and returns it. The problem is
// [CodeConflict] if it does not wait any more.
func (c *Client) Edit(ctx context.Context, id string, edit JobEdit) (*Job, error) {
	return c.edit(ctx, http.MethodPatch, id, "", edit)
}

// edit makes a call that may be repeated, unless it retries the job itself.
func (c *Client) edit(ctx context.Context, method, id, suffix string, edit JobEdit) (*Job, error) {
	name, err := segment("job id", id)
	if err != nil {
		return nil, err
	}
	body, err := encode(edit)
	if err != nil {
		return nil, fmt.Errorf("encode the edit: %w", err)
	}
	out := new(Job)
	k := call{method: method, path: "/v1/jobs/" + name + suffix, contentType: mediaJSON, body: body, repeatable: !edit.Empty()}
	if _, err := c.do(ctx, k, out); err != nil {
		return nil, err
	}
	return out, nil
}
