package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"legwork/client"
)

type orderInput struct{ request }

type orderOutput struct {
	Location string `header:"Location"`
	Body     client.Action
}

type actionsInput struct {
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"500"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
}

type actionInput struct {
	ID string `path:"id" doc:"Action id"`
}

type (
	actionListOutput struct{ Body client.ActionList }
	actionOutput     struct{ Body client.Action }
)

func (s *server) registerActions(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "start-action", Method: http.MethodPost, Path: "/v1/actions", Tags: []string{"Actions"}, Summary: "Do something to many jobs",
		Description:   "Answers at once; GET /v1/actions/{id} tells how far it has come. Jobs are selected by id or by a filter; by a filter, jobs that come into a state later are left alone. Each job is done once, also when the process that does it dies: another one goes on. 409 when an unfinished action has the same selection.",
		DefaultStatus: http.StatusAccepted, Errors: []int{400, 409, 413, 415, 422, 503},
	}, s.order)
	describeBody(api, "/v1/actions", jsonContent(api.OpenAPI().Components.Schemas, client.ActionRequest{}))
	huma.Register(api, huma.Operation{
		OperationID: "list-actions", Method: http.MethodGet, Path: "/v1/actions", Tags: []string{"Actions"}, Summary: "List actions",
		Description: "Those of the last 7 days, the newest first.", Errors: []int{422, 503},
	}, func(ctx context.Context, in *actionsInput) (*actionListOutput, error) {
		ctx, cancel := s.bounded(ctx)
		defer cancel()
		list, err := s.Actions.List(ctx, in.Limit, in.Cursor)
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		return &actionListOutput{*list}, nil
	})
	for _, a := range []struct {
		id, method, suffix, summary string
		errs                        []int
		act                         func(context.Context, string) (*client.Action, error)
	}{
		{"get-action", http.MethodGet, "", "Show an action", []int{404, 503}, s.Actions.Action},
		{"abort-action", http.MethodPost, "/abort", "Ask an action to end after the jobs under way", []int{404, 409, 503}, s.Actions.Abort},
	} {
		huma.Register(api, huma.Operation{
			OperationID: a.id, Method: a.method, Path: "/v1/actions/{id}" + a.suffix, Tags: []string{"Actions"}, Summary: a.summary, Errors: a.errs,
		}, func(ctx context.Context, in *actionInput) (*actionOutput, error) {
			ctx, cancel := s.bounded(ctx)
			defer cancel()
			action, err := a.act(ctx, in.ID)
			if err != nil {
				return nil, s.fail(ctx, err)
			}
			return &actionOutput{*action}, nil
		})
	}
}

func (s *server) order(ctx context.Context, in *orderInput) (*orderOutput, error) {
	body, _, err := readBody(in.request, s.BodyLimit, typeJSON)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	var what client.ActionRequest
	if err := decodeAs(body, &what, "the action has wrong fields"); err != nil {
		return nil, s.fail(ctx, err)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	action, err := s.Actions.Order(ctx, what)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &orderOutput{Location: "/v1/actions/" + action.ID, Body: *action}, nil
}
