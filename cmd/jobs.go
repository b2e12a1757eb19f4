package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"legwork/client"
)

const (
	listLimitMax = 500 // largest page that the API gives
	listAllPage  = 100 // page of --all: even the largest payloads fit into one answer
)

func newJobs(s *session) *cobra.Command {
	c := &cobra.Command{Use: "jobs", Short: "List, inspect and put right jobs"}
	c.AddCommand(newJobsList(s), newJobsGet(s), newJobsWhy(s), newJobsLogs(s), newJobsTail(s), newJobsExport(s), newJobsImport(s))
	c.AddCommand(newJobsActions(s)...)
	c.AddCommand(newJobsMove(s), newJobsReschedule(s), newJobsEdit(s))
	return c
}

func newJobsList(s *session) *cobra.Command {
	var chosen *filterFlags
	var limit int
	var cursor string
	var all bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List jobs",
		Long: `List jobs, one page of them or with --all every one: state by state, and in each
the jobs of all queues together, the newest first. Scheduled jobs and those that
wait for a retry come by when they are due, the next first.

With --json a page is printed as the API sends it, and --all prints one job per
line (NDJSON).`,
		Example: `  legwork jobs list --state archived --type email.send
  legwork jobs list --filter 'state=archived error="timed out" payload.user.id=7'
  legwork jobs list --state retry --since 1h --q '/acme|globex/'
  legwork jobs list --tag import --all --json | jq -r .id`,
		Args: wants(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			limited := c.Flags().Changed("limit")
			filter, err := chosen.read(c, s.env.now())
			switch {
			case err != nil:
				return err
			case all && limited:
				return usagef("--all lists every job; leave --limit away")
			case limited && (limit < 1 || limit > listLimitMax):
				return usagef("--limit %d: use 1 to %d, or --all", limit, listLimitMax)
			case all:
				limit = listAllPage
			}
			filter.Limit, filter.Cursor = limit, cursor
			return s.listJobs(c.Context(), filter, all)
		},
	}
	chosen = s.filterBy(c, "", "only jobs in this `state`: scheduled, pending, active, retry, completed or archived")
	flags := c.Flags()
	flags.IntVar(&limit, "limit", 0, "how many jobs to list, 1 to 500 (default 50)")
	flags.StringVar(&cursor, "cursor", "", "start at this `cursor`, the next_cursor of an earlier list")
	flags.BoolVar(&all, "all", false, "list every job that matches")
	return c
}

func (s *session) listJobs(ctx context.Context, filter client.JobFilter, all bool) error {
	api, err := s.connect()
	if err != nil {
		return err
	}
	empty, done, looked := true, false, 0
	for list, err := range api.JobPages(ctx, filter) {
		if err != nil {
			return err
		}
		if err := s.showPage(list, empty, all); err != nil {
			return err
		}
		empty, done, looked = empty && len(list.Jobs) == 0, list.NextCursor == "", looked+list.Looked.Jobs
		for _, f := range list.Faults {
			s.say("queue %s, %s: %s", f.Queue, f.State, f.Detail)
		}
		if !all {
			if list.NextCursor != "" && !s.asJSON {
				s.say("there are more: list them with --all, or go on with --cursor %s", list.NextCursor)
			}
			break
		}
	}
	switch {
	case empty && done:
		s.say("no jobs match")
	case empty:
		s.say("no jobs match so far: %d were looked at", looked)
	}
	return nil
}

func (s *session) showPage(list *client.JobList, first, all bool) error {
	if !s.asJSON {
		if len(list.Jobs) == 0 {
			return nil
		}
		return s.jobTable(list.Jobs, first).print(s.env.stdout)
	}
	if !all {
		return s.printJSON(s.tape.answer.Bytes())
	}
	var page struct {
		Jobs []json.RawMessage `json:"jobs"`
	}
	if err := json.Unmarshal(s.tape.answer.Bytes(), &page); err != nil {
		return fmt.Errorf("read the page of jobs: %w", err)
	}
	for _, raw := range page.Jobs {
		if err := s.printJSON(raw); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) jobTable(list []client.Job, header bool) *table {
	t := &table{state: 3, colour: s.env.colour()}
	if header {
		t.header = []string{"ID", "TYPE", "QUEUE", "STATE", "ATTEMPT", "CREATED", "NEXT", "ERROR"}
	}
	now := s.env.now()
	for _, j := range list {
		t.add(j.ID, j.Type, j.Queue, j.State, attempts(&j), ago(now, j.CreatedAt), agoIf(now, j.NextRunAt), short(clean(j.LastError), 48))
	}
	return t
}

func attempts(j *client.Job) string { return fmt.Sprintf("%d/%d", j.Attempt, j.MaxRetries+1) }

func newJobsGet(s *session) *cobra.Command {
	return &cobra.Command{
		Use:     "get ID",
		Aliases: []string{"show"},
		Short:   "Show one job",
		Args:    wants(1, 1, "one ID"),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := s.connectFor(args[0])
			if err != nil {
				return err
			}
			job, err := api.Job(c.Context(), args[0])
			if err != nil {
				return err
			}
			return s.show(func(w io.Writer) error { return s.showJob(w, job) })
		},
	}
}

// moment words a time as it is and as seen from now.
func (s *session) moment(at *time.Time) string {
	if at == nil || at.IsZero() {
		return ""
	}
	return at.Format(time.RFC3339) + " (" + ago(s.env.now(), *at) + ")"
}
