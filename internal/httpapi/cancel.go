package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"legwork/client"
	"legwork/jobs"
)

// acknowledgeMax is how long a caller waits for a worker to say that it has ended the
// context of a job's handler.
const acknowledgeMax = time.Second

type cancelOutput struct {
	Status int
	Body   client.Job
}

func (s *server) registerCancel(api huma.API) {
	op := s.jobOperation("cancel-job", http.MethodPost, "/cancel", "Cancel a job")
	op.Description = "A job that waits is archived. One that runs has its handler's context ended, and is archived when the handler returns an error. The answer waits a second for the worker to acknowledge that it has ended the context: 200 says that it has, or that the job has ended; 202 that the worker has not said anything yet, and cancel has no acknowledged_at."
	op.Responses = map[string]*huma.Response{"202": {
		Description: "The worker has not acknowledged yet", Content: jsonContent(api.OpenAPI().Components.Schemas, client.Job{}),
	}}
	huma.Register(api, op, func(ctx context.Context, in *jobInput) (*cancelOutput, error) {
		bounded, cancel := s.bounded(ctx)
		defer cancel()
		job, err := s.Inspector.Cancel(bounded, in.ID)
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		if job.State != string(jobs.StateActive) {
			return &cancelOutput{http.StatusOK, *job}, nil
		}
		waiting, over := context.WithTimeout(ctx, acknowledgeMax)
		defer over()
		if job, err = s.Inspector.Acknowledged(waiting, job); err != nil {
			return nil, s.fail(ctx, err)
		}
		status := http.StatusOK
		if job.Cancel != nil && job.Cancel.AcknowledgedAt == nil {
			status = http.StatusAccepted
		}
		return &cancelOutput{status, *job}, nil
	})
}
