package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/jobs"
)

type typeInput struct {
	Type string `path:"type" doc:"Job type"`
}

type (
	typeListOutput struct{ Body client.TypeList }
	typeOutput     struct{ Body client.Type }
)

func (s *server) registerTypes(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-types", Method: http.MethodGet, Path: "/v1/types", Tags: []string{"Types"},
		Summary: "List job types", Description: "The types of this program and those that living workers announce.",
	}, func(ctx context.Context, _ *struct{}) (*typeListOutput, error) {
		return &typeListOutput{client.TypeList{Types: s.types(ctx)}}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-type", Method: http.MethodGet, Path: "/v1/types/{type}", Tags: []string{"Types"},
		Summary: "Show a job type", Errors: []int{404, 503},
	}, func(ctx context.Context, in *typeInput) (*typeOutput, error) {
		for _, t := range s.types(ctx) {
			if t.Name == in.Type {
				return &typeOutput{t}, nil
			}
		}
		_, err := s.Catalog.Lookup(ctx, in.Type)
		if jobs.CodeOf(err) == jobs.CodeUnavailable {
			return nil, s.fail(ctx, err)
		}
		return nil, newProblem(jobs.Errorf(jobs.CodeNotFound, "no such job type"))
	})
}

func (s *server) types(ctx context.Context) []client.Type {
	all := []client.Type{}
	for _, e := range s.Catalog.Types(ctx) {
		t := engine.Describe(e.Definition)
		t.Workers = e.Workers
		all = append(all, t)
	}
	return all
}
