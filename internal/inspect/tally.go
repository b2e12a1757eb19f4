package inspect

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// actionErrorsMax bounds the errors shown of one action.
const actionErrorsMax = 10

// counts is what an action has counted.
type counts struct {
	Matched int                  `json:"matched"`
	Done    int                  `json:"done"`
	Failed  int                  `json:"failed"`
	Skipped map[string]int       `json:"skipped,omitempty"` // by reason
	Errors  []client.ActionError `json:"errors,omitempty"`
}

// skip counts jobs that were skipped.
func (c *counts) skip(reason string, n int) {
	if n == 0 {
		return
	}
	if c.Skipped == nil {
		c.Skipped = map[string]int{}
	}
	c.Skipped[reason] += n
}

func (c *counts) skipped() (n int) {
	for _, m := range c.Skipped {
		n += m
	}
	return n
}

// add reads the progress of one shard.
func (c *counts) add(progress map[string]string) {
	for field, value := range progress {
		n, _ := strconv.Atoi(value)
		name, rest, _ := strings.Cut(field, ":")
		switch name {
		case "done":
			c.Done += n
		case "failed":
			c.Failed += n
		case "skipped":
			c.skip(rest, n)
		case "error":
			if len(c.Errors) < actionErrorsMax {
				c.Errors = append(c.Errors, client.ActionError{ID: rest, Error: value})
			}
		}
	}
}

// Action returns one action and how far it has come. The error is a *[jobs.Error]:
// not_found or unavailable. Cost: one command, and one per shard while it runs.
func (a *Actions) Action(ctx context.Context, id string) (*client.Action, error) {
	o, fields, err := a.readOrder(ctx, id)
	if err != nil {
		return nil, err
	}
	if o == nil {
		return nil, &jobs.Error{Code: jobs.CodeNotFound, Message: "no such action: there is none with this id, or it ended more than 7 days ago"}
	}
	out := o.view(fields)
	c, err := a.counts(ctx, o, fields)
	if err != nil {
		return nil, err
	}
	out.Matched, out.Done, out.Failed, out.Skipped = c.Matched, c.Done, c.Failed, c.skipped()
	out.Reasons, out.Errors = c.Skipped, c.Errors
	if !o.DryRun {
		out.Matched = c.Done + c.Failed + out.Skipped - c.Skipped[skipNotFound]
	}
	return out, nil
}

// counts adds up what the action has counted, over its shards.
func (a *Actions) counts(ctx context.Context, o *order, fields map[string]string) (*counts, error) {
	c := &counts{}
	if text := fields[fieldTotals]; text != "" {
		_ = json.Unmarshal([]byte(text), c) // written by encodeJSON
		return c, nil
	}
	missing, _ := strconv.Atoi(fields[fieldMissing])
	c.skip(skipNotFound, missing)
	if len(o.shards) == 0 {
		return c, nil
	}
	pipe := a.redis.Pipeline()
	reads := make([]*redis.MapStringStringCmd, len(o.shards))
	for n, shard := range o.shards {
		reads[n] = pipe.HGetAll(ctx, store.KeysOf(shard).Progress(o.id))
	}
	if err := exec(ctx, pipe); err != nil {
		return nil, wrap("read the progress of the action", err)
	}
	for _, r := range reads {
		c.add(r.Val())
	}
	return c, nil
}

// view puts the order into the words of the API, without its counts.
func (o *order) view(fields map[string]string) *client.Action {
	out := &client.Action{
		ID: o.id, Action: o.Action, State: client.ActionRunning, DryRun: o.DryRun, Filter: o.Filter, Rate: o.Rate, Front: o.Front,
		Queue: o.Queue, CreatedAt: o.created, Aborting: fields[fieldAbort] != "", Error: fields[fieldError],
	}
	out.IDs, _ = strconv.Atoi(fields[fieldIDs])
	if total, err := strconv.Atoi(fields[fieldTotal]); err == nil && total >= 0 {
		out.Total = &total
	}
	if o.Action == client.ActionReschedule {
		due := o.due.UTC()
		out.RunAt = &due
	}
	if state := fields[fieldState]; state != "" {
		at := microTime(fields[fieldFinished])
		out.State, out.FinishedAt, out.Aborting = state, &at, false
	}
	if text := fields[fieldFiles]; text != "" {
		_ = json.Unmarshal([]byte(text), &out.Files) // written by encodeJSON
	}
	if text := fields[fieldSample]; text != "" {
		_ = json.Unmarshal([]byte(text), &out.Sample) // written by encodeJSON
	}
	return out
}

// List returns a page of the actions that are kept, the newest first. The error is a
// *[jobs.Error]: invalid_request or unavailable.
func (a *Actions) List(ctx context.Context, limit int, cursor string) (*client.ActionList, error) {
	if limit == 0 {
		limit = LimitDefault
	}
	if limit < 0 || limit > LimitMax {
		return nil, &jobs.Error{Code: jobs.CodeInvalidRequest, Message: "the list has wrong parameters", Fields: []jobs.FieldError{{
			Pointer: "/limit", Detail: "must be 1 to " + strconv.Itoa(LimitMax),
		}}}
	}
	from := "+"
	if cursor != "" {
		if id, err := uuid.Parse(cursor); err != nil || id.String() != cursor {
			return nil, badCursor("is not a cursor of this server; start again without one")
		}
		from = "(" + cursor
	}
	list := &client.ActionList{Actions: []client.Action{}}
	for len(list.Actions) < limit {
		ids, err := a.redis.ZRevRangeByLex(ctx, store.KeyActions, &redis.ZRangeBy{Max: from, Min: "-", Count: int64(limit - len(list.Actions))}).Result()
		if err != nil {
			return nil, wrap("list the actions", err)
		}
		if len(ids) == 0 {
			return list, nil
		}
		for _, id := range ids {
			from = "(" + id
			one, err := a.Action(ctx, id)
			switch {
			case err == nil:
				list.Actions = append(list.Actions, *one)
			case jobs.CodeOf(err) != jobs.CodeNotFound:
				return nil, err
			default: // no longer kept
				_ = a.redis.ZRem(ctx, store.KeyActions, id).Err()
			}
		}
	}
	list.NextCursor = from[1:]
	return list, nil
}
