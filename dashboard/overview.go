package dashboard

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/jobs"
)

// requestTimeout bounds what one page may ask of Redis.
const requestTimeout = 1500 * time.Millisecond

type overview struct {
	Queues  []client.Queue
	States  []jobs.State
	Totals  map[string]int
	Tables  []jobTable
	Types   []engine.TypeEntry
	Trouble string // why the page has no data
}

type jobTable struct {
	Title string
	Empty string
	Jobs  []client.Job
}

func (d *dashboard) overview(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
	defer cancel()
	page, err := d.readOverview(ctx)
	switch {
	case r.Context().Err() != nil: // nobody waits for the page any more
	case jobs.CodeOf(err) == jobs.CodeUnavailable:
		d.Log.WarnContext(ctx, "overview not read", "error", err)
		page = overview{Trouble: trouble(err) + ". Jobs that were accepted are safe; this page tries again by itself."}
		d.render(w, r, http.StatusServiceUnavailable, "overview.html", page)
	case err != nil:
		d.Log.ErrorContext(ctx, "overview not read", "error", err)
		page = overview{Trouble: "Something went wrong inside Legwork; its log says what. This page tries again by itself."}
		d.render(w, r, http.StatusInternalServerError, "overview.html", page)
	default:
		d.render(w, r, http.StatusOK, "overview.html", page)
	}
}

// trouble is the error's message for people, without its cause, as a sentence.
func trouble(err error) string {
	const away = "Redis cannot be reached"
	e, ok := errors.AsType[*jobs.Error](err)
	if !ok || e.Message == "" || strings.HasPrefix(e.Message, away) {
		return away
	}
	return strings.ToUpper(e.Message[:1]) + e.Message[1:]
}

func (d *dashboard) readOverview(ctx context.Context) (overview, error) {
	page := overview{States: jobs.States(), Totals: map[string]int{}, Types: d.Catalog.Types(ctx)}
	var err error
	if page.Queues, err = d.Inspector.Queues(ctx, d.Catalog.Weights(ctx)); err != nil {
		return page, err
	}
	for _, q := range page.Queues {
		for state, n := range q.States {
			page.Totals[state] += n
		}
	}
	for _, t := range []struct {
		title, empty string
		state        jobs.State
	}{
		{"Dead letters", "No job has failed for good.", jobs.StateArchived},
		{"Waiting for a retry", "No job waits for another attempt.", jobs.StateRetry},
		{"Running", "No job is running.", jobs.StateActive},
		{"Completed last", "No completed job is kept.", jobs.StateCompleted},
	} {
		list, err := d.Inspector.Jobs(ctx, client.JobFilter{State: string(t.state), Limit: recentMax})
		if err != nil {
			return page, err
		}
		page.Tables = append(page.Tables, jobTable{Title: t.title, Empty: t.empty, Jobs: list.Jobs})
	}
	return page, nil
}
