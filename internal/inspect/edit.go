package inspect

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// copyPatience is how long an edited copy that was announced and is not there may be on
// its way.
const copyPatience = time.Minute

// Draft is a job that has passed the checks of enqueuing and is not stored.
type Draft interface {
	Message() *store.Message
	// Store stores the job once, however often drafts with its id are stored.
	Store(ctx context.Context) error
}

// DraftFunc checks an edited copy of the job from, which is to be first in line with
// front; with from "" the copy is only checked. Errors are those of enqueuing.
type DraftFunc func(ctx context.Context, q client.Enqueue, from string, front bool) (Draft, error)

// RetryEdited enqueues an edited copy of a job that has ended, and returns the copy. The
// job stays where it is; they name each other. The same edit is made once: asked for
// again, also after an error or a crash, it answers with the same copy. The error is a
// *[jobs.Error]: not_found, unavailable, those of enqueuing, or conflict when the job
// has not ended, or the copy of another edit exists.
//
//	lw_as of the job: copy and call --> copy stored with lw_from, and marked --> lw_as: copy
func (i *Inspector) RetryEdited(ctx context.Context, id string, edit client.JobEdit, draft DraftFunc) (*client.Job, error) {
	digest := editDigest(edit)
	for range actionTries {
		r, err := i.ended(ctx, id)
		if err != nil {
			return nil, err
		}
		c, there, err := i.nextCopy(ctx, r, digest)
		if err != nil {
			return nil, err
		}
		if there != nil {
			return i.showCopy(ctx, r, c, there)
		}
		fresh := c.ID == ""
		if c, err = begun(c, digest); err != nil {
			return nil, err
		}
		q := edited(r, edit)
		q.ID = c.ID
		d, err := draft(ctx, q, id, edit.Front)
		if err != nil {
			return nil, err
		}
		if ok, err := i.noteCopy(ctx, r, c); err != nil {
			return nil, err
		} else if !ok {
			continue
		}
		err = d.Store(ctx)
		if err != nil && jobs.CodeOf(err) != jobs.CodeConflict {
			if fresh && store.Full(err) {
				i.forgetCopy(ctx, r)
			}
			return nil, err
		}
		return i.showStored(ctx, r, c, d.Message(), err)
	}
	return nil, busy()
}

// ended finds a job that has ended and can be read.
func (i *Inspector) ended(ctx context.Context, id string) (*record, error) {
	r, err := i.find(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case !r.state.Final():
		return nil, conflict(r, "an edited copy can be retried of archived and completed jobs only; PATCH changes one that waits")
	case r.msg == nil:
		return nil, conflict(r, "its message is damaged; delete it")
	}
	return r, nil
}

// nextCopy judges what is noted of an earlier copy. It returns that with the copy itself
// when the edit made it, alone when the edit may go on making it, and else nothing.
func (i *Inspector) nextCopy(ctx context.Context, r *record, digest string) (store.Copy, *record, error) {
	c := store.ParseCopy(r.as)
	there, err := i.copyOf(ctx, r)
	switch {
	case err != nil:
		return c, nil, err
	case c.ID == "":
		return c, nil, nil
	case there != nil && c.Edit == digest:
		return c, there, nil
	case there != nil:
		return c, nil, conflict(r, "another edited copy of it was retried as job "+c.ID+"; edit that one, or delete it first")
	case c.Edit == digest && c.Call != "":
		return c, nil, nil
	case c.Edit == digest:
		return c, nil, conflict(r, "this very edit was retried as job "+c.ID+", which is not kept any more")
	case pending(c):
		return c, nil, conflict(r, "another edited copy of it is being enqueued as job "+c.ID+"; try again in a minute")
	}
	return store.Copy{}, nil, nil
}

// begun is the copy, new or begun before, as this call notes it.
func begun(c store.Copy, digest string) (store.Copy, error) {
	c.Edit, c.Call = digest, uuid.NewString()
	if c.ID == "" {
		id, err := uuid.NewV7()
		if err != nil {
			return c, fmt.Errorf("make a job id: %w", err)
		}
		c.ID = id.String()
	}
	return c, nil
}

// copyOf finds the edited copy of the job; nil when there is none, or none any more.
func (i *Inspector) copyOf(ctx context.Context, r *record) (*record, error) {
	c := store.ParseCopy(r.as)
	if c.ID == "" {
		return nil, nil
	}
	there, err := i.find(ctx, c.ID)
	if jobs.CodeOf(err) == jobs.CodeNotFound {
		return nil, nil
	}
	return there, err
}

