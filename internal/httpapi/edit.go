package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"legwork/client"
	"legwork/internal/inspect"
)

// Messages above the fields that are wrong with an edit.
const (
	badRetry = "the job cannot be retried so"
	badEdit  = "the job cannot be changed so"
)

type editInput struct {
	request
	ID string `path:"id" doc:"Job id"`
}

type editOutput struct {
	Status   int
	Location string `header:"Location"`
	Body     client.Job
}

func (s *server) registerEdit(api huma.API) {
	content := jsonContent(api.OpenAPI().Components.Schemas, client.JobEdit{})
	retry := s.jobOperation("retry-job", http.MethodPost, "/retry", "Run a job now, or an edited copy of it")
	retry.Description = "Without a body, or with front alone, the job runs now: 200. A dead letter or a completed job starts with fresh attempts. With an edit, an edited copy of a dead letter or a completed job is enqueued, checked as every new job is: 202, the copy, and where it is. The job stays what it is; its retried_as and the copy's retried_from name each other. The same edit is made once, so that the call can be repeated; 409 while the copy of another edit exists."
	retry.Errors = []int{400, 404, 409, 413, 415, 422, 503}
	retry.Responses = map[string]*huma.Response{"202": {
		Description: "The edited copy is stored", Content: jsonContent(api.OpenAPI().Components.Schemas, client.Job{}),
		Headers: map[string]*huma.Param{"Location": {Schema: &huma.Schema{Type: "string"}}},
	}}
	huma.Register(api, retry, s.retry)
	describeOptionalBody(api, "/v1/jobs/{id}/retry", content)

	patch := s.jobOperation("edit-job", http.MethodPatch, "", "Change a job that waits")
	patch.Description = "What is given takes the place of what the job has, checked as every new job is. A job that runs meanwhile is left alone: 409. run_at and delay let a pending job wait; a retry and a scheduled job may be brought forward. Another queue takes POST /v1/actions."
	patch.Errors = []int{400, 404, 409, 413, 415, 422, 503}
	huma.Register(api, patch, s.amend)
	api.OpenAPI().Paths["/v1/jobs/{id}"].Patch.RequestBody = &huma.RequestBody{Required: true, Content: content}
}

func (s *server) retry(ctx context.Context, in *editInput) (*editOutput, error) {
	var edit client.JobEdit
	if err := readOptional(in.request, s.BodyLimit, &edit, badRetry); err != nil {
		return nil, s.fail(ctx, err)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	out := &editOutput{Status: http.StatusOK}
	var job *client.Job
	var err error
	switch {
	case !edit.Empty():
		if job, err = s.Inspector.RetryEdited(ctx, in.ID, edit, s.draft); err == nil {
			out.Status, out.Location = http.StatusAccepted, "/v1/jobs/"+job.ID
		}
	case edit.Front:
		job, err = s.Inspector.RetryFirst(ctx, in.ID)
	default:
		job, err = s.Inspector.Retry(ctx, in.ID)
	}
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	out.Body = *job
	return out, nil
}

func (s *server) amend(ctx context.Context, in *editInput) (*jobOutput, error) {
	body, _, err := readBody(in.request, s.BodyLimit, typeJSON)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	var edit client.JobEdit
	if err := decodeAs(body, &edit, badEdit); err != nil {
		return nil, s.fail(ctx, err)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	job, err := s.Inspector.Amend(ctx, in.ID, edit, s.draft)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &jobOutput{*job}, nil
}

// draft checks an edited job where all new jobs are checked.
func (s *server) draft(ctx context.Context, q client.Enqueue, from string, front bool) (inspect.Draft, error) {
	d, err := s.Engine.Draft(ctx, q, from, front)
	if err != nil {
		return nil, err
	}
	return d, nil
}
