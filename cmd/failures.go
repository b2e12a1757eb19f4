package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"legwork/client"
)

func newFailures(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "failures",
		Short: "See what failed and why, group by group, and put it right",
		Long: `See what failed and why, group by group, and put it right.

Failed attempts with one cause are one group, whatever ids, numbers and addresses
their messages carry. A group is named by its fingerprint.`,
	}
	c.AddCommand(newFailuresList(s), newFailuresShow(s), newFailuresIgnore(s), newFailuresRetry(s),
		newFailuresTurn(s, "resolve", "Mark groups as set right", "A failure from then on makes a group regressed.",
			func(ctx context.Context, api *client.Client, fp string) (*client.FailureGroup, error) {
				return api.ResolveFailure(ctx, fp)
			}),
		newFailuresTurn(s, "reopen", "Take back that groups were resolved or ignored", "",
			func(ctx context.Context, api *client.Client, fp string) (*client.FailureGroup, error) {
				return api.ReopenFailure(ctx, fp)
			}))
	return c
}

func newFailuresList(s *session) *cobra.Command {
	var filter client.FailureFilter
	var all bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List failure groups, those that failed last first",
		Long: `List failure groups, those that failed last first, one page of them or with --all
every one.

TREND is the failures of the last 24 hours, an hour to a column, or with --trend 7d
of seven days, six hours to a column. DEAD and RETRYING are the jobs that are dead
letters or wait for a retry now.

With --json a page is printed as the API sends it, and --all prints one group per
line (NDJSON).`,
		Example: `  legwork failures list --state open --type email.send
  legwork failures list --text timeout --all --json | jq -r .fingerprint`,
		Args: wants(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			limited := c.Flags().Changed("limit")
			switch {
			case all && limited:
				return usagef("--all lists every group; leave --limit away")
			case limited && (filter.Limit < 1 || filter.Limit > listLimitMax):
				return usagef("--limit %d: use 1 to %d, or --all", filter.Limit, listLimitMax)
			case all:
				filter.Limit = listAllPage
			}
			return s.listFailures(c.Context(), filter, all)
		},
	}
	flags := c.Flags()
	flags.StringVar(&filter.State, "state", "", "only groups in this `state`: open, resolved, ignored or regressed")
	flags.StringVar(&filter.Queue, "queue", "", "only groups with failures in this `queue`")
	flags.StringVar(&filter.Type, "type", "", "only groups of this job `type`")
	flags.StringVar(&filter.Kind, "kind", "", "only groups of this `kind`: error, panic, timeout, lease_lost or cancelled")
	flags.StringVar(&filter.Q, "text", "", "only groups whose message or last error contains this `text`")
	flags.StringVar(&filter.Trend, "trend", "", "hours of the trend: 24h or 7d (default 24h)")
	flags.IntVar(&filter.Limit, "limit", 0, "how many groups to list, 1 to 500 (default 50)")
	flags.StringVar(&filter.Cursor, "cursor", "", "start at this `cursor`, the next_cursor of an earlier list")
	flags.BoolVar(&all, "all", false, "list every group that matches")
	suggest(c, "state", cobra.FixedCompletions([]string{"open", "resolved", "ignored", "regressed"}, cobra.ShellCompDirectiveNoFileComp))
	suggest(c, "kind", cobra.FixedCompletions([]string{"error", "panic", "timeout", "lease_lost", "cancelled"}, cobra.ShellCompDirectiveNoFileComp))
	suggest(c, "trend", cobra.FixedCompletions([]string{client.TrendDay, client.TrendWeek}, cobra.ShellCompDirectiveNoFileComp))
	suggest(c, "queue", s.completeQueues())
	suggest(c, "type", s.completeTypes())
	return c
}

func (s *session) listFailures(ctx context.Context, filter client.FailureFilter, all bool) error {
	api, err := s.connect()
	if err != nil {
		return err
	}
	empty := true
	for list, err := range api.FailurePages(ctx, filter) {
		if err != nil {
			return err
		}
		if len(list.Failures) == 0 && list.NextCursor != "" {
			continue // the server looks at a thousand groups at a time
		}
		if err := s.showFailures(list, empty, all); err != nil {
			return err
		}
		empty = empty && len(list.Failures) == 0
		if !all {
			if list.NextCursor != "" && !s.asJSON {
				s.say("there are more: list them with --all, or go on with --cursor %s", list.NextCursor)
			}
			break
		}
	}
	if empty {
		s.say("no failure groups match")
	}
	return nil
}

