package inspect

import (
	"context"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// While somebody waits for a worker's word, Redis is asked after wordFirst, and then
// after pauses that double up to wordMost.
const (
	wordFirst = 2 * time.Millisecond
	wordMost  = 50 * time.Millisecond
)

// Acknowledged waits, until ctx ends, for the worker that runs the job to end the
// handler's context on [Inspector.Cancel]'s request, or for the job's end. It returns
// the job as it then is: one that still runs has its Cancel, without an AcknowledgedAt
// when the worker has not said anything. The wish is told again meanwhile: a job that
// has only just been taken was not running when it was told first. Errors as
// [Inspector.Job]; the job may have ended without leaving anything.
func (i *Inspector) Acknowledged(ctx context.Context, j *client.Job) (*client.Job, error) {
	told := time.Now()
	err := poll(ctx, func() (bool, error) {
		if time.Since(told) > 4*wordMost {
			told = time.Now()
			if err := i.redis.Publish(ctx, store.ChannelCancel, j.ID).Err(); err != nil {
				return false, wrap("tell the workers", err)
			}
		}
		now, err := i.Job(ctx, j.ID)
		if err != nil && jobs.CodeOf(err) == jobs.CodeNotFound {
			return false, jobs.Errorf(jobs.CodeNotFound, "the job has ended meanwhile, and nothing is kept of it")
		}
		if err != nil {
			return false, err
		}
		j = now
		return j.State != string(jobs.StateActive) || j.Cancel == nil || j.Cancel.AcknowledgedAt != nil, nil
	})
	return j, err
}

// poll asks until the answer is yes or ctx ends, which is no error.
func poll(ctx context.Context, ask func() (bool, error)) error {
	for pause := wordFirst; ; pause = min(2*pause, wordMost) {
		done, err := ask()
		if done || err != nil && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}
