package engine

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// entry is an accepted job on its way to Redis.
type entry struct {
	msg     *store.Message
	meta    store.Meta // of msg
	encoded []byte
	due     string // Unix seconds with a fraction; "0" means at once
	chosen  bool   // the caller chose the id
	err     error  // why it was not stored
}

// prepare checks a request and turns it into an entry with the type's defaults.
// The error is a *jobs.Error that lists everything wrong with the request.
func (e *Engine) prepare(def *jobs.Definition, r *client.Enqueue, waiter string, now time.Time) (*entry, error) {
	c := checker{now: now}
	msg := &store.Message{ID: r.ID, Type: def.Name, Queue: def.Queue, Retry: def.MaxRetries}
	c.name("/queue", r.Queue, jobs.CheckQueue, &msg.Queue)
	c.name("/id", r.ID, jobs.CheckID, &msg.ID)
	runAt := c.runAt(r)
	deadline := c.deadline(r, runAt)
	timeout := c.timeout(r, def)
	retention := c.retention(r, def, waiter)
	c.retries(r, &msg.Retry)
	if len(r.Headers) > 0 {
		msg.Headers = c.headers(r)
	}
	c.tags(r)
	if len(c.fields) > 0 {
		return nil, &jobs.Error{Code: jobs.CodeInvalidRequest, Message: "the job has wrong fields", Fields: c.fields}
	}
	var err error
	if msg.Payload, err = e.payload(def, r.Payload); err != nil {
		return nil, err
	}
	msg.Queue = e.spread.shard(msg.Queue, r.ID)
	if msg.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, fmt.Errorf("make a job id: %w", err)
		}
		msg.ID = id.String()
	}
	msg.Timeout = ceilSeconds(timeout + timeoutSlack)
	msg.Retention = ceilSeconds(retention)
	meta := store.Meta{Created: now.UnixMicro(), Timeout: timeout.Milliseconds(), Tags: r.Tags, Waiter: waiter}
	out := &entry{msg: msg, chosen: r.ID != "", due: "0"}
	if runAt.After(now) {
		meta.RunAt = runAt.UnixMicro()
		out.due = unixFraction(runAt.Add(time.Microsecond - 1))
	}
	if !deadline.IsZero() {
		meta.Until = deadline.UnixMilli()
	}
	out.meta = meta
	msg.SetMeta(meta)
	out.encoded = msg.Encode()
	return out, nil
}

func (e *Engine) payload(def *jobs.Definition, raw json.RawMessage) ([]byte, error) {
	if len(raw) == 0 {
		raw = json.RawMessage("{}")
	}
	if len(raw) > e.limits.Payload {
		return nil, &jobs.Error{
			Code:    jobs.CodeTooLarge,
			Message: fmt.Sprintf("the payload has %d bytes, the limit is %d; store large data elsewhere and pass a reference", len(raw), e.limits.Payload),
			Fields:  []jobs.FieldError{{Pointer: "/payload", Detail: "is too large"}},
		}
	}
	if wrong := def.Payload.Validate(raw); len(wrong) > 0 {
		for i := range wrong {
			wrong[i].Pointer = "/payload" + wrong[i].Pointer
		}
		return nil, &jobs.Error{Code: jobs.CodeInvalidPayload, Message: "the payload does not match the schema of type " + def.Name, Fields: wrong}
	}
	return raw, nil
}

// ceilSeconds rounds up: asynq counts in whole seconds, and a job must not be
// cut short by that.
func ceilSeconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }
