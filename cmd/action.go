package cmd

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"legwork/client"
)

// action is something done to single jobs. Its result is nil when the job is no more.
type action struct {
	verb, done, short string
	do                func(context.Context, *client.Client, string) (*client.Job, error)
}

func actions() []action {
	return []action{
		{"retry", "", "Run jobs now that wait or are archived", func(ctx context.Context, api *client.Client, id string) (*client.Job, error) {
			return api.Retry(ctx, id)
		}},
		{"cancel", "", "End jobs that wait or run", func(ctx context.Context, api *client.Client, id string) (*client.Job, error) {
			return api.Cancel(ctx, id)
		}},
		{"archive", "", "Put waiting jobs among the dead letters", func(ctx context.Context, api *client.Client, id string) (*client.Job, error) {
			return api.Archive(ctx, id)
		}},
		{"delete", "deleted", "Remove jobs for good", func(ctx context.Context, api *client.Client, id string) (*client.Job, error) {
			return nil, api.Delete(ctx, id)
		}},
	}
}

func newJobsActions(s *session) []*cobra.Command {
	var all []*cobra.Command
	for _, a := range actions() {
		all = append(all, &cobra.Command{
			Use:   a.verb + " ID...",
			Short: a.short,
			Long: a.short + `.

Several IDs are done one after the other; a lone - reads them from stdin, the
first word of each line. Every job done is reported by its ID and new state (with
--json by the API's JSON), every other one by its error on stderr.`,
			Example: fmt.Sprintf("  legwork jobs list --state archived --all --json | jq -r .id | legwork jobs %s -", a.verb),
			Args:    wants(1, -1, "one ID or more, or - for stdin"),
			RunE:    func(c *cobra.Command, args []string) error { return s.act(c.Context(), a, args) },
		})
	}
	return all
}

func (s *session) act(ctx context.Context, a action, ids []string) error {
	api, err := s.connect()
	if err != nil {
		return err
	}
	return s.each(ctx, ids, "IDs", func(ctx context.Context, id string) error {
		if id == "" {
			return usagef("the ID is empty")
		}
		job, err := a.do(ctx, api, id)
		if err != nil {
			return err
		}
		if job == nil {
			if s.asJSON {
				return nil
			}
			_, err := fmt.Fprintf(s.env.stdout, "%s %s\n", clean(id), a.done)
			return err
		}
		return s.show(func(w io.Writer) error {
			_, err := fmt.Fprintf(w, "%s %s\n", clean(job.ID), clean(job.State))
			return err
		})
	})
}