// pending reports whether the copy may be on its way at this moment. Its id tells when it
// was begun.
func pending(c store.Copy) bool {
	return c.Call != "" && time.Since(store.Meta{}.CreatedAt(c.ID)) < copyPatience
}

// superseded is why a job that has ended is not to run again itself, or nil.
func (i *Inspector) superseded(ctx context.Context, r *record) error {
	there, err := i.copyOf(ctx, r)
	c := store.ParseCopy(r.as)
	switch {
	case err != nil:
		return err
	case there != nil, c.ID != "" && pending(c):
		return conflict(r, "an edited copy of it was retried as job "+c.ID+"; retry or edit that one, or delete it first")
	}
	return nil
}

// noteCopy notes the copy of the job; false when the job has changed.
func (i *Inspector) noteCopy(ctx context.Context, r *record, c store.Copy) (bool, error) {
	text := c.Encode()
	n, err := i.claimCopy.Run(ctx, i.redis, []string{store.KeysOf(r.queue).Task(r.id)}, string(r.state), r.raw, r.as, text).Int()
	if err == nil && n == 1 {
		r.as = text
	}
	return n == 1, wrap("note the edited copy of the job", err)
}

// forgetCopy takes back what this call has noted of a copy that Redis refused, unless
// another call goes on with it.
func (i *Inspector) forgetCopy(ctx context.Context, r *record) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_, _ = i.noteCopy(ctx, r, store.Copy{}) // what stays can be retried by the same edit, or after a minute by another
}

// showStored shows a copy that was just stored, though it may have ended and be gone.
// taken is nil, or says that a job has its id: the copy, as another call has stored it.
func (i *Inspector) showStored(ctx context.Context, r *record, c store.Copy, m *store.Message, taken error) (*client.Job, error) {
	there, err := i.find(ctx, c.ID)
	switch {
	case taken != nil && (err != nil || there.from != r.id):
		return nil, taken
	case jobs.CodeOf(err) == jobs.CodeNotFound:
		there = &record{id: m.ID, queue: m.Queue, state: jobs.StatePending, msg: m, from: r.id}
	case err != nil:
		return nil, err
	}
	return i.showCopy(ctx, r, c, there)
}

// showCopy notes that the copy was stored, and shows it.
func (i *Inspector) showCopy(ctx context.Context, r *record, c store.Copy, there *record) (*client.Job, error) {
	if c.Call != "" {
		c.Call = ""
		if _, err := i.noteCopy(ctx, r, c); err != nil {
			return nil, err
		}
	}
	return i.show(ctx, there)
}

// edited is the job as a request to enqueue it, with what is to be another.
func edited(r *record, edit client.JobEdit) client.Enqueue {
	meta := r.msg.Meta()
	retention := client.Duration(time.Duration(r.msg.Retention) * time.Second)
	q := client.Enqueue{
		Type: r.msg.Type, Payload: r.msg.Payload, Queue: store.QueueOf(r.queue), RunAt: edit.RunAt, Delay: edit.Delay,
		MaxRetries: &r.msg.Retry, Retention: &retention, Headers: r.msg.UserHeaders(), Tags: meta.Tags,
	}
	if meta.Timeout > 0 {
		d := client.Duration(time.Duration(meta.Timeout) * time.Millisecond)
		q.Timeout = &d
	}
	if meta.Until > 0 {
		until := time.UnixMilli(meta.Until).UTC()
		q.Deadline = &until
	}
	if len(edit.Payload) > 0 {
		q.Payload = edit.Payload
	}
	if edit.Queue != "" {
		q.Queue = edit.Queue
	}
	if edit.MaxRetries != nil {
		q.MaxRetries = edit.MaxRetries
	}
	if edit.Timeout != nil {
		q.Timeout = edit.Timeout
	}
	if edit.Deadline != nil {
		q.Deadline = edit.Deadline
	}
	return q
}

// editDigest stands for what is edited, however the payload is spaced.
func editDigest(edit client.JobEdit) string {
	var payload bytes.Buffer
	if json.Compact(&payload, edit.Payload) == nil {
		edit.Payload = payload.Bytes()
	}
	raw, err := json.Marshal(edit)
	if err != nil {
		raw = edit.Payload // no JSON: the checks refuse it
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}
