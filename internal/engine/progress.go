package engine

import (
	"context"
	"sync"
	"time"
)

// progressEvery bounds how often one job's progress is logged.
const progressEvery = time.Second

// progress is when a handler's progress was last logged.
type progress struct {
	mu   sync.Mutex
	last time.Time // guarded by mu
}

// due reports whether progress is to be logged, and notes that it is.
func (p *progress) due(finished bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if !finished && now.Sub(p.last) < progressEvery {
		return false
	}
	p.last = now
	return true
}

// report keeps a handler's progress with its job, and writes it to the process log,
// thinned out. That of a run that has lost its job is dropped: another run reports
// by now.
func (r *run) report(ctx context.Context, done, total int64) {
	lost := isLost(ctx)
	if j := r.journal(); j != nil && !lost {
		j.report(done, total)
	}
	if !r.progress.due(done >= total) {
		return
	}
	if lost {
		r.log().DebugContext(ctx, "progress dropped: the job is not this run's any more")
		return
	}
	r.log().DebugContext(ctx, "progress", "done", done, "total", total)
}
