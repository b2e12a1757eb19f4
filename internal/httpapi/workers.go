package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"legwork/client"
	"legwork/internal/store"
)

// confirmMax is how long a caller waits for a worker to confirm what it was asked for.
const confirmMax = 2 * time.Second

type workerInput struct {
	ID string `path:"id" doc:"Worker id"`
}

type (
	workerListOutput struct{ Body client.WorkerList }
	workerOutput     struct {
		Status int
		Body   client.Worker
	}
)

func (s *server) registerWorkers(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-workers", Method: http.MethodGet, Path: "/v1/workers", Tags: []string{"Workers"},
		Summary: "List the processes that run jobs, and what they run", Errors: []int{503},
	}, func(ctx context.Context, _ *struct{}) (*workerListOutput, error) {
		ctx, cancel := s.bounded(ctx)
		defer cancel()
		all, err := s.Inspector.Workers(ctx)
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		return &workerListOutput{client.WorkerList{Workers: all}}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "get-worker", Method: http.MethodGet, Path: "/v1/workers/{id}", Tags: []string{"Workers"},
		Summary: "Show a worker", Errors: []int{404, 503},
	}, func(ctx context.Context, in *workerInput) (*workerOutput, error) {
		ctx, cancel := s.bounded(ctx)
		defer cancel()
		w, err := s.Inspector.Worker(ctx, in.ID)
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		return &workerOutput{http.StatusOK, *w}, nil
	})
	s.registerWish(api, store.WishQuiet, "Make a worker take no more jobs; those that it runs go on")
	s.registerWish(api, store.WishResume, "Let a quiet worker take jobs again")
}

// registerWish registers a call that asks a worker for something.
func (s *server) registerWish(api huma.API, what, summary string) {
	huma.Register(api, huma.Operation{
		OperationID: what + "-worker", Method: http.MethodPost, Path: "/v1/workers/{id}/" + what, Tags: []string{"Workers"},
		Summary:     summary,
		Description: "It holds until the process ends, or is asked for the contrary. The answer waits two seconds for the worker to confirm: 200 says that it has, 202 that it has not yet; it will find the wish once it can be reached, and asked shows it until then.",
		Errors:      []int{404, 409, 503},
		Responses: map[string]*huma.Response{"202": {
			Description: "The worker has not confirmed yet", Content: jsonContent(api.OpenAPI().Components.Schemas, client.Worker{}),
		}},
	}, func(ctx context.Context, in *workerInput) (*workerOutput, error) {
		bounded, cancel := s.bounded(ctx)
		defer cancel()
		wish, err := s.Inspector.Ask(bounded, in.ID, what)
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		waiting, over := context.WithTimeout(ctx, confirmMax+s.RequestTimeout)
		defer over()
		w, err := s.Inspector.Confirmed(waiting, in.ID, wish, confirmMax)
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		status := http.StatusOK
		if w.Asked != "" {
			status = http.StatusAccepted
		}
		return &workerOutput{status, *w}, nil
	})
}
