package app

import (
	"context"
	"slices"
	"sync"

	"legwork/configs"
	"legwork/internal/archive"
	"legwork/internal/inspect"
)

// letterFiles is what the names of archived dead letters begin with.
const letterFiles = "dead-letters"

// letters is the retention of dead letters, as the configuration asks for it last.
type letters struct {
	app *App

	mu        sync.Mutex
	running   bool               // guarded by mu
	retention *inspect.Retention // guarded by mu; nil while nothing is to be deleted or warned of
}

func (l *letters) start(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = true
	return l.begin(ctx, l.app.cfg.DeadLetters)
}

func (l *letters) stop(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.running = false
	return l.end(ctx)
}

// replace goes on as c says. Once stopped, it stays so.
func (l *letters) replace(ctx context.Context, c configs.DeadLetters) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.running {
		return nil
	}
	if err := l.end(ctx); err != nil {
		return err
	}
	return l.begin(ctx, c)
}

// begin starts a retention. A directory that cannot be written to stops none of the
// process's other work: it is complained of, and nothing is deleted meanwhile. The
// caller holds mu.
func (l *letters) begin(ctx context.Context, c configs.DeadLetters) error {
	if !c.Retains() && len(c.WarnAt) == 0 {
		return nil
	}
	o := inspect.RetentionOptions{MaxAge: c.MaxAge, MaxCount: c.MaxCount, WarnAt: slices.Clone(c.WarnAt), Log: l.app.log}
	if c.Retains() && c.Archive {
		o.Archive = archive.New(archive.Options{Dir: c.ArchiveDir, Name: letterFiles, FileLimit: int64(c.ArchiveFileLimit)})
		if err := archive.Check(c.ArchiveDir); err != nil {
			l.app.log.WarnContext(ctx, "dead letters cannot be archived, so none is deleted", "error", err)
		}
	}
	if c.Retains() {
		l.app.log.InfoContext(ctx, "dead letters have a retention", "max_age", c.MaxAge, "max_count", c.MaxCount, "archived", o.Archive != nil)
	}
	l.retention = inspect.NewRetention(inspect.New(l.app.redis, l.app.log), o)
	return l.retention.Start(ctx)
}

// end stops the retention. The caller holds mu.
func (l *letters) end(ctx context.Context) error {
	if l.retention == nil {
		return nil
	}
	r := l.retention
	l.retention = nil
	return r.Stop(ctx)
}
