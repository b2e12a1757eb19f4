package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

// scriptJobsMax bounds one call of the enqueue script, so that Redis is never
// held for more than about a millisecond.
const scriptJobsMax = 200

// errNames is the reason of entries whose queues' names could not be noted.
var errNames = errors.New("note queues")

// errTaken is the reason of an entry whose id belongs to another job.
var errTaken = errors.New("the id is used by another job")

// writer stores entries in Redis: one script call per queue and 200 jobs, all
// calls in one pipeline.
type writer struct {
	redis   redis.UniversalClient
	enqueue *redis.Script
	edited  *redis.Script
}

func newWriter(c redis.UniversalClient) *writer {
	return &writer{redis: c, enqueue: store.Script(luaFiles, "enqueue"), edited: store.Script(luaFiles, "copy")}
}

// write stores the entries and sets err on each that was not stored. The names
// of their queues go along every time, to where asynq and the inspector look for
// them: Redis may have lost them since the last time.
func (w *writer) write(ctx context.Context, entries []*entry) {
	calls := chunk(entries)
	now := time.Now().UnixNano()
	pipe := w.redis.Pipeline()
	names := pipe.SAdd(ctx, store.KeyQueues, queuesOf(calls)...)
	for _, c := range calls {
		c.cmd = pipe.EvalSha(ctx, w.enqueue.Hash(), c.keys, c.args(now)...)
	}
	_, _ = pipe.Exec(ctx) // each command carries its own error
	if err := names.Err(); err != nil {
		failAll(entries, fmt.Errorf("%w: %w", errNames, err))
		return
	}
	for _, c := range calls {
		if redis.HasErrorPrefix(c.cmd.Err(), "NOSCRIPT") {
			c.cmd = w.enqueue.Eval(ctx, w.redis, c.keys, c.args(now)...)
		}
		c.settle()
	}
}

func queuesOf(calls []*scriptCall) []any {
	var names []any
	for _, c := range calls {
		if name := any(c.entries[0].msg.Queue); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// scriptCall is one run of the enqueue script.
type scriptCall struct {
	keys    []string
	entries []*entry
	cmd     *redis.Cmd
}

// chunk groups entries by queue, in their order, into calls of bounded size.
func chunk(entries []*entry) []*scriptCall {
	var calls []*scriptCall
	open := map[string]*scriptCall{}
	for _, e := range entries {
		c := open[e.msg.Queue]
		k := store.KeysOf(e.msg.Queue)
		if c == nil || len(c.entries) == scriptJobsMax {
			c = &scriptCall{keys: []string{k.Pending(), k.Scheduled()}}
			open[e.msg.Queue] = c
			calls = append(calls, c)
		}
		c.keys = append(c.keys, k.Task(e.msg.ID))
		c.entries = append(c.entries, e)
	}
	return calls
}

func (c *scriptCall) args(now int64) []any {
	args := make([]any, 0, 3+3*len(c.entries))
	args = append(args, now, c.entries[0].msg.Queue, store.ChannelWake)
	for _, e := range c.entries {
		args = append(args, e.msg.ID, e.encoded, e.due)
	}
	return args
}

// settle reads the script's answer into the entries.
func (c *scriptCall) settle() {
	codes, err := c.cmd.Int64Slice()
	if err == nil && len(codes) != len(c.entries) {
		err = fmt.Errorf("the enqueue script answered for %d of %d jobs", len(codes), len(c.entries))
	}
	if err != nil {
		failAll(c.entries, err)
		return
	}
	for i, e := range c.entries {
		if codes[i] == 0 {
			e.err = errTaken
		}
	}
}

func failAll(entries []*entry, err error) {
	for _, e := range entries {
		e.err = err
	}
}

// enqueueError turns the reason why an entry was not stored into the error that
// callers see.
func enqueueError(e *entry, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errTaken):
		return &jobs.Error{
			Code: jobs.CodeConflict, Message: "a job with this id exists",
			Fields: []jobs.FieldError{{Pointer: "/id", Detail: "is used by another job"}}, Err: err,
		}
	case errors.Is(err, errClaimed):
		return &jobs.Error{
			Code:    jobs.CodeUnavailable,
			Message: "another call with this id is under way or was cut off; sending it again with the same id is safe",
			Err:     err,
		}
	case store.Full(err):
		return &jobs.Error{
			Code:    jobs.CodeUnavailable,
			Message: "Redis is full: it uses all of its maxmemory; what waits is worked off, and sending the job again later with the same id is safe",
			Err:     err,
		}
	case store.Unavailable(err), errors.Is(err, errStopped), errors.Is(err, context.Canceled):
		return &jobs.Error{
			Code:    jobs.CodeUnavailable,
			Message: "Redis cannot be reached; the job may or may not be stored, and sending it again with the same id is safe",
			Err:     err,
		}
	case errors.Is(err, errNames) && store.WrongType(err):
		return &jobs.Error{Code: jobs.CodeUnavailable, Message: "the key " + store.KeyQueues + " in Redis holds something else than the names of the queues; rename or delete it", Err: err}
	case store.WrongType(err):
		return &jobs.Error{Code: jobs.CodeUnavailable, Message: "a key of queue " + store.QueueOf(e.msg.Queue) + " in Redis holds something else than it should; the worker's log says which", Err: err}
	}
	return &jobs.Error{Code: jobs.CodeInternal, Message: "the job could not be stored", Err: err}
}
