package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"legwork/client"
)

type queueInput struct {
	Name string `path:"name" doc:"Queue name"`
}

type (
	queueListOutput struct{ Body client.QueueList }
	queueOutput     struct{ Body client.Queue }
)

func (s *server) registerQueues(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-queues", Method: http.MethodGet, Path: "/v1/queues", Tags: []string{"Queues"},
		Summary: "List queues", Errors: []int{503},
	}, func(ctx context.Context, _ *struct{}) (*queueListOutput, error) {
		ctx, cancel := s.bounded(ctx)
		defer cancel()
		all, err := s.Inspector.Queues(ctx, s.Catalog.Weights(ctx))
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		return &queueListOutput{client.QueueList{Queues: all}}, nil
	})
	for _, a := range []struct {
		id, method, suffix, summary string
		act                         func(context.Context, string, map[string]int) (*client.Queue, error)
	}{
		{"get-queue", http.MethodGet, "", "Show a queue", s.Inspector.Queue},
		{"pause-queue", http.MethodPost, "/pause", "Stop workers from taking jobs of the queue; running ones go on", s.Inspector.Pause},
		{"resume-queue", http.MethodPost, "/resume", "End a pause", s.Inspector.Resume},
	} {
		huma.Register(api, huma.Operation{
			OperationID: a.id, Method: a.method, Path: "/v1/queues/{name}" + a.suffix, Tags: []string{"Queues"},
			Summary: a.summary, Errors: []int{404, 503},
		}, func(ctx context.Context, in *queueInput) (*queueOutput, error) {
			ctx, cancel := s.bounded(ctx)
			defer cancel()
			q, err := a.act(ctx, in.Name, s.Catalog.Weights(ctx))
			if err != nil {
				return nil, s.fail(ctx, err)
			}
			return &queueOutput{*q}, nil
		})
	}
}
