package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// LogLimitMax is the most lines that one page of a log has.
const LogLimitMax = 1000

// LogLine is one line of a job's own log.
type LogLine struct {
	ID      string          `json:"id" doc:"Names the run and the line; a place to go on after"`
	Attempt int             `json:"attempt" doc:"Of the run that wrote it, from 1"`
	At      time.Time       `json:"at"`
	Level   string          `json:"level" doc:"DEBUG, INFO, WARN or ERROR, or one of them with a distance, as INFO+2" example:"INFO"`
	Message string          `json:"message"`
	Attrs   json.RawMessage `json:"attrs,omitempty" doc:"What the handler added to the line: an object"`
}

// LogRun is a run of a job whose log is kept. A job that is put back without using
// up an attempt has several of one attempt; so has a dead letter that was retried.
type LogRun struct {
	Run       int64     `json:"run" doc:"Grows with each run of the job that has a log"`
	Attempt   int       `json:"attempt"`
	StartedAt time.Time `json:"started_at" doc:"When its first line came"`
	Lines     int       `json:"lines"`
	Dropped   int       `json:"dropped" doc:"Lines that found no room: a run's log holds 1,000 lines or 256 KiB"`
}

// Log is a page of a job's log, the oldest line first. NextCursor is empty on the
// last page; while the job runs, go on after the last line's ID.
type Log struct {
	Runs       []LogRun  `json:"runs" doc:"Runs whose logs are kept, at most the last 10"`
	Lines      []LogLine `json:"lines"`
	NextCursor string    `json:"next_cursor,omitempty" doc:"The last line's id, when more lines follow"`
}

// Progress is what a handler has reported of its work.
type Progress struct {
	Done    int64     `json:"done"`
	Total   int64     `json:"total" doc:"0 when the handler does not know"`
	At      time.Time `json:"at"`
	Attempt int       `json:"attempt" doc:"Of the run that reported it"`
}

// LogFilter says which lines of a job's log are wanted. Empty fields do not filter.
type LogFilter struct {
	Attempt int    // only of runs with this attempt number
	Cursor  string // NextCursor of the page before, or the ID of a line: only those after it
	Limit   int    // 1 to LogLimitMax; 0 means the server's default of 500
}

func (f LogFilter) query() url.Values {
	q := url.Values{}
	if f.Attempt != 0 {
		q.Set("attempt", strconv.Itoa(f.Attempt))
	}
	if f.Cursor != "" {
		q.Set("cursor", f.Cursor)
	}
	if f.Limit != 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return q
}

// Log returns one page of the job's log; the problem is [CodeNotFound] if there is
// no such job.
func (c *Client) Log(ctx context.Context, id string, filter LogFilter) (*Log, error) {
	name, err := segment("job id", id)
	if err != nil {
		return nil, err
	}
	return get[Log](ctx, c, "/v1/jobs/"+name+"/logs", filter.query())
}

// LogPages yields every page of the job's log that passes the filter. An error ends
// it. Lines that come while it runs may be among them.
func (c *Client) LogPages(ctx context.Context, id string, filter LogFilter) iter.Seq2[*Log, error] {
	return func(yield func(*Log, error) bool) {
		for {
			page, err := c.Log(ctx, id, filter)
			if err == nil && page.NextCursor != "" && page.NextCursor == filter.Cursor {
				err = fmt.Errorf("read the log: the server answered cursor %q with itself", excerpt(filter.Cursor))
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(page, nil) || page.NextCursor == "" {
				return
			}
			filter.Cursor = page.NextCursor
		}
	}
}
