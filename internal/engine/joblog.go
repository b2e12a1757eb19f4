package engine

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"time"

	"legwork/internal/store"
)

// jobHandler is the slog handler behind jobs.Logger: each line goes into the job's
// own log, from level debug on, and into the process's, from that one's level on.
type jobHandler struct {
	process slog.Handler
	own     slog.Handler // words lines for the journal
	journal *journal
}

// newJobHandler returns a handler that writes into both logs.
func newJobHandler(process slog.Handler, j *journal) *jobHandler {
	return &jobHandler{process: process, own: lineHandler(j), journal: j}
}

// lineHandler returns a handler that writes records as [store.LogLine]s: what the
// handler's author gives, in a group of its own, so that no name is taken.
func lineHandler(w io.Writer) slog.Handler {
	o := &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: wordAttr}
	return slog.NewJSONHandler(w, o).WithGroup(store.LineAttrs)
}

// wordAttr renames what slog adds to a record, writes durations as all of Legwork
// does, and cuts long texts.
func wordAttr(groups []string, a slog.Attr) slog.Attr {
	v := a.Value
	if len(groups) == 0 {
		switch a.Key {
		case slog.TimeKey:
			return slog.Int64(store.LineAt, v.Time().UnixMicro())
		case slog.LevelKey:
			return slog.Any(store.LineLevel, v.Any())
		case slog.MessageKey:
			a.Key = store.LineMessage
		}
	}
	switch {
	case v.Kind() == slog.KindDuration:
		a.Value = slog.StringValue(v.Duration().String())
	case v.Kind() == slog.KindString && len(v.String()) > logTextMax:
		a.Value = slog.StringValue(strings.ToValidUTF8(v.String()[:logTextMax], "") + " [cut]")
	}
	return a
}

// Enabled implements [slog.Handler].
func (h *jobHandler) Enabled(ctx context.Context, l slog.Level) bool {
	return h.own.Enabled(ctx, l) || h.process.Enabled(ctx, l)
}

// Handle implements [slog.Handler].
func (h *jobHandler) Handle(ctx context.Context, r slog.Record) error {
	var errs [2]error
	if h.process.Enabled(ctx, r.Level) {
		errs[0] = h.process.Handle(ctx, r.Clone())
	}
	if h.own.Enabled(ctx, r.Level) && !h.journal.pass() {
		if r.Time.IsZero() {
			r.Time = time.Now()
		}
		errs[1] = h.own.Handle(ctx, r)
	}
	return errors.Join(errs[:]...)
}

// WithAttrs implements [slog.Handler].
func (h *jobHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &jobHandler{process: h.process.WithAttrs(attrs), own: h.own.WithAttrs(attrs), journal: h.journal}
}

// WithGroup implements [slog.Handler].
func (h *jobHandler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return &jobHandler{process: h.process.WithGroup(name), own: h.own.WithGroup(name), journal: h.journal}
}

// logger is what jobs.Logger returns in the run. A job that asynq's own script has
// taken has no token to write under: its lines go to the process log alone.
func (r *run) logger() *slog.Logger {
	r.ownOnce.Do(func() {
		r.own = r.log()
		if j := r.journal(); j != nil {
			r.own = slog.New(newJobHandler(r.own.Handler(), j))
		}
	})
	return r.own
}

// journal is the run's, made when it is first needed: most runs never say anything.
// It is nil when nothing can be kept.
func (r *run) journal() *journal {
	if r.held.token == 0 {
		return nil
	}
	if j := r.held.journal.Load(); j != nil {
		return j
	}
	r.held.journal.CompareAndSwap(nil, &journal{held: r.held, attempt: r.attempt, began: time.Now().UnixMicro(), scribe: r.scribe})
	return r.held.journal.Load()
}
