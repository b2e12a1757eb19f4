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
	c.AddCommand(newJobsList(s), newJobsGet(s), newJobsExport(s), newJobsImport(s))
	c.AddCommand(newJobsActions(s)...)
	c.AddCommand(newJobsMove(s), newJobsReschedule(s))
	return c
}

func newJobsList(s *session) *cobra.Command {
	var filter client.JobFilter
	var all bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List jobs",
		Long: `List jobs, one page of them or with --all every one.

With --json a page is printed as the API sends it, and --all prints one job per
line (NDJSON).`,
		Example: `  legwork jobs list --state archived --type email.send
  legwork jobs list --tag import --all --json | jq -r .id`,
		Args: wants(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			limited := c.Flags().Changed("limit")
			switch {
			case all && limited:
				return usagef("--all lists every job; leave --limit away")
			case limited && (filter.Limit < 1 || filter.Limit > listLimitMax):
				return usagef("--limit %d: use 1 to %d, or --all", filter.Limit, listLimitMax)
			case all:
				filter.Limit = listAllPage
			}
			return s.listJobs(c.Context(), filter, all)
		},
	}
	flags := c.Flags()
	flags.StringVar(&filter.State, "state", "", "only jobs in this `state`: scheduled, pending, active, retry, completed or archived")
	flags.StringVar(&filter.Queue, "queue", "", "only jobs in this `queue`")
	flags.StringVar(&filter.Type, "type", "", "only jobs of this `type`")
	flags.StringVar(&filter.Tag, "tag", "", "only jobs with this `tag`")
	flags.IntVar(&filter.Limit, "limit", 0, "how many jobs to list, 1 to 500 (default 50)")
	flags.StringVar(&filter.Cursor, "cursor", "", "start at this `cursor`, the next_cursor of an earlier list")
	flags.BoolVar(&all, "all", false, "list every job that matches")
	suggest(c, "state", completeStates())
	suggest(c, "queue", s.completeQueues())
	suggest(c, "type", s.completeTypes())
	return c
}

func (s *session) listJobs(ctx context.Context, filter client.JobFilter, all bool) error {
	api, err := s.connect()
	if err != nil {
		return err
	}
	empty := true
	for list, err := range api.JobPages(ctx, filter) {
		if err != nil {
			return err
		}
		if err := s.showPage(list, empty, all); err != nil {
			return err
		}
		empty = empty && len(list.Jobs) == 0
		if !all {
			if list.NextCursor != "" && !s.asJSON {
				s.say("there are more: list them with --all, or go on with --cursor %s", list.NextCursor)
			}
			break
		}
	}
	if empty {
		s.say("no jobs match")
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
		Use:   "get ID",
		Short: "Show one job",
		Args:  wants(1, 1, "one ID"),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == "" {
				return usagef("the ID is empty")
			}
			api, err := s.connect()
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
