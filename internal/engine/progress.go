package engine

import (
	"log/slog"
	"sync"
	"time"
)

// progressEvery bounds how often one job's progress is logged.
const progressEvery = time.Second

// progress writes what a handler reports to the process log, thinned out.
type progress struct {
	log  *slog.Logger
	mu   sync.Mutex
	last time.Time // guarded by mu
}

func newProgress(log *slog.Logger) *progress { return &progress{log: log} }

func (p *progress) report(done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if now := time.Now(); done >= total || now.Sub(p.last) >= progressEvery {
		p.last = now
		p.log.Debug("progress", "done", done, "total", total)
	}
}
