package engine

import (
	"bytes"
	"context"
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
func (p *Pool) watch(ctx context.Context) {
	every(ctx, zombieLook, func() {
		risen, unbegun, n := p.holdings.late(time.Now().Add(-zombieGrace))
		for _, j := range risen {
			p.log.ErrorContext(ctx, "handler ignores its cancelled context; its job is held until it returns",
				"job", j.id, "queue", j.queue, "zombies", n, "stack", stackOf(j.hand))
		}
		for _, j := range unbegun {
			p.bury(j)
		}
		p.zombies.Store(int64(n))
	})
}

// bury makes a dead letter of a job that asynq could not read, and so did not run.
func (p *Pool) bury(j *holding) {
	if store.Readable([]byte(j.raw)) {
		return // it is only late
	}
	p.log.Error("job cannot be read; it is a dead letter now", "job", j.id, "queue", j.queue)
	p.acker.end(&ending{holding: j, to: jobs.StateArchived, due: unixFraction(time.Now()), message: j.raw})
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
