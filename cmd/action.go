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
	example           string // state that a filter may name
	do                func(context.Context, *client.Client, string) (*client.Job, error)
}

func actions() []action {
	return []action{
		{"retry", "", "Run jobs now that wait or are archived", "archived", func(ctx context.Context, api *client.Client, id string) (*client.Job, error) {
			return api.Retry(ctx, id)
		}},
		{"cancel", "", "End jobs that wait or run", "pending", func(ctx context.Context, api *client.Client, id string) (*client.Job, error) {
			return api.Cancel(ctx, id)
		}},
		{"archive", "", "Put waiting jobs among the dead letters", "pending", func(ctx context.Context, api *client.Client, id string) (*client.Job, error) {
			return api.Archive(ctx, id)
		}},
		{"delete", "deleted", "Remove jobs for good", "archived", func(ctx context.Context, api *client.Client, id string) (*client.Job, error) {
			return nil, api.Delete(ctx, id)
		}},
	}
}

func newJobsActions(s *session) []*cobra.Command {
	var all []*cobra.Command
	for _, a := range actions() {
		b, g := &bulk{request: client.ActionRequest{Action: a.verb}}, &change{}
		c := &cobra.Command{
			Use:   a.verb + " (ID... | --filter FILTER)",
			Short: a.short,
			Long: a.short + `.

Several IDs are done one after the other; a lone - reads them from stdin, the
first word of each line. Every job done is reported by its ID and new state (with
--json by the API's JSON), every other one by its error on stderr.

With --filter every job that passes is done, in one action that the server carries
out (see legwork actions): it goes on when this command ends.`,
			Example: fmt.Sprintf(`  legwork jobs list --state archived --all --json | jq -r .id | legwork jobs %[1]s -
  legwork jobs %[1]s --filter 'state=%[2]s type=email.send' --rate 50/s --dry-run`, a.verb, a.example),
			RunE: func(c *cobra.Command, args []string) error {
				if b.many(c) {
					if g.given(c) {
						return usagef("an edit is for one job: give one ID in place of --filter")
					}
					return s.order(c, b, args)
				}
				if g.given(c) || b.request.Front {
					g.front = b.request.Front
					return s.retryEdited(c, g, args)
				}
				for _, name := range []string{"rate", "dry-run", "detach"} {
					if c.Flags().Changed(name) {
						return usagef("--%s goes with --filter", name)
					}
				}
				if err := wants(1, -1, "one ID or more, - for stdin, or --filter")(c, args); err != nil {
					return err
				}
				return s.act(c.Context(), a, args)
			},
		}
		b.flags(c)
		if a.verb == client.ActionRetry {
			c.Long += `

With --payload, --to, --run-at, --delay or --max-retries an edited copy of one dead
letter or completed job runs in its place, under a new ID. Repeating the command makes
no second copy.`
			c.Example += "\n  legwork jobs retry 0198c0de-9a3b-7c55-8f3e-6f1f7c1b2a3d --payload '{\"to\":\"ada@example.com\"}' --front"
			g.flags(c, "edit: ")
			c.Flags().StringVar(&g.to, "to", "", "edit: another `queue`")
			suggest(c, "to", s.completeQueues())
			c.Flags().BoolVar(&b.request.Front, "front", false, "with --filter, or for one ID: run next, not last")
		}
		all = append(all, c)
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
			_, err := fmt.Fprintf(w, "%s %s%s\n", clean(job.ID), clean(job.State), acknowledged(job.Cancel))
			return err
		})
	})
}

// acknowledged says what the worker says of the wish to end the job that it runs.
func acknowledged(c *client.Cancel) string {
	switch {
	case c == nil:
		return ""
	case c.AcknowledgedAt == nil:
		return ", asked to end; its worker has not acknowledged yet"
	}
	return ", its context ended by worker " + clean(c.Worker)
}
