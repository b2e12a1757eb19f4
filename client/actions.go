package client

import (
	"context"
	"fmt"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// Bounds of an [ActionRequest].
const (
	ActionIDsMax  = 10_000
	ActionRateMax = 100_000
)

// What an action does.
const (
	ActionRetry      = "retry"      // run now; dead letters and completed jobs with fresh attempts
	ActionArchive    = "archive"    // make waiting jobs dead letters
	ActionDelete     = "delete"     // remove jobs that do not run
	ActionCancel     = "cancel"     // archive waiting jobs; ask running ones to end
	ActionMove       = "move"       // to another queue
	ActionReschedule = "reschedule" // start at another time; dead letters with fresh attempts
	ActionExport     = "export"     // write to a file of the server's, for an import
)

// States of an [Action].
const (
	ActionRunning = "running"
	ActionDone    = "done"
	ActionAborted = "aborted"
	ActionFailed  = "failed" // a queue could not be worked on; Error says why
)

// ActionRequest is the body of POST /v1/actions: what to do to which jobs. Exactly
// one of IDs and Filter selects them.
type ActionRequest struct {
	Action string     `json:"action" enum:"retry,archive,delete,cancel,move,reschedule,export" doc:"What to do"`
	IDs    []string   `json:"ids,omitempty" maxItems:"10000" doc:"Jobs by id, at most 10,000"`
	Filter *JobFilter `json:"filter,omitempty" doc:"Jobs by what they are; at least one member. Without a state: archived and retry for retry; archived for export; scheduled, retry and pending for archive and reschedule, and active, too, for cancel; scheduled, retry, pending and archived for move. A deletion has to name the state"`
	Rate   int        `json:"rate,omitempty" minimum:"0" maximum:"100000" doc:"Jobs per second, 1 to 100,000; as fast as it goes when left out"`
	DryRun bool       `json:"dry_run,omitempty" doc:"Only count, and show up to 10 of the jobs"`
	Front  bool       `json:"front,omitempty" doc:"With retry and move: the jobs run next, not last"`
	Queue  string     `json:"queue,omitempty" doc:"With move: the queue to move to"`
	RunAt  *time.Time `json:"run_at,omitempty" doc:"With reschedule: the earliest start, RFC 3339"`
	Delay  *Duration  `json:"delay,omitempty" doc:"With reschedule, in place of run_at: the earliest start from now on, such as 90s"`
}

// Action is something done to many jobs, and how far it has come.
type Action struct {
	ID         string         `json:"id"`
	Action     string         `json:"action"`
	State      string         `json:"state" enum:"running,done,aborted,failed"`
	Aborting   bool           `json:"aborting,omitempty" doc:"Somebody asked it to end; what is under way is finished"`
	DryRun     bool           `json:"dry_run"`
	IDs        int            `json:"ids,omitempty" doc:"How many ids were given"`
	Filter     *JobFilter     `json:"filter,omitempty"`
	Rate       int            `json:"rate,omitempty"`
	Front      bool           `json:"front,omitempty"`
	Queue      string         `json:"queue,omitempty"`
	RunAt      *time.Time     `json:"run_at,omitempty"`
	Total      *int           `json:"total,omitempty" doc:"About how many jobs there are to look at, when that is known beforehand"`
	Matched    int            `json:"matched" doc:"Jobs found so far: done, skipped, failed, and in a dry run those that would be done"`
	Done       int            `json:"done"`
	Skipped    int            `json:"skipped"`
	Failed     int            `json:"failed"`
	Reasons    map[string]int `json:"reasons,omitempty" doc:"Why jobs were skipped: not_found, running, ended, pending, grouped, there, edited, damaged, changed"`
	Errors     []ActionError  `json:"errors,omitempty" doc:"What went wrong with single jobs, the first 10 of each queue"`
	Error      string         `json:"error,omitempty" doc:"Why the action failed"`
	Files      []string       `json:"files,omitempty" doc:"Of an export that is done: paths on the machine of the process that wrote them"`
	Sample     []Job          `json:"sample,omitempty" doc:"Up to 10 of the jobs, of a dry run"`
	CreatedAt  time.Time      `json:"created_at"`
	FinishedAt *time.Time     `json:"finished_at,omitempty" doc:"The action is kept for 7 days from then on"`
}

// Finished reports whether the action has come to its end.
func (a *Action) Finished() bool { return a.State != ActionRunning }

// ActionError says what went wrong with one job.
type ActionError struct {
	ID    string `json:"id"`
	Error string `json:"error"`
}

// ActionList is a page of actions, the newest first. NextCursor is empty on the last
// page.
type ActionList struct {
	Actions    []Action `json:"actions"`
	NextCursor string   `json:"next_cursor,omitempty"`
}

// StartAction asks for something to be done to many jobs, and returns at once; see
// [Client.Action] for how far it has come. The problem is [CodeConflict] if an
// unfinished action has the same selection.
func (c *Client) StartAction(ctx context.Context, r ActionRequest) (*Action, error) {
	return postJSON[Action](ctx, c, "/v1/actions", r)
}

// Action returns the action of that id; the problem is [CodeNotFound] if there is
// none.
func (c *Client) Action(ctx context.Context, id string) (*Action, error) {
	name, err := segment("action id", id)
	if err != nil {
		return nil, err
	}
	return get[Action](ctx, c, "/v1/actions/"+name, nil)
}

// AbortAction asks an action to end after the jobs under way, and returns it. The
// problem is [CodeConflict] if it has ended, or was asked before.
func (c *Client) AbortAction(ctx context.Context, id string) (*Action, error) {
	name, err := segment("action id", id)
	if err != nil {
		return nil, err
	}
	return post[Action](ctx, c, "/v1/actions/"+name+"/abort")
}

// Actions returns a page of the actions of the last 7 days, the newest first; limit 0
// is the server's default of 50.
func (c *Client) Actions(ctx context.Context, limit int, cursor string) (*ActionList, error) {
	q := url.Values{}
	if limit != 0 {
		q.Set("limit", strconv.Itoa(limit))
	}
	if cursor != "" {
		q.Set("cursor", cursor)
	}
	return get[ActionList](ctx, c, "/v1/actions", q)
}

// AllActions yields every action of the last 7 days, the newest first. An error ends
// it.
func (c *Client) AllActions(ctx context.Context) iter.Seq2[Action, error] {
	return func(yield func(Action, error) bool) {
		for cursor := ""; ; {
			list, err := c.Actions(ctx, 0, cursor)
			if err == nil && list.NextCursor != "" && list.NextCursor == cursor {
				err = fmt.Errorf("list actions: the server answered cursor %q with itself", excerpt(cursor))
			}
			if err != nil {
				yield(Action{}, err)
				return
			}
			for _, a := range list.Actions {
				if !yield(a, nil) {
					return
				}
			}
			if cursor = list.NextCursor; cursor == "" {
				return
			}
		}
	}
}
