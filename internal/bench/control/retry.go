package control

import (
	"context"
	"fmt"
	"time"

	"legwork/client"
	"legwork/internal/store"
	"legwork/jobs"
)

const (
	boundRetry  = 10_000 // jobs per second
	boundPickup = 50     // milliseconds
	// askEvery is how often the action is asked how far it has come.
	askEvery = 20 * time.Millisecond
)

// retry retries every dead letter by one action, while live jobs come and go.
func (r *run) retry(ctx context.Context) error {
	r.progress("retry every dead letter")
	var action *client.Action
	var took time.Duration
	before, err := store.ReadCPU(ctx, r.database.redis)
	if err != nil {
		return err
	}
	waits, err := r.server.live.during(ctx, r.server.api, r.LiveRate, func(ctx context.Context) (err error) {
		began := time.Now()
		action, err = r.act(ctx, client.ActionRequest{Action: client.ActionRetry, Filter: &client.JobFilter{State: string(jobs.StateArchived)}})
		took = time.Since(began)
		return err
	})
	if err != nil {
		return err
	}
	if action.State != client.ActionDone {
		return fmt.Errorf("the retry ended %s: %s", action.State, action.Error)
	}
	after, err := store.ReadCPU(ctx, r.database.redis)
	if err != nil {
		return err
	}
	left, err := size(ctx, r.database.redis, jobs.StateArchived)
	if err != nil {
		return err
	}
	r.report.count("dead letters retried", action.Done, r.Dead)
	r.report.count("dead letters left", left, 0)
	r.report.rate("bulk retry", float64(action.Done)/took.Seconds(), boundRetry)
	r.report.cost("Redis's CPU for it, live jobs included", (after-before)/time.Duration(r.Dead))
	r.report.latency("pick-up of live jobs meanwhile", waits, boundPickup)
	return nil
}

// act starts the action and returns it when it has ended.
func (r *run) act(ctx context.Context, what client.ActionRequest) (*client.Action, error) {
	action, err := r.server.api.StartAction(ctx, what)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for !action.Finished() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("%d jobs done: %w", action.Done, context.Cause(ctx))
		}
		if action, err = r.server.api.Action(ctx, action.ID); err != nil {
			return nil, err
		}
	}
	return action, nil
}
