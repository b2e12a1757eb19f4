package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"legwork/internal/store"
)

// ackMax bounds the jobs that have run and are not yet ended in Redis. Beyond it
// the slots of further ones stay taken.
const ackMax = 1024

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
	giveUp   time.Time // end of the lease
	then     func()    // called once the job has ended; may be nil
	err      error     // outcome of the last try
}

// acker ends jobs that ran well, many with one call, while their slots take the
// next ones. It tries until Redis has got it or the lease ends.
type acker struct {
	redis  redis.UniversalClient
	holder string
	finish *redis.Script
	log    *slog.Logger
	over   <-chan struct{} // closed when nothing is tried again any more
	room   chan struct{}   // one token for each job in hand
	*coalescer[*ended]
}

func newAcker(c redis.UniversalClient, holder string, over <-chan struct{}, log *slog.Logger) *acker {
	a := &acker{redis: c, holder: holder, finish: luaScript("finish"), log: log, over: over, room: make(chan struct{}, ackMax)}
	a.coalescer = newCoalescer(a.writeAll, ackTryMax)
	return a
}

// end takes the job and returns at once, unless very many are in hand.
func (a *acker) end(j *ended) {
	j.giveUp = time.Now().Add(leaseTime)
	a.room <- struct{}{}
	a.post(j)
}

// writeAll ends the jobs, again and again where Redis cannot be reached.
func (a *acker) writeAll(_ context.Context, jobs []*ended) {
	defer func() {
		for range jobs {
			<-a.room
		}
	}()
	left := jobs
	for pause, try := ackRetryMin, 1; ; try++ {
		ctx, cancel := context.WithTimeout(context.Background(), ackTryMax)
		a.write(ctx, left)
		cancel()
		if left = a.settle(left, try); len(left) == 0 {
			return
		}
		select {
		case <-a.over:
			a.log.Error("jobs ran and could not be ended before the stop; they will run again", "jobs", len(left))
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, ackRetryMax)
	}
}

// settle concludes the jobs whose try succeeded or cannot succeed, and returns
// those to try again.
func (a *acker) settle(jobs []*ended, try int) []*ended {
	var again []*ended
	for _, j := range jobs {
		switch {
		case j.err == nil, try > 1 && errors.Is(j.err, errNotActive): // or an earlier try had arrived
			if j.then != nil {
				j.then()
			}
		case store.Unavailable(j.err) && time.Now().Before(j.giveUp):
			again = append(again, j)
		default:
			a.log.Error("job ran and could not be ended; it will run again", "job", j.id, "queue", j.queue, "tries", try, "error", j.err)
		}
	}
	if len(again) > 0 {
		a.log.Warn("acknowledgements failed, trying again", "jobs", len(again), "try", try, "error", again[0].err)
	}
	return again
}

func (a *acker) write(ctx context.Context, jobs []*ended) {
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
		j.err = err
		if err == nil && codes[i] == 0 {
			j.err = errNotActive
		}
	}
}
