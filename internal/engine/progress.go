package engine

import (
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

// report writes a handler's progress to the process log, thinned out.
func (r *run) report(done, total int64) {
	p := &r.progress
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); done >= total || now.Sub(p.last) >= progressEvery {
		p.last = now
		r.log().Debug("progress", "done", done, "total", total)
	}
}
