package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// errNotActive is how asynq's scripts say that a job is not active any more.
var errNotActive = errors.New("NOT FOUND")

// ended is a job that ran well, on its way to Redis.
type ended struct {
	id       string
	queue    string
	dayKey   string // counter of the day
	statsEnd any    // when that counter expires, Unix seconds
	until    any    // end of retention, Unix seconds; "0" deletes the job
	message  any
	field    string // result or reason to store, or ""
	value    any
	err      error // why it was not ended
}

// acker ends jobs that ran well, many with one call.
type acker struct {
	redis  redis.UniversalClient
	holder string
	finish *redis.Script
	*coalescer[*ended]
}

func newAcker(c redis.UniversalClient, holder string) *acker {
	a := &acker{redis: c, holder: holder, finish: luaScript("finish")}
	a.coalescer = newCoalescer(a.writeAll, ackTryMax)
	return a
}

// ack ends one job. The error is errNotActive, or that of the call.
func (a *acker) ack(ctx context.Context, e *ended) error {
	if err := a.put(ctx, e); err != nil {
		return err
	}
	return e.err
}

func (a *acker) writeAll(ctx context.Context, jobs []*ended) {
	byQueue := map[string][]*ended{}
	for _, j := range jobs {
		byQueue[j.queue] = append(byQueue[j.queue], j)
	}
	for queue, group := range byQueue {
		a.writeQueue(ctx, store.KeysOf(queue), group)
	}
}

func (a *acker) writeQueue(ctx context.Context, k store.Keys, jobs []*ended) {
	keys := make([]string, 0, 5+len(jobs))
	keys = append(keys, k.Active(), k.Lease(), k.Completed(), jobs[0].dayKey, k.Processed())
	args := make([]any, 0, 3+5*len(jobs))
	args = append(args, jobs[0].statsEnd, time.Now().UnixMilli(), a.holder)
	for _, j := range jobs {
		keys = append(keys, k.Task(j.id))
		args = append(args, j.id, j.until, j.message, j.field, j.value)
	}
	codes, err := a.finish.Run(ctx, a.redis, keys, args...).Int64Slice()
	if err == nil && len(codes) != len(jobs) {
		err = fmt.Errorf("the finish script answered for %d of %d jobs", len(codes), len(jobs))
	}
	for i, j := range jobs {
		switch {
		case err != nil:
			j.err = err
		case codes[i] == 0:
			j.err = errNotActive
		}
	}
}
