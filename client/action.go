package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Retry makes a job that waits or is archived run now, and returns it. The
// problem is [CodeConflict] if the job's state forbids it.
func (c *Client) Retry(ctx context.Context, id string) (*Job, error) {
	return c.act(ctx, id, "retry")
}

// Cancel ends a job that waits or runs, and returns it. The problem is
// [CodeConflict] if the job's state forbids it.
func (c *Client) Cancel(ctx context.Context, id string) (*Job, error) {
	return c.act(ctx, id, "cancel")
}

// Archive puts a job that waits among the dead letters, and returns it. The
// problem is [CodeConflict] if the job's state forbids it.
func (c *Client) Archive(ctx context.Context, id string) (*Job, error) {
	return c.act(ctx, id, "archive")
}

// Delete removes a job. The problem is [CodeNotFound] if there is none, except
// after a repetition of the call, when the earlier try may have removed it:
// that counts as success.
func (c *Client) Delete(ctx context.Context, id string) error {
	name, err := segment("job id", id)
	if err != nil {
		return err
	}
	repeated, err := c.do(ctx, call{method: http.MethodDelete, path: "/v1/jobs/" + name, repeatable: true}, nil)
	if p, ok := errors.AsType[*Problem](err); ok && repeated && p.Status == http.StatusNotFound {
		return nil
	}
	return err
}

func (c *Client) act(ctx context.Context, id, action string) (*Job, error) {
	name, err := segment("job id", id)
	if err != nil {
		return nil, err
	}
	return post[Job](ctx, c, "/v1/jobs/"+name+"/"+action)
}

// postJSON makes the call at the path with a JSON body. It is never repeated.
func postJSON[T any](ctx context.Context, c *Client, path string, body any) (*T, error) {
	raw, err := encode(body)
	if err != nil {
		return nil, fmt.Errorf("encode the body of POST %s: %w", path, err)
	}
	out := new(T)
	if _, err := c.do(ctx, call{method: http.MethodPost, path: path, contentType: mediaJSON, body: raw}, out); err != nil {
		return nil, err
	}
	return out, nil
}

// post makes the call at the path, without a body. It is never repeated.
func post[T any](ctx context.Context, c *Client, path string) (*T, error) {
	out := new(T)
	if _, err := c.do(ctx, call{method: http.MethodPost, path: path}, out); err != nil {
		return nil, err
	}
	return out, nil
}
