package control

import (
	"context"
	"time"

	"legwork/client"
	"legwork/jobs"
)

// count goes through the dead letters in every way in which they can be found.
func (r *run) count(ctx context.Context) error {
	r.progress("list every dead letter")
	if err := r.countOne(ctx, "listed", client.JobFilter{}, r.Dead); err != nil {
		return err
	}
	sum := 0
	for _, name := range types() {
		n, err := r.listed(ctx, client.JobFilter{Type: name})
		if err != nil {
			return err
		}
		sum += n
	}
	r.report.count("dead letters listed by type", sum, r.Dead)
	sum = 0
	for groups, err := range r.server.api.FailurePages(ctx, client.FailureFilter{}) {
		if err != nil {
			return err
		}
		for _, g := range groups.Failures {
			n, err := r.listed(ctx, client.JobFilter{Fingerprint: g.Fingerprint})
			if err != nil {
				return err
			}
			sum += n
		}
	}
	r.report.count("dead letters listed by fingerprint", sum, r.Dead)
	r.progress("search every dead letter")
	if err := r.countOne(ctx, "with the word of all", client.JobFilter{Q: everyWord}, r.Dead); err != nil {
		return err
	}
	began := time.Now()
	if err := r.countOne(ctx, "with the rare word", client.JobFilter{Error: rareWord}, every(r.Dead, rareEvery, rareAt)); err != nil {
		return err
	}
	r.report.told("search to the end, rare word", time.Since(began))
	return r.countOne(ctx, "with the payload", client.JobFilter{Payload: map[string]string{"customer.id": rareValue}}, every(r.Dead, customers, rareCustomer))
}

// every counts the numbers below n that leave the rest when divided.
func every(n, by, rest int) int { return (n - rest + by - 1) / by }

func (r *run) countOne(ctx context.Context, what string, f client.JobFilter, want int) error {
	n, err := r.listed(ctx, f)
	if err != nil {
		return err
	}
	r.report.count("dead letters "+what, n, want)
	return nil
}

// listed counts the dead letters that pass the filter, each once.
func (r *run) listed(ctx context.Context, f client.JobFilter) (int, error) {
	f.State, f.Limit = string(jobs.StateArchived), 500
	ids := map[string]struct{}{}
	for j, err := range r.server.api.AllJobs(ctx, f) {
		if err != nil {
			return 0, wrap("list the dead letters", err)
		}
		ids[j.ID] = struct{}{}
	}
	return len(ids), nil
}
