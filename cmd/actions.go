package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"legwork/client"
)

func newActions(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "actions",
		Short: "Follow and end what is done to many jobs at once",
		Long: `Follow and end what is done to many jobs at once.

An action is ordered with legwork jobs retry, archive, delete, cancel, move or
reschedule and --filter. It goes on when the command line or the server ends, and is
kept for 7 days after its end.`,
	}
	list := &cobra.Command{
		Use: "list", Short: "List actions, the newest first", Args: wants(0, 0, "no arguments"),
		Long: "List actions, the newest first. With --json each is a line as the API sends it (NDJSON).",
		RunE: func(c *cobra.Command, _ []string) error { return s.listActions(c) },
	}
	show := &cobra.Command{
		Use: "show ID", Aliases: []string{"get"}, Short: "Show how far an action has come", Args: wants(1, 1, "one ID"),
		RunE: func(c *cobra.Command, args []string) error { return s.onAction(c, args[0], (*client.Client).Action) },
	}
	abort := &cobra.Command{
		Use: "abort ID", Short: "Ask an action to end after the jobs under way", Args: wants(1, 1, "one ID"),
		RunE: func(c *cobra.Command, args []string) error {
			return s.onAction(c, args[0], (*client.Client).AbortAction)
		},
	}
	c.AddCommand(list, show, abort)
	return c
}

// actionFunc is a call about one action.
type actionFunc func(*client.Client, context.Context, string) (*client.Action, error)

func (s *session) onAction(c *cobra.Command, id string, do actionFunc) error {
	api, err := s.connectFor(id)
	if err != nil {
		return err
	}
	a, err := do(api, c.Context(), id)
	if err != nil {
		return err
	}
	return s.showAction(a)
}

func (s *session) listActions(c *cobra.Command) error {
	api, err := s.connect()
	if err != nil {
		return err
	}
	t := &table{state: 2, colour: s.env.colour(), header: []string{"ID", "ACTION", "STATE", "MATCHED", "DONE", "SKIPPED", "FAILED", "CREATED", "SELECTS"}}
	now := s.env.now()
	for a, err := range api.AllActions(c.Context()) {
		if err != nil {
			return err
		}
		if s.asJSON {
			raw, err := json.Marshal(a)
			if err != nil {
				return fmt.Errorf("encode the action: %w", err)
			}
			if err := s.printJSON(raw); err != nil {
				return err
			}
			continue
		}
		t.add(a.ID, verb(&a), a.State, fmt.Sprint(a.Matched), fmt.Sprint(a.Done), fmt.Sprint(a.Skipped), fmt.Sprint(a.Failed), ago(now, a.CreatedAt), selects(&a))
	}
	switch {
	case s.asJSON:
		return nil
	case len(t.rows) == 0:
		s.say("no actions in the last 7 days")
		return nil
	}
	return t.print(s.env.stdout)
}

func verb(a *client.Action) string {
	if a.DryRun {
		return a.Action + " (dry run)"
	}
	return a.Action
}

// selects words which jobs the action is about.
func selects(a *client.Action) string {
	if a.Filter == nil {
		return fmt.Sprintf("%d ids", a.IDs)
	}
	return a.Filter.String()
}

// showAction prints the action just received.
func (s *session) showAction(a *client.Action) error {
	return s.show(func(w io.Writer) error {
		var reasons []string
		for _, why := range slices.Sorted(maps.Keys(a.Reasons)) {
			reasons = append(reasons, fmt.Sprintf("%d %s", a.Reasons[why], why))
		}
		rate, skipped := "", fmt.Sprint(a.Skipped)
		if a.Rate > 0 {
			rate = fmt.Sprintf("%d/s", a.Rate)
		}
		if len(reasons) > 0 {
			skipped += " (" + strings.Join(reasons, ", ") + ")"
		}
		state := a.State
		if a.Aborting {
			state += ", to be aborted"
		}
		for _, f := range [][2]string{
			{"id", a.ID}, {"action", verb(a)}, {"selects", selects(a)}, {"to queue", a.Queue}, {"to start", s.moment(a.RunAt)}, {"rate", rate},
			{"state", state}, {"matched", fmt.Sprint(a.Matched)}, {"done", fmt.Sprint(a.Done)}, {"skipped", skipped}, {"failed", fmt.Sprint(a.Failed)},
			{"created", s.moment(&a.CreatedAt)}, {"finished", s.moment(a.FinishedAt)}, {"error", a.Error},
			{"files", strings.Join(a.Files, ", ")},
		} {
			if f[1] == "" {
				continue
			}
			if _, err := fmt.Fprintf(w, "%-11s%s\n", f[0], clean(f[1])); err != nil {
				return err
			}
		}
		for _, e := range a.Errors {
			if _, err := fmt.Fprintf(w, "  %s: %s\n", clean(e.ID), clean(e.Error)); err != nil {
				return err
			}
		}
		if len(a.Sample) == 0 {
			return nil
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
		return s.jobTable(a.Sample, true).print(w)
	})
}
