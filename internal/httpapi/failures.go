package httpapi

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"legwork/client"
	"legwork/internal/failure"
	"legwork/jobs"
)

type failuresInput struct {
	Type   string `query:"type" doc:"Only groups of this job type"`
	Queue  string `query:"queue" doc:"Only groups with failures in this queue"`
	State  string `query:"state" doc:"Only groups in this state: open, resolved, ignored or regressed"`
	Kind   string `query:"kind" doc:"Only groups of this kind: error, panic, timeout, lease_lost or cancelled"`
	Q      string `query:"q" doc:"Only groups whose message or last error contains this text, in any case"`
	Trend  string `query:"trend" default:"24h" doc:"Hours of the trend: 24h or 7d"`
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"500"`
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
}

type fingerprintInput struct {
	Fingerprint string `path:"fingerprint" doc:"Fingerprint of the group: 16 hexadecimal digits"`
}

type failureInput struct {
	Fingerprint string `path:"fingerprint" doc:"Fingerprint of the group: 16 hexadecimal digits"`
	Trend       string `query:"trend" default:"24h" doc:"Hours of the trend: 24h or 7d"`
}

type retryFailureInput struct {
	request
	Fingerprint string `path:"fingerprint" doc:"Fingerprint of the group: 16 hexadecimal digits"`
}

type ignoreInput struct {
	request
	Fingerprint string `path:"fingerprint" doc:"Fingerprint of the group: 16 hexadecimal digits"`
}

type (
	failureListOutput struct{ Body client.FailureList }
	failureOutput     struct{ Body client.FailureGroup }
)

func (s *server) registerFailures(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "list-failures", Method: http.MethodGet, Path: "/v1/failures", Tags: []string{"Failures"}, Summary: "List failure groups",
		Description: "Failed attempts with one cause are one group, whatever ids, numbers and addresses their messages carry. Those that failed last come first. With a filter a page may be short although more follow: go on while there is a next_cursor.",
		Errors:      []int{422, 503},
	}, func(ctx context.Context, in *failuresInput) (*failureListOutput, error) {
		ctx, cancel := s.bounded(ctx)
		defer cancel()
		list, err := s.Inspector.Failures(ctx, client.FailureFilter(*in))
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		return &failureListOutput{*list}, nil
	})
	huma.Register(api, failureOperation("get-failure", http.MethodGet, "", "Show a failure group", 400, 404, 422, 503),
		func(ctx context.Context, in *failureInput) (*failureOutput, error) {
			return s.onFailure(ctx, in.Fingerprint, func(ctx context.Context) (*client.FailureGroup, error) {
				return s.Inspector.Failure(ctx, in.Fingerprint, in.Trend)
			})
		})
	for _, a := range []struct {
		name, summary string
		act           func(context.Context, string) (*client.FailureGroup, error)
	}{
		{"resolve", "Mark a failure group as set right; a failure from now on makes it regressed", s.Inspector.Resolve},
		{"reopen", "Take back that a failure group was resolved or ignored", s.Inspector.Reopen},
	} {
		huma.Register(api, failureOperation(a.name+"-failure", http.MethodPost, "/"+a.name, a.summary, 400, 404, 409, 503),
			func(ctx context.Context, in *fingerprintInput) (*failureOutput, error) {
				return s.onFailure(ctx, in.Fingerprint, func(ctx context.Context) (*client.FailureGroup, error) {
					return a.act(ctx, in.Fingerprint)
				})
			})
	}
	huma.Register(api, failureOperation("ignore-failure", http.MethodPost, "/ignore", "Mark a failure group as not worth attention for a while", 400, 404, 409, 413, 415, 422, 503), s.ignoreFailure)
	describeBody(api, "/v1/failures/{fingerprint}/ignore", jsonContent(api.OpenAPI().Components.Schemas, client.Ignore{}))
	retry := failureOperation("retry-failure", http.MethodPost, "/retry", "Retry the dead letters of a failure group", 400, 404, 409, 413, 415, 422, 503)
	retry.Description = "An action, as POST /v1/actions starts one: all dead letters whose last failure is of the group run again, with fresh attempts."
	retry.DefaultStatus = http.StatusAccepted
	huma.Register(api, retry, s.retryFailure)
	describeOptionalBody(api, "/v1/failures/{fingerprint}/retry", jsonContent(api.OpenAPI().Components.Schemas, client.FailureRetry{}))
}

func failureOperation(id, method, suffix, summary string, errs ...int) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: "/v1/failures/{fingerprint}" + suffix, Tags: []string{"Failures"}, Summary: summary, Errors: errs,
	}
}

func (s *server) ignoreFailure(ctx context.Context, in *ignoreInput) (*failureOutput, error) {
	body, _, err := readBody(in.request, s.BodyLimit, typeJSON)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	var how client.Ignore
	if err := decodeAs(body, &how, "the group cannot be ignored so"); err != nil {
		return nil, s.fail(ctx, err)
	}
	return s.onFailure(ctx, in.Fingerprint, func(ctx context.Context) (*client.FailureGroup, error) {
		return s.Inspector.Ignore(ctx, in.Fingerprint, how)
	})
}

func (s *server) retryFailure(ctx context.Context, in *retryFailureInput) (*orderOutput, error) {
	var how client.FailureRetry
	if err := readOptional(in.request, s.BodyLimit, &how, "the group cannot be retried so"); err != nil {
		return nil, s.fail(ctx, err)
	}
	var action *client.Action
	_, err := s.onFailure(ctx, in.Fingerprint, func(ctx context.Context) (*client.FailureGroup, error) {
		group, err := s.Inspector.Failure(ctx, in.Fingerprint, client.TrendDay)
		if err == nil {
			action, err = s.Actions.Order(ctx, client.ActionRequest{
				Action: client.ActionRetry, Filter: &client.JobFilter{State: string(jobs.StateArchived), Fingerprint: in.Fingerprint},
				Rate: how.Rate, DryRun: how.DryRun, Front: how.Front,
			})
		}
		if err != nil {
			return nil, err
		}
		return group, nil
	})
	if err != nil {
		return nil, err
	}
	return &orderOutput{Location: "/v1/actions/" + action.ID, Body: *action}, nil
}

// onFailure answers with what do makes of a group, or says that the fingerprint is
// none.
func (s *server) onFailure(ctx context.Context, fingerprint string, do func(context.Context) (*client.FailureGroup, error)) (*failureOutput, error) {
	if !failure.Valid(fingerprint) {
		return nil, plainProblem(http.StatusBadRequest, "this is no fingerprint: one has 16 hexadecimal digits, in lower case; GET /v1/failures lists them")
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	group, err := do(ctx)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	return &failureOutput{*group}, nil
}
