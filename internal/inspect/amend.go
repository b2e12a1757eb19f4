package inspect

import (
	"context"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// Amend changes a job that waits, where it is, checked as a new job is. A job that is
// pending may come to wait for a later time. The error is a *[jobs.Error]: not_found,
// unavailable, those of enqueuing, or conflict when the job does not wait.
func (i *Inspector) Amend(ctx context.Context, id string, edit client.JobEdit, draft DraftFunc) (*client.Job, error) {
	if err := checkAmend(edit); err != nil {
		return nil, err
	}
	for range actionTries {
		r, err := i.find(ctx, id)
		if err != nil {
			return nil, err
		}
		switch {
		case r.state.Final():
			return nil, conflict(r, "it has ended; POST its edit to /v1/jobs/{id}/retry")
		case r.state == jobs.StateActive:
			return nil, conflict(r, "it runs; cancel it, and retry an edited copy")
		case store.KeysOf(r.queue).State(string(r.state)) == "":
			return nil, grouped(r)
		case r.msg == nil:
			return nil, conflict(r, "its message is damaged; delete it")
		}
		d, err := draft(ctx, edited(r, edit), "", false)
		if err != nil {
			return nil, err
		}
		done, err := i.amendTo(ctx, r, edit, d.Message())
		if err != nil {
			return nil, err
		}
		if done {
			return i.show(ctx, r)
		}
	}
	return nil, busy()
}

func checkAmend(edit client.JobEdit) error {
	e := &jobs.Error{Code: jobs.CodeInvalidRequest, Message: "the job cannot be changed so"}
	for _, f := range []struct {
		wrong           bool
		pointer, detail string
	}{
		{edit.Queue != "", "/queue", `cannot be changed in place; move the job with POST /v1/actions {"action":"move"}`},
		{edit.Front, "/front", "goes with a retry only"},
		{edit.Empty() && edit.Queue == "" && !edit.Front, "", "says nothing to change"},
	} {
		if f.wrong {
			e.Fields = append(e.Fields, jobs.FieldError{Pointer: f.pointer, Detail: f.detail})
		}
	}
	if len(e.Fields) > 0 {
		return e
	}
	return nil
}

// amendTo makes the job what was drafted of it, as far as it is edited; false when the
// job has changed.
func (i *Inspector) amendTo(ctx context.Context, r *record, edit client.JobEdit, draft *store.Message) (bool, error) {
	old, from := r.raw, r.state
	want := draft.Meta()
	meta, ours, err := r.msg.OwnMeta()
	if err != nil {
		return false, conflict(r, "it was written by a later version; change it with that one")
	}
	r.msg.Payload, r.msg.Retry = draft.Payload, draft.Retry
	score := ""
	if edit.RunAt != nil || edit.Delay != nil {
		due := time.Now()
		if want.RunAt > 0 {
			due = time.UnixMicro(want.RunAt)
		}
		switch {
		case r.state != jobs.StatePending:
			score = unixText(due)
		case want.RunAt > 0:
			score, r.state = unixText(due), jobs.StateScheduled
		}
		meta.RunAt = want.RunAt
	}
	switch {
	case ours:
		meta.Timeout, meta.Until, r.msg.Timeout = want.Timeout, want.Until, draft.Timeout
		r.msg.SetMeta(meta)
	case edit.Timeout != nil || edit.Deadline != nil:
		return false, conflict(r, "another asynq client made it, whose timeout and deadline cannot be changed")
	}
	k := store.KeysOf(r.queue)
	n, err := i.amend.Run(ctx, i.redis, []string{k.Task(r.id), k.State(string(from)), k.State(string(r.state))},
		k.Prefix(), r.id, string(from), old, r.msg.Encode(), string(r.state), score, r.msg.Type, r.queue, store.ChannelWake).Int()
	if err != nil {
		return false, wrap("change the job", err)
	}
	if n == 1 && score != "" {
		r.since = 0
		return true, i.addDue(ctx, r)
	}
	return n == 1, nil
}
