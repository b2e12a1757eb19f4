package httpapi

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"legwork/client"
)

type healthOutput struct {
	Status     int
	RetryAfter string `header:"Retry-After"`
	Body       client.Health
}

func (s *server) registerHealth(api huma.API) {
	health := jsonContent(api.OpenAPI().Components.Schemas, client.Health{})
	huma.Register(api, huma.Operation{
		OperationID: "liveness", Method: http.MethodGet, Path: "/healthz", Tags: []string{"Health"},
		Summary: "The process is alive",
	}, func(context.Context, *struct{}) (*healthOutput, error) {
		return &healthOutput{Status: http.StatusOK, Body: client.Health{Status: "ok"}}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "readiness", Method: http.MethodGet, Path: "/readyz", Tags: []string{"Health"},
		Summary:   "The process can accept jobs",
		Responses: map[string]*huma.Response{"503": {Description: "Redis cannot be reached", Content: health}},
	}, func(ctx context.Context, _ *struct{}) (*healthOutput, error) {
		ctx, cancel := s.bounded(ctx)
		defer cancel()
		if err := s.Ping(ctx); err != nil {
			h := client.Health{Status: "unavailable", Checks: map[string]string{"redis": "cannot be reached"}}
			return &healthOutput{http.StatusServiceUnavailable, strconv.Itoa(retryAfter), h}, nil
		}
		return &healthOutput{Status: http.StatusOK, Body: client.Health{Status: "ok", Checks: map[string]string{"redis": "ok"}}}, nil
	})
}
