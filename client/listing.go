package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
)

// Jobs returns one page of the jobs that pass the filter. The next page is the
// one at the list's NextCursor.
func (c *Client) Jobs(ctx context.Context, filter JobFilter) (*JobList, error) {
	return get[JobList](ctx, c, "/v1/jobs", filter.Values())
}

// JobPages yields every page of jobs that pass the filter, starting at its
// Cursor, with Limit jobs to a page. An error ends it. Jobs that change while
// it runs may be missed or come twice.
func (c *Client) JobPages(ctx context.Context, filter JobFilter) iter.Seq2[*JobList, error] {
	return func(yield func(*JobList, error) bool) {
		for {
			list, err := c.Jobs(ctx, filter)
			if err == nil && list.NextCursor != "" && list.NextCursor == filter.Cursor {
				err = fmt.Errorf("list jobs: the server answered cursor %q with itself", excerpt(filter.Cursor))
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(list, nil) || list.NextCursor == "" {
				return
			}
			filter.Cursor = list.NextCursor
		}
	}
}

// AllJobs yields every job that passes the filter, in the manner of
// [Client.JobPages].
func (c *Client) AllJobs(ctx context.Context, filter JobFilter) iter.Seq2[Job, error] {
	return func(yield func(Job, error) bool) {
		for list, err := range c.JobPages(ctx, filter) {
			if err != nil {
				yield(Job{}, err)
				return
			}
			for _, job := range list.Jobs {
				if !yield(job, nil) {
					return
				}
			}
		}
	}
}

// Job returns the job of that id; the problem is [CodeNotFound] if there is none.
func (c *Client) Job(ctx context.Context, id string) (*Job, error) {
	name, err := segment("job id", id)
	if err != nil {
		return nil, err
	}
	return get[Job](ctx, c, "/v1/jobs/"+name, nil)
}

// get reads what is at the path.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (*T, error) {
	out := new(T)
	if _, err := c.do(ctx, call{method: http.MethodGet, path: path, query: query, repeatable: true}, out); err != nil {
		return nil, err
	}
	return out, nil
}
