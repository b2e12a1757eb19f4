package engine

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strings"
	"time"

	"legwork/internal/store"
	"legwork/jobs"
)

const (
	// handLabel is the profiler label of goroutines that run handlers.
	handLabel = "legwork_hand"
	// zombieGrace is how long a handler may take to return once its context has
	// ended.
	zombieGrace = 2 * time.Second
	// zombieLook is how often late handlers are looked for.
	zombieLook = time.Second
)

// watch tells of zombies until ctx ends: handlers that ignore their cancelled
// context. The job of a zombie stays this process's, and its slot stays taken,
// until the handler returns, so that it never runs twice at once here.
func (w *Worker) watch(ctx context.Context) {
	every(ctx, zombieLook, func() {
		risen, left, n := w.holdings.late(time.Now().Add(-zombieGrace))
		for _, j := range risen {
			w.Log.ErrorContext(ctx, "handler ignores its cancelled context; its job is held until it returns",
				"job", j.id, "queue", j.queue, "zombies", n, "stack", stackOf(j.hand))
		}
		for _, j := range left {
			w.endLeft(ctx, j)
		}
		w.zombies.Store(int64(n))
		if limit := w.zombieLimit(); n >= limit {
			w.fail(fmt.Errorf("%w: %d, the limit is %d; their jobs go back to their queues at the stop", ErrZombies, n, limit))
		}
	})
}

// zombieLimit is how many zombies make the worker useless.
func (w *Worker) zombieLimit() int {
	if w.ZombieLimit > 0 {
		return w.ZombieLimit
	}
	return max(1, int(w.slots.Load()))
}

// fail tells the owner of the worker, once.
func (w *Worker) fail(err error) {
	select {
	case w.broken <- err:
		w.Log.Error("the worker fails", "error", err)
	default:
	}
}

// endLeft ends a job that asynq will not: it takes its lease for over, or cannot read
// its text, which is not UTF-8. A job that is only late to begin is left alone.
func (w *Worker) endLeft(ctx context.Context, j *holding) {
	switch {
	case j.begun && !w.plain(Acknowledge):
		w.acker.end(w.ownEnding(j))
	case !j.begun && !store.Readable([]byte(j.raw)):
		w.Log.ErrorContext(ctx, "job cannot be read; it is a dead letter now", "job", j.id, "queue", j.queue)
		w.acker.end(&ending{holding: j, to: jobs.StateArchived, due: unixFraction(time.Now()), message: j.raw})
	}
}

// stackOf returns the stack of the goroutine with the name.
func stackOf(hand string) string {
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		return ""
	}
	for block := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(block, handLabel) && strings.Contains(block, `"`+hand+`"`) {
			return block
		}
	}
	return ""
}
