package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"legwork/client"
)

type listInput struct {
	State string `query:"state" doc:"Only jobs in this state"`
	FilterInput
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"500"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
}

type jobInput struct {
	ID string `path:"id" doc:"Job id"`
}

type (
	jobListOutput struct{ Body client.JobList }
	jobOutput     struct{ Body client.Job }
)

func (s *server) registerJobs(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-jobs", Method: http.MethodGet, Path: "/v1/jobs", Tags: []string{"Jobs"}, Summary: "List jobs",
		Description: "By state (active, pending, scheduled, retry, archived, completed), and in each state the jobs of all queues together, the newest first: by when they became pending while pending or active, by when they died, and by when they are due, the next first, while scheduled or waiting for a retry; completed ones by the end of their retention, the last first. A job that stays put while pages are read appears exactly once. A page looks at a bounded number of jobs for a bounded time, and looked says how far: it may be short or empty although more follow. Go on while there is a next_cursor. A cursor belongs to the filters that it came with. Texts between slashes are regular expressions of RE2, which has no backreferences and no lookaround and takes time in proportion to the text.",
		Middlewares: huma.Middlewares{payloadPaths},
		Errors:      []int{422, 503},
	}, func(ctx context.Context, in *listInput) (*jobListOutput, error) {
		ctx, cancel := s.bounded(ctx)
		defer cancel()
		f := in.filter(in.State)
		f.Limit, f.Cursor = in.Limit, in.Cursor
		list, err := s.Inspector.Jobs(ctx, f)
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		return &jobListOutput{*list}, nil
	})
	huma.Register(api, s.jobOperation("get-job", http.MethodGet, "", "Show a job"), s.onJob(s.Inspector.Job))
	for _, a := range []struct {
		name, summary string
		act           func(context.Context, string) (*client.Job, error)
	}{
		{"archive", "Make a waiting job a dead letter", s.Inspector.Archive},
	} {
		huma.Register(api, s.jobOperation(a.name+"-job", http.MethodPost, "/"+a.name, a.summary), s.onJob(a.act))
	}
	s.registerCancel(api)
	s.registerEdit(api)
	huma.Register(api, s.jobOperation("delete-job", http.MethodDelete, "", "Delete a job that is not running"),
		func(ctx context.Context, in *jobInput) (*struct{}, error) {
			ctx, cancel := s.bounded(ctx)
			defer cancel()
			if err := s.Inspector.Delete(ctx, in.ID); err != nil {
				return nil, s.fail(ctx, err)
			}
			return nil, nil
		})
}

func (s *server) jobOperation(id, method, suffix, summary string) huma.Operation {
	op := huma.Operation{
		OperationID: id, Method: method, Path: "/v1/jobs/{id}" + suffix, Tags: []string{"Jobs"}, Summary: summary,
		Errors: []int{404, 409, 503},
	}
	if method == http.MethodDelete {
		op.DefaultStatus = http.StatusNoContent
	}
	return op
}

// onJob makes a huma handler of an action on one job.
func (s *server) onJob(act func(context.Context, string) (*client.Job, error)) func(context.Context, *jobInput) (*jobOutput, error) {
	return func(ctx context.Context, in *jobInput) (*jobOutput, error) {
		ctx, cancel := s.bounded(ctx)
		defer cancel()
		job, err := act(ctx, in.ID)
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		return &jobOutput{*job}, nil
	}
}
