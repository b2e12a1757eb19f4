package engine

import (
	"context"
	"errors"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
	"legwork/jobs"
)

// record notes the attempt that a script of asynq's has just ended as failed: that of
// a job which asynq's own script took, and whose lease asynq's recoverer found ended,
// or any with the behaviour left to asynq.
func (s *seam) record(ctx context.Context, kind scriptKind, keys []string, args []any, cmd *redis.Cmd) {
	if kind != scriptRetry && kind != scriptArchive || cmd.Err() != nil || len(args) < 2 {
		return
	}
	raw, _ := args[1].([]byte)
	msg, err := store.Decode(raw)
	if err != nil {
		return
	}
	to, set, number := jobs.StateRetry, store.KeysOf(queueOf(keys)).Retry(), msg.Retried
	if kind == scriptArchive {
		to, set, number = jobs.StateArchived, store.KeysOf(queueOf(keys)).Archived(), msg.Retried+1
	}
	f := newFailed(msg.Type, store.Attempt{Number: number, Kind: kindOfAsynqs(msg.Error), Error: clip(msg.Error)}, time.Now())
	k := store.KeysOf(queueOf(keys))
	fingerprint, record := f.words(to)
	err = s.worker.records.Run(context.WithoutCancel(ctx), s.UniversalClient, []string{k.Task(msg.ID), set},
		msg.ID, string(to), k.Prefix(), msg.Type, fingerprint, record).Err()
	switch {
	case err == nil || errors.Is(err, redis.Nil):
		s.worker.tellFailure(queueOf(keys), msg.ID, f, to)
	default:
		s.worker.Log.Warn("failed attempt not recorded", "job", msg.ID, "queue", queueOf(keys), "error", err)
	}
}

// kindOfAsynqs tells what made a run fail that asynq has ended, by the error that it
// leaves in the message.
func kindOfAsynqs(text string) string {
	if text == asynq.ErrLeaseExpired.Error() {
		return store.KindLeaseLost
	}
	return store.KindError
}

// tellFailure passes a failed attempt on, once it has ended in Redis.
func (w *Worker) tellFailure(queue, id string, f *failed, to jobs.State) {
	if f != nil && w.onFailure != nil {
		w.onFailure(queue, f.kind, id, f.Attempt, to)
	}
}

// failureFunc is told of a failed attempt of a job of a queue's shard, and of the
// state that the job has now.
type failureFunc func(queue, jobType, id string, a store.Attempt, to jobs.State)