func (s *session) showFailures(list *client.FailureList, first, all bool) error {
	if !s.asJSON {
		if len(list.Failures) == 0 {
			return nil
		}
		return s.failureTable(list.Failures, first).print(s.env.stdout)
	}
	if !all {
		return s.printJSON(s.tape.answer.Bytes())
	}
	var page struct {
		Failures []json.RawMessage `json:"failures"`
	}
	if err := json.Unmarshal(s.tape.answer.Bytes(), &page); err != nil {
		return fmt.Errorf("read the page of failure groups: %w", err)
	}
	for _, raw := range page.Failures {
		if err := s.printJSON(raw); err != nil {
			return err
		}
	}
	return nil
}

// failureMessageMin is how much of a message stays on however narrow a terminal.
const failureMessageMin = 24

func (s *session) failureTable(list []client.FailureGroup, header bool) *table {
	t := &table{
		header: []string{"FINGERPRINT", "TYPE", "KIND", "STATE", "COUNT", "DEAD", "RETRYING", "LAST", "TREND", "MESSAGE"},
		state:  3, colour: s.env.colour(),
	}
	columns, longest := s.env.columns(), 64
	if columns > 0 {
		longest = columns
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	for _, g := range list {
		t.add(g.Fingerprint, g.Type, g.Kind, g.State, number(g.Count), number(g.Dead), number(g.Retrying),
			ago(s.env.now(), g.LastSeen), sparkline(g.Trend), short(clean(g.Message), longest))
	}
	t.fit(columns, failureMessageMin)
	if !header {
		t.header = nil
	}
	return t
}

func newFailuresShow(s *session) *cobra.Command {
	trend := ""
	c := &cobra.Command{
		Use:     "show FINGERPRINT",
		Aliases: []string{"get"},
		Short:   "Show one failure group",
		Args:    wants(1, 1, "one fingerprint"),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == "" {
				return usagef("the fingerprint is empty")
			}
			api, err := s.connect()
			if err != nil {
				return err
			}
			group, err := api.Failure(c.Context(), args[0], trend)
			if err != nil {
				return err
			}
			return s.show(func(w io.Writer) error { return s.showFailure(w, group) })
		},
	}
	c.Flags().StringVar(&trend, "trend", "", "hours of the trend: 24h or 7d (default 24h)")
	suggest(c, "trend", cobra.FixedCompletions([]string{client.TrendDay, client.TrendWeek}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// newFailuresTurn makes a command that does something to groups, one after the other.
func newFailuresTurn(s *session, verb, summary, more string, turn func(context.Context, *client.Client, string) (*client.FailureGroup, error)) *cobra.Command {
	if more != "" {
		more = " " + more
	}
	return &cobra.Command{
		Use:   verb + " FINGERPRINT...",
		Short: summary,
		Long:  summary + "." + more + "\n\nSeveral groups are done one after the other; a lone - reads their fingerprints from\nstdin, the first word of each line.",
		Args:  wants(1, -1, "one fingerprint or more, or - for stdin"),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := s.connect()
			if err != nil {
				return err
			}
			return s.each(c.Context(), args, "fingerprints", func(ctx context.Context, fingerprint string) error {
				if fingerprint == "" {
					return usagef("the fingerprint is empty")
				}
				group, err := turn(ctx, api, fingerprint)
				if err != nil {
					return err
				}
				return s.show(func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "%s %s\n", clean(group.Fingerprint), s.standing(group))
					return err
				})
			})
		},
	}
}

func newFailuresIgnore(s *session) *cobra.Command {
	var span time.Duration
	var until string
	ignore := func(ctx context.Context, api *client.Client, fingerprint string) (*client.FailureGroup, error) {
		how := client.Ignore{}
		switch {
		case (span == 0) == (until == ""):
			return nil, usagef("say for how long: --for 72h or --until 2030-01-31T12:00:00Z, one of both")
		case span < 0:
			return nil, usagef("--for %s: use a duration above zero", span)
		case until != "":
			at, err := time.Parse(time.RFC3339, until)
			if err != nil {
				return nil, usagef("--until %q: use RFC 3339, such as 2030-01-31T12:00:00Z", until)
			}
			how.Until = &at
		default:
			d := client.Duration(span)
			how.For = &d
		}
		return api.IgnoreFailure(ctx, fingerprint, how)
	}
	c := newFailuresTurn(s, "ignore", "Mark groups as not worth attention for a while", "After that time they are open again.", ignore)
	c.Flags().DurationVar(&span, "for", 0, "how long from now, such as 72h")
	c.Flags().StringVar(&until, "until", "", "until this `time`, RFC 3339")
	return c
}
