package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"legwork/client"
)

type whyOutput struct{ Body client.Why }

func (s *server) registerWhy(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "explain-job", Method: http.MethodGet, Path: "/v1/jobs/{id}/why", Tags: []string{"Jobs"},
		Summary: "Say why a job is not running",
		Description: "The main reason, which is what must be put right before anything else would help, and every other that holds as well; each with a code for programs, a sentence for people and a remedy where there is one. " +
			"A worker that has died counts as living for up to 22 seconds. A job that is deep in a long queue is behind at least 100,000 others. What is left of a job that is gone is told, too.",
		Errors: []int{404, 503},
	}, func(ctx context.Context, in *jobInput) (*whyOutput, error) {
		ctx, cancel := s.bounded(ctx)
		defer cancel()
		why, err := s.Inspector.Why(ctx, in.ID)
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		return &whyOutput{*why}, nil
	})
}
