package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"legwork/client"
)

type logInput struct {
	ID      string `path:"id" doc:"Job id"`
	Attempt int    `query:"attempt" minimum:"1" doc:"Only lines of runs with this attempt number"`
	Cursor  string `query:"cursor" doc:"next_cursor of the page before, or the id of a line: only those after it"`
	Limit   int    `query:"limit" default:"500" minimum:"1" maximum:"1000"`
}

type logOutput struct{ Body client.Log }

func (s *server) registerLogs(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "get-job-log", Method: http.MethodGet, Path: "/v1/jobs/{id}/logs", Tags: []string{"Jobs"},
		Summary:     "Read a job's own log",
		Description: "What the handler wrote with jobs.Logger, the oldest line first: of the last 10 runs, at most 1,000 lines or 256 KiB of each. The log goes with the job.",
		Errors:      []int{404, 422, 503},
	}, func(ctx context.Context, in *logInput) (*logOutput, error) {
		ctx, cancel := s.bounded(ctx)
		defer cancel()
		page, err := s.Inspector.Log(ctx, in.ID, client.LogFilter{Attempt: in.Attempt, Cursor: in.Cursor, Limit: in.Limit})
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		return &logOutput{*page}, nil
	})
}
