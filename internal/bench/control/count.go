package control

import (
	"context"

	"legwork/client"
	"legwork/jobs"
)

// count goes through all dead letters, as they are and by type.
func (r *run) count(ctx context.Context) error {
	r.progress("list every dead letter")
	n, err := r.listed(ctx, client.JobFilter{})
	if err != nil {
		return err
	}
	r.report.count("dead letters listed", n, r.Dead)
	sum := 0
	for _, name := range types() {
		n, err := r.listed(ctx, client.JobFilter{Type: name})
		if err != nil {
			return err
		}
		sum += n
	}
	r.report.count("dead letters listed by type", sum, r.Dead)
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
