package httpapi

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"legwork/client"
	"legwork/jobs"
)

type statsInput struct {
	From  time.Time `query:"from" doc:"Beginning, RFC 3339; an hour before to when left out. Counts by the minute are kept for 48 hours, those by the hour for 90 days"`
	To    time.Time `query:"to" doc:"End, RFC 3339; now when left out"`
	Step  string    `query:"step" enum:"1m,5m,1h,1d" doc:"Length of a step, of UTC; the finest that suits the range when left out. An answer has at most 2,880 steps, and 50,000 points over all series"`
	Type  string    `query:"type" doc:"Only jobs of this type; refused when no program has it and nothing was counted for it"`
	Queue string    `query:"queue" doc:"Only jobs of this queue; refused when there is none and nothing was counted for it"`
	By    string    `query:"by" enum:"type,queue" doc:"A series for each type or queue, rather than one for all"`
}

type statsOutput struct{ Body client.Stats }

func (s *server) registerStats(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "get-stats", Method: http.MethodGet, Path: "/v1/stats", Tags: []string{"Queues"},
		Summary: "Count what happened to jobs",
		Description: "What the API accepted and workers ran, by the minute or hour in which it happened; counts are at most some seconds behind. " +
			"Retries, snoozes and deletions by hand do not count, nor do jobs that other asynq programs enqueue or run. " +
			"A process counts at most 1,000 pairs of type and queue; further ones count as type other in queue other.",
		Errors: []int{422, 503},
	}, func(ctx context.Context, in *statsInput) (*statsOutput, error) {
		ctx, cancel := s.bounded(ctx)
		defer cancel()
		out, err := s.Inspector.Stats(ctx, client.StatsFilter(*in))
		if err != nil {
			return nil, s.fail(ctx, err)
		}
		if out.Now, err = s.statsNow(ctx); err != nil {
			return nil, s.fail(ctx, err)
		}
		if err := s.counted(ctx, in, out); err != nil {
			return nil, s.fail(ctx, err)
		}
		return &statsOutput{*out}, nil
	})
}

// counted refuses a type or queue that there is not and nothing was counted of: a slip
// of the pen must not read as if nothing had happened.
func (s *server) counted(ctx context.Context, in *statsInput, out *client.Stats) error {
	if len(out.Series) > 0 {
		return nil
	}
	if in.Type != "" {
		if _, err := s.Catalog.Lookup(ctx, in.Type); err != nil {
			return err
		}
	}
	if _, ok := out.Now.Backlog[in.Queue]; in.Queue != "" && !ok {
		return &jobs.Error{
			Code: jobs.CodeInvalidRequest, Message: "the request has wrong parameters",
			Fields: []jobs.FieldError{{Pointer: "/queue", Detail: "is no queue that has jobs or workers, and nothing was counted for it; GET /v1/queues lists them"}},
		}
	}
	return nil
}

// statsNow is the state of the system.
func (s *server) statsNow(ctx context.Context) (client.StatsNow, error) {
	now := client.StatsNow{At: time.Now().UTC(), Backlog: map[string]int{}}
	queues, err := s.Inspector.Queues(ctx, s.Catalog.Weights(ctx))
	if err != nil {
		return now, err
	}
	now.Workers, now.Slots = s.Catalog.Capacity(ctx)
	for _, q := range queues {
		now.Active += q.States["active"]
		now.Backlog[q.Name] = q.Backlog
	}
	return now, nil
}
