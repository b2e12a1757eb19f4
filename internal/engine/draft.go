package engine

import (
	"context"
	"fmt"
	"time"

	"legwork/client"
	"legwork/internal/store"
)

// copyMarked is how long it is known of an edited copy that it was stored, so that
// storing it again does nothing, also when it has ended and is gone.
const copyMarked = 7 * 24 * time.Hour

// Draft is a job that has passed every check of [Engine.Enqueue] and is not stored.
type Draft struct {
	engine *Engine
	entry  *entry
	from   string
	front  bool
}

// Draft checks a job that may be stored as an edited copy of the job from, with the id
// that the request has; front puts it first in line. With from "" it is only checked,
// also while Redis is nearly full. Errors are those of [Engine.Enqueue].
func (e *Engine) Draft(ctx context.Context, r client.Enqueue, from string, front bool) (*Draft, error) {
	if from != "" {
		if err := e.fullness.refusal(); err != nil {
			return nil, err
		}
	}
	en, err := e.accept(ctx, &r, "")
	if err != nil {
		return nil, err
	}
	return &Draft{engine: e, entry: en, from: from, front: front}, nil
}

// Message is the job as it is stored.
func (d *Draft) Message() *store.Message { return d.entry.msg }

// Store stores the job, unless an earlier draft with its id was: then it does nothing.
// Errors are those of [Engine.Enqueue].
func (d *Draft) Store(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, d.engine.timeout)
	defer cancel()
	return enqueueError(d.entry, d.engine.storeCopy(ctx, d))
}

func (e *Engine) storeCopy(ctx context.Context, d *Draft) error {
	held, err := e.claims.take(ctx, []*entry{d.entry})
	defer e.claims.release(ctx, held)
	if err != nil {
		return err
	}
	if d.entry.err != nil {
		return d.entry.err
	}
	code, err := e.writer.copy(ctx, d)
	switch {
	case err != nil:
		return err
	case code == 0:
		return errTaken
	case code == 1:
		e.tally.enqueued(d.entry.msg, time.Now())
	}
	return nil
}

// copy stores an edited copy; the number is what the script returns.
func (w *writer) copy(ctx context.Context, d *Draft) (int, error) {
	en, front := d.entry, ""
	if d.front {
		front = "1"
	}
	if err := w.redis.SAdd(ctx, store.KeyQueues, en.msg.Queue).Err(); err != nil {
		return 0, fmt.Errorf("%w: %w", errNames, err)
	}
	k := store.KeysOf(en.msg.Queue)
	return w.edited.Run(ctx, w.redis, []string{k.Pending(), k.Scheduled(), k.Task(en.msg.ID), k.Copied(en.msg.ID)},
		k.Prefix(), en.msg.Queue, store.ChannelWake, en.msg.ID, en.encoded, en.due, d.from, front,
		time.Now().UnixNano(), int(copyMarked.Seconds())).Int()
}
