// Command report shows a handler that takes a while and tells people how it goes: with
// log lines, which stay with the job, and with progress.
//
//	go run ./examples/report dev
//	go run ./cmd/legwork enqueue report.build -f pages:=20
//	go run ./cmd/legwork jobs tail ID
package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"legwork/cmd"
	"legwork/jobs"
)

// Report is what to build.
type Report struct {
	Pages int `json:"pages" jsonschema:"minimum=1,maximum=1000"`
	// Skip is a page that cannot be built, if there is one.
	Skip int `json:"skip,omitempty"`
}

// Summary is what was built.
type Summary struct {
	Built int `json:"built"`
}

func build(ctx context.Context, r Report) (Summary, error) {
	log := jobs.Logger(ctx)
	log.InfoContext(ctx, "report begun", slog.Int("pages", r.Pages))
	var s Summary
	for page := 1; page <= r.Pages; page++ {
		select {
		case <-ctx.Done():
			return s, fmt.Errorf("stopped at page %d: %w", page, context.Cause(ctx))
		case <-time.After(20 * time.Millisecond): // the work
		}
		if page == r.Skip {
			log.WarnContext(ctx, "page left out", slog.Int("page", page), slog.String("reason", "no data"))
		} else {
			s.Built++
		}
		jobs.Progress(ctx, int64(page), int64(r.Pages))
	}
	log.InfoContext(ctx, "report done", slog.Int("built", s.Built))
	return s, nil
}

func main() {
	cmd.Main(func(r *jobs.Registry) { jobs.Handle(r, "report.build", build, jobs.Options{MaxRetries: 2}) })
}
