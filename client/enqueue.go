package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// BatchMax is the largest number of jobs in one batch.
const BatchMax = 10_000

// EnqueueOptions say how [Client.Enqueue] is to be answered.
type EnqueueOptions struct {
	// Wait asks the server to answer only when the job is finished, for at most
	// this long; [Job.Final] tells whether it is. Whole seconds, rounded up, at
	// most [WaitMax]. Defaults to 0: answer as soon as the job is stored.
	Wait time.Duration
}

// Enqueue hands in one job. With several options the last ones count.
//
// A call that is repeated (see the package comment) may find its ID taken by
// its own earlier try, which was stored although the answer said otherwise. So
// when a repetition, never the first try, is told 409 and a job of the same ID
// and type exists, that job is returned as it is now: neither is it compared
// with what was sent, nor is Wait kept.
func (c *Client) Enqueue(ctx context.Context, job Enqueue, o ...EnqueueOptions) (*Job, error) {
	body, err := encode(job)
	if err != nil {
		return nil, fmt.Errorf("encode the job: %w", err)
	}
	k := call{method: http.MethodPost, path: "/v1/jobs", contentType: mediaJSON, body: body, repeatable: job.ID != ""}
	if len(o) > 0 {
		k.prefer = prefer(o[len(o)-1].Wait)
	}
	stored := new(Job)
	repeated, err := c.do(ctx, k, stored)
	if err == nil {
		return stored, nil
	}
	if p, ok := errors.AsType[*Problem](err); ok && repeated && p.Status == http.StatusConflict {
		if earlier, lookup := c.Job(ctx, job.ID); lookup == nil && earlier.Type == job.Type {
			return earlier, nil
		}
	}
	return nil, err
}

// EnqueueBatch hands in up to [BatchMax] jobs. Each gets its own answer: a nil
// error means that the server looked at all of them, not that it took them.
func (c *Client) EnqueueBatch(ctx context.Context, jobs []Enqueue) (*BatchResult, error) {
	if jobs == nil {
		jobs = []Enqueue{}
	}
	body, err := encode(Batch{Jobs: jobs})
	if err != nil {
		return nil, fmt.Errorf("encode the batch: %w", err)
	}
	return c.batch(ctx, call{contentType: mediaJSON, body: body})
}

// EnqueueStream is [Client.EnqueueBatch] for jobs that are encoded already: one
// JSON object in the form of [Enqueue] per line (NDJSON), up to [BatchMax]. The
// reader is read to its end unless the server answers before.
func (c *Client) EnqueueStream(ctx context.Context, ndjson io.Reader) (*BatchResult, error) {
	return c.batch(ctx, call{contentType: mediaNDJSON, stream: ndjson})
}

func (c *Client) batch(ctx context.Context, k call) (*BatchResult, error) {
	k.method, k.path = http.MethodPost, "/v1/jobs/batch"
	result := new(BatchResult)
	if _, err := c.do(ctx, k, result); err != nil {
		return nil, err
	}
	return result, nil
}

// prefer words a wait as a Prefer header (RFC 7240), or "" for none.
func prefer(wait time.Duration) string {
	if wait <= 0 {
		return ""
	}
	seconds := (min(wait, WaitMax) + time.Second - 1) / time.Second
	return "wait=" + strconv.Itoa(int(seconds))
}
