package client

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// FailureGroup is the failed attempts that have one cause: the same job type, kind
// and message, but for ids, numbers, times, addresses and what is quoted.
type FailureGroup struct {
	Fingerprint  string           `json:"fingerprint" doc:"Names the group: 16 hexadecimal digits"`
	Type         string           `json:"type" doc:"Job type"`
	Kind         string           `json:"kind" doc:"error, panic, timeout, lease_lost or cancelled"`
	Message      string           `json:"message" doc:"Message with placeholders such as <n> and <uuid> for what differs"`
	LastError    string           `json:"last_error" doc:"Message of the last failure as it was, at most 2 KiB"`
	Frame        string           `json:"frame,omitempty" doc:"Function that panicked"`
	State        string           `json:"state" enum:"open,resolved,ignored,regressed" doc:"regressed: was resolved and has failed since"`
	IgnoredUntil *time.Time       `json:"ignored_until,omitempty" doc:"When an ignored group is open again"`
	ResolvedAt   *time.Time       `json:"resolved_at,omitempty"`
	RegressedAt  *time.Time       `json:"regressed_at,omitempty" doc:"When a resolved group failed again"`
	Count        int64            `json:"count" doc:"Failed attempts, ever"`
	CountSince   int64            `json:"count_since,omitempty" doc:"Failed attempts since the group was resolved; while it is regressed"`
	FirstSeen    time.Time        `json:"first_seen"`
	LastSeen     time.Time        `json:"last_seen"`
	Queues       map[string]int64 `json:"queues" doc:"Failed attempts by queue"`
	Dead         int64            `json:"dead" doc:"Dead letters whose last failure is of the group, now"`
	Retrying     int64            `json:"retrying" doc:"Jobs that wait for a retry after a failure of the group, now"`
	Trend        []HourCount      `json:"trend" doc:"Failed attempts by hour, oldest first; the last hour is the present one"`
	SampleJob    *FailedJob       `json:"sample_job,omitempty" doc:"A job that failed so: the last one or, in the answer to one group, one that still exists"`
}

// HourCount is the failed attempts of one hour.
type HourCount struct {
	Hour  time.Time `json:"hour" doc:"Its beginning, UTC"`
	Count int64     `json:"count"`
}

// FailedJob names a job that has failed.
type FailedJob struct {
	ID    string `json:"id"`
	Queue string `json:"queue"`
}

// FailureList is a page of failure groups. NextCursor is empty on the last page.
type FailureList struct {
	Failures   []FailureGroup `json:"failures"`
	NextCursor string         `json:"next_cursor,omitempty"`
}

// Trends of a [FailureFilter].
const (
	TrendDay  = "24h"
	TrendWeek = "7d"
)

// FailureFilter narrows a list of failure groups. Empty fields do not filter.
type FailureFilter struct {
	Type   string
	Queue  string
	State  string // open, resolved, ignored or regressed
	Kind   string // error, panic, timeout, lease_lost or cancelled
	Q      string // text that message or last error contain, in any case
	Trend  string // TrendDay or TrendWeek; "" means TrendDay
	Limit  int    // 1 to 500; 0 means the server's default of 50
	Cursor string
}

// Ignore says for how long a failure group is ignored: until a time or for a while,
// one of both.
type Ignore struct {
	Until *time.Time `json:"until,omitempty" doc:"Time at which the group is open again; not together with for"`
	For   *Duration  `json:"for,omitempty" doc:"How long from now, such as 72h; not together with until"`
}

// Failures returns one page of the failure groups that pass the filter, those that
// failed last first. The next page is the one at the list's NextCursor; a page may
// have fewer groups than asked for although more follow.
func (c *Client) Failures(ctx context.Context, filter FailureFilter) (*FailureList, error) {
	return get[FailureList](ctx, c, "/v1/failures", filter.query())
}

// FailurePages yields every page of failure groups that pass the filter, starting at
// its Cursor. An error ends it. A group that fails while it runs may be missed.
func (c *Client) FailurePages(ctx context.Context, filter FailureFilter) iter.Seq2[*FailureList, error] {
	return func(yield func(*FailureList, error) bool) {
		for {
			list, err := c.Failures(ctx, filter)
			if err == nil && list.NextCursor != "" && list.NextCursor == filter.Cursor {
				err = fmt.Errorf("list failures: the server answered cursor %q with itself", excerpt(filter.Cursor))
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

// Failure returns the failure group of that fingerprint with the trend of a day or,
// with [TrendWeek], of seven days. The problem is [CodeNotFound] if there is none.
func (c *Client) Failure(ctx context.Context, fingerprint, trend string) (*FailureGroup, error) {
	name, err := segment("fingerprint", fingerprint)
	if err != nil {
		return nil, err
	}
	return get[FailureGroup](ctx, c, "/v1/failures/"+name, FailureFilter{Trend: trend}.query())
}

// ResolveFailure marks the group as set right. A later failure makes it regressed.
func (c *Client) ResolveFailure(ctx context.Context, fingerprint string) (*FailureGroup, error) {
	return c.onFailure(ctx, fingerprint, "resolve", nil)
}

// IgnoreFailure marks the group as not worth attention for a while.
func (c *Client) IgnoreFailure(ctx context.Context, fingerprint string, how Ignore) (*FailureGroup, error) {
	body, err := encode(how)
	if err != nil {
		return nil, fmt.Errorf("encode how long to ignore the group: %w", err)
	}
	return c.onFailure(ctx, fingerprint, "ignore", body)
}

// ReopenFailure takes back what was said of the group.
func (c *Client) ReopenFailure(ctx context.Context, fingerprint string) (*FailureGroup, error) {
	return c.onFailure(ctx, fingerprint, "reopen", nil)
}

// FailureRetry says how the dead letters of a failure group are retried.
type FailureRetry struct {
	Rate   int  `json:"rate,omitempty" minimum:"0" maximum:"100000" doc:"Jobs per second, 1 to 100,000; as fast as it goes when left out"`
	DryRun bool `json:"dry_run,omitempty" doc:"Only count, and show up to 10 of the jobs"`
	Front  bool `json:"front,omitempty" doc:"The jobs run next, not last"`
}

// RetryFailure retries the group's dead letters with fresh attempts, in an action that
// it returns at once; see [Client.Action] for how far it has come. The problem is
// [CodeNotFound] if there is no such group, [CodeConflict] if an unfinished action has
// the same selection.
func (c *Client) RetryFailure(ctx context.Context, fingerprint string, how FailureRetry) (*Action, error) {
	name, err := segment("fingerprint", fingerprint)
	if err != nil {
		return nil, err
	}
	return postJSON[Action](ctx, c, "/v1/failures/"+name+"/retry", how)
}

func (c *Client) onFailure(ctx context.Context, fingerprint, verb string, body []byte) (*FailureGroup, error) {
	name, err := segment("fingerprint", fingerprint)
	if err != nil {
		return nil, err
	}
	k := call{method: http.MethodPost, path: "/v1/failures/" + name + "/" + verb, body: body}
	if body != nil {
		k.contentType = mediaJSON
	}
	out := new(FailureGroup)
	if _, err := c.do(ctx, k, out); err != nil {
		return nil, err
	}
	return out, nil
}

func (f FailureFilter) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"type": f.Type, "queue": f.Queue, "state": f.State, "kind": f.Kind, "q": f.Q, "trend": f.Trend, "cursor": f.Cursor,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	if f.Limit != 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return q
}
