package engine

import (
	"context"
	"sync"
	"time"
)

// progressEvery bounds how often one job's progress is logged.
const progressEvery = time.Second

// progress is what a handler has last reported.
type progress struct {
	mu   sync.Mutex
	last time.Time // guarded by mu
}

// report writes a handler's progress to the process log, thinned out. That of a
// run that has lost its job is dropped: another run reports by now.
func (r *run) report(ctx context.Context, done, total int64) {
	p := &r.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); done >= total || now.Sub(p.last) >= progressEvery {
		p.last = now
		if isLost(ctx) {
			r.log().DebugContext(ctx, "progress dropped: the job is not this run's any more")
			return
		}
		r.log().DebugContext(ctx, "progress", "done", done, "total", total)
	}
}
