package inspect

import (
	"context"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

// wishTTL is how long a worker that cannot be reached may find what it was asked for.
const wishTTL = 24 * time.Hour

// Ask asks a worker process for something: store.WishQuiet or store.WishResume.
// [Inspector.Confirmed] waits for its word. The error is a *[jobs.Error]: not_found,
// unavailable, or conflict when the process is lost or stops.
func (i *Inspector) Ask(ctx context.Context, id, what string) (store.Wish, error) {
	w, err := i.Worker(ctx, id)
	switch {
	case err != nil:
		return store.Wish{}, err
	case w.State == client.WorkerLost:
		return store.Wish{}, jobs.Errorf(jobs.CodeConflict, "the worker is lost: it gives no sign of life, and the jobs that it holds are given to others")
	case w.State == client.WorkerStopping:
		return store.Wish{}, jobs.Errorf(jobs.CodeConflict, "the worker is stopping: it takes no more jobs, and ends once it has finished those that it runs")
	}
	key := store.KeyWishPrefix + id
	number, err := i.wish.Run(ctx, i.redis, []string{key}, what, int(wishTTL/time.Second), store.ChannelWish, id).Int64()
	if err != nil {
		return store.Wish{}, wrap("ask the worker", err)
	}
	return store.Wish{Number: number, What: what}, nil
}

// Confirmed waits at most so long for the worker to say that it has done what it was
// asked for, and returns the worker as it then is; its Asked says what it has not
// confirmed yet. Errors as [Inspector.Ask], with conflict also when the worker was
// asked for the contrary meanwhile.
func (i *Inspector) Confirmed(ctx context.Context, id string, wish store.Wish, most time.Duration) (*client.Worker, error) {
	waiting, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	applied := store.Wish{}
	err := poll(waiting, func() (bool, error) {
		raw, err := i.redis.Get(waiting, store.KeyStatusPrefix+id).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return false, wrap("read the worker's word", err)
		}
		applied = appliedBy(statusOf(raw))
		return applied.Number >= wish.Number, nil
	})
	if err != nil {
		return nil, err
	}
	if applied.Number > wish.Number && applied.What != wish.What {
		return nil, jobs.Errorf(jobs.CodeConflict, "somebody has asked the worker for the contrary (%s) meanwhile", applied.What)
	}
	return i.Worker(ctx, id)
}
