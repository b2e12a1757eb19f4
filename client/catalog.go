package client

import (
	"context"
	"encoding/json"
	"net/http"
)

// Queues returns every queue and what waits in it.
func (c *Client) Queues(ctx context.Context) (*QueueList, error) {
	return get[QueueList](ctx, c, "/v1/queues", nil)
}

// Queue returns one queue; the problem is [CodeNotFound] if there is none.
func (c *Client) Queue(ctx context.Context, name string) (*Queue, error) {
	part, err := segment("queue name", name)
	if err != nil {
		return nil, err
	}
	return get[Queue](ctx, c, "/v1/queues/"+part, nil)
}

// Pause stops workers from taking jobs out of the queue; jobs that run go on,
// and new ones are still accepted. Pausing a paused queue is no error.
func (c *Client) Pause(ctx context.Context, name string) (*Queue, error) {
	return c.turn(ctx, name, "pause")
}

// Resume lets workers take jobs out of the queue again. Resuming a queue that
// is not paused is no error.
func (c *Client) Resume(ctx context.Context, name string) (*Queue, error) {
	return c.turn(ctx, name, "resume")
}

func (c *Client) turn(ctx context.Context, name, action string) (*Queue, error) {
	part, err := segment("queue name", name)
	if err != nil {
		return nil, err
	}
	return post[Queue](ctx, c, "/v1/queues/"+part+"/"+action)
}

// Types returns the catalog of job types.
func (c *Client) Types(ctx context.Context) (*TypeList, error) {
	return get[TypeList](ctx, c, "/v1/types", nil)
}

// Type returns one job type; the problem is [CodeNotFound] if there is none.
func (c *Client) Type(ctx context.Context, name string) (*Type, error) {
	part, err := segment("type", name)
	if err != nil {
		return nil, err
	}
	return get[Type](ctx, c, "/v1/types/"+part, nil)
}

// Ready asks whether the server can do its work now, once. When it says that it
// cannot, both results are set: the health with the checks that failed, and a
// problem with [CodeUnavailable].
func (c *Client) Ready(ctx context.Context) (*Health, error) {
	a, err := c.exchange(ctx, call{method: http.MethodGet, path: "/readyz"})
	if err != nil {
		return nil, err
	}
	health := new(Health)
	known := json.Unmarshal(a.body, health) == nil && health.Status != ""
	switch p := a.problem(); {
	case known && a.good():
		return health, nil
	case known && a.status == http.StatusServiceUnavailable:
		p.Code, p.Detail = CodeUnavailable, "the server is not ready"
		return health, p
	default:
		return nil, p
	}
}
