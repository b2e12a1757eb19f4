package engine

import (
	"bytes"
	"context"
	"log/slog"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
)

// jobLabel is the profiler label that handlers' goroutines carry.
const jobLabel = "legwork_job"

// zombies are handlers that go on although asynq has given up waiting for them:
// they ignored their cancelled context. The job of a zombie is held until the
// handler returns, so that it never runs twice at once in this process.
type zombies struct {
	log   *slog.Logger
	count atomic.Int64 // zombies at this moment

	abandon sync.Once
	left    chan struct{} // closed when a stop waits no longer
}

func newZombies(log *slog.Logger) *zombies { return &zombies{log: log, left: make(chan struct{})} }

// hold returns true when the handler has returned, and false when the process
// stops before that.
func (z *zombies) hold(id string, returned <-chan struct{}) bool {
	z.log.Error("handler ignores its cancelled context; its job is held until it returns",
		"job", id, "zombies", z.count.Add(1), "stack", stackOf(id))
	defer z.count.Add(-1)
	select {
	case <-returned:
		z.log.Warn("handler that ignored its context has returned", "job", id)
		return true
	case <-z.left:
		return false
	}
}

// release lets the jobs of zombies go back to their queues.
func (z *zombies) release() { z.abandon.Do(func() { close(z.left) }) }

// labelled runs fn on this goroutine with the job's label.
func labelled(ctx context.Context, id string, fn func(context.Context)) {
	pprof.Do(ctx, pprof.Labels(jobLabel, id), fn)
}

// stackOf returns the stack of the goroutine that runs the job's handler.
func stackOf(id string) string {
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		return ""
	}
	for block := range strings.SplitSeq(all.String(), "\n\n") {
		if strings.Contains(block, jobLabel) && strings.Contains(block, `"`+id+`"`) {
			return block
		}
	}
	return ""
}
