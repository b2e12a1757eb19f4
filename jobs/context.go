package jobs

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"time"
)

// JobInfo describes the job that a handler is running.
type JobInfo struct {
	ID         string
	Type       string
	Queue      string
	Attempt    int // this run, from 1
	MaxRetries int
	// Token grows with each start of the job: of two runs of one job that overlap,
	// because the process of one was cut off, the one with the greater token is the
	// rightful one. Pass it to whatever can refuse a smaller one (fencing).
	Token     int64
	CreatedAt time.Time
	Headers   map[string]string
	Tags      []string
}

// Scope is what the engine puts into a handler's context.
type Scope struct {
	Info     JobInfo
	Logger   func() *slog.Logger // called when the handler asks; nil means slog.Default
	Progress func(done, total int64)
	// Once does the effect, an encoded [Once], unless the job has done it before, and
	// returns its result. nil keeps the results in the context, for tests: no other
	// context sees them.
	Once func(ctx context.Context, key string, effect EffectFunc) (json.RawMessage, error)
}

// scoped is a scope with what a run keeps beside it.
type scoped struct {
	Scope
	effects effects
}

type scopeKey struct{}

// NewContext returns ctx carrying the scope. The engine calls it; a handler's
// own tests may, too.
func NewContext(ctx context.Context, s Scope) context.Context {
	return context.WithValue(ctx, scopeKey{}, &scoped{Scope: s})
}

// Info describes the running job. Outside a handler it is the zero JobInfo.
func Info(ctx context.Context) JobInfo {
	s, ok := ctx.Value(scopeKey{}).(*scoped)
	if !ok {
		return JobInfo{}
	}
	info := s.Info
	info.Headers = maps.Clone(info.Headers)
	return info
}

// Logger is the running job's log: each line carries the job's id, type and
// attempt. Outside a handler it is [slog.Default].
func Logger(ctx context.Context) *slog.Logger {
	if s, ok := ctx.Value(scopeKey{}).(*scoped); ok && s.Logger != nil {
		return s.Logger()
	}
	return slog.Default()
}

// Progress reports that done of total units of the running job's work are
// finished. It never blocks and, outside a handler, does nothing.
func Progress(ctx context.Context, done, total int64) {
	if s, ok := ctx.Value(scopeKey{}).(*scoped); ok && s.Progress != nil {
		s.Progress(done, total)
	}
}
