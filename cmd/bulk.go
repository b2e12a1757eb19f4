package cmd

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"legwork/client"
)

// bulk is what the flags of a command say of an action over many jobs.
type bulk struct {
	request client.ActionRequest
	filter  string
	rate    string
	at      string
	delay   time.Duration
	detach  bool
}

// many reports whether the command was asked for an action and not for single jobs.
func (b *bulk) many(c *cobra.Command) bool { return c.Flags().Changed("filter") }

// flags adds the flags that all actions over many jobs share.
func (b *bulk) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&b.filter, "filter", "", "act on every job that passes this `filter`, such as 'state=archived type=email.send'")
	f.StringVar(&b.rate, "rate", "", "with --filter: at most so many jobs per second, such as `50/s`")
	f.BoolVar(&b.request.DryRun, "dry-run", false, "with --filter: only count the jobs, and show some of them")
	f.BoolVar(&b.detach, "detach", false, "with --filter: do not wait for the end")
}

// newJobsMove and newJobsReschedule act on many jobs at once, also by id.
func newJobsMove(s *session) *cobra.Command {
	b := &bulk{request: client.ActionRequest{Action: client.ActionMove}}
	c := &cobra.Command{
		Use: "move [ID...] --to QUEUE", Short: "Move jobs that wait, or dead letters, to another queue",
		Example: "  legwork jobs move --filter 'queue=bulk type=email.send' --to mail --rate 200/s",
		Args:    wants(0, -1, "IDs, or none with --filter"),
		RunE:    func(c *cobra.Command, ids []string) error { return s.order(c, b, ids) },
	}
	b.flags(c)
	c.Flags().StringVar(&b.request.Queue, "to", "", "`queue` to move to")
	c.Flags().BoolVar(&b.request.Front, "front", false, "put pending jobs first in line")
	suggest(c, "to", s.completeQueues())
	return c
}

func newJobsReschedule(s *session) *cobra.Command {
	b := &bulk{request: client.ActionRequest{Action: client.ActionReschedule}}
	c := &cobra.Command{
		Use: "reschedule [ID...] (--at TIME | --delay DURATION)", Short: "Let jobs start at another time; dead letters with fresh attempts",
		Example: "  legwork jobs reschedule --filter 'state=scheduled queue=reports' --delay 2h",
		Args:    wants(0, -1, "IDs, or none with --filter"),
		RunE:    func(c *cobra.Command, ids []string) error { return s.order(c, b, ids) },
	}
	b.flags(c)
	c.Flags().StringVar(&b.at, "at", "", "earliest start, an RFC 3339 `time`")
	c.Flags().DurationVar(&b.delay, "delay", 0, "earliest start from now on, such as `90s`")
	return c
}

// order orders the action and follows it to its end.
func (s *session) order(c *cobra.Command, b *bulk, ids []string) error {
	if err := b.complete(c, ids); err != nil {
		return err
	}
	api, err := s.connect()
	if err != nil {
		return err
	}
	action, err := api.StartAction(c.Context(), b.request)
	if err != nil {
		return err
	}
	if b.detach {
		s.say("action %s runs; follow it with legwork actions show %s", action.ID, action.ID)
		return s.showAction(action)
	}
	return s.follow(c.Context(), api, action)
}

// complete makes a request of the flags and the ids.
func (b *bulk) complete(c *cobra.Command, ids []string) error {
	r := &b.request
	switch {
	case b.many(c) && len(ids) > 0:
		return usagef("give either IDs or --filter")
	case b.many(c):
		filter, err := filterOf(b.filter)
		if err != nil {
			return err
		}
		if filter.String() == "" {
			return usagef("--filter is empty; name at least one of %s", strings.Join(client.FilterFields(), ", "))
		}
		r.Filter = &filter
	case len(ids) == 0:
		return usagef("give IDs, or --filter")
	default:
		r.IDs = ids
	}
	if b.rate != "" {
		n, err := strconv.Atoi(strings.TrimSuffix(b.rate, "/s"))
		if err != nil || n < 1 || n > client.ActionRateMax {
			return usagef("--rate %q: use 1/s to %d/s", b.rate, client.ActionRateMax)
		}
		r.Rate = n
	}
	if b.at != "" {
		at, err := time.Parse(time.RFC3339, b.at)
		if err != nil {
			return usagef("--at %q: use an RFC 3339 time such as 2030-01-31T12:00:00Z", b.at)
		}
		r.RunAt = &at
	}
	if f := c.Flags().Lookup("delay"); f != nil && f.Changed {
		d := client.Duration(b.delay)
		r.Delay = &d
	}
	switch {
	case r.Action == client.ActionMove && r.Queue == "":
		return usagef("give the queue with --to")
	case r.Action == client.ActionReschedule && (r.RunAt == nil) == (r.Delay == nil):
		return usagef("give either --at or --delay")
	}
	return nil
}

// followEvery is how often the command line looks at an action that it waits for.
const followEvery = 200 * time.Millisecond

// follow shows how far the action comes, until its end. When ctx ends, the action goes
// on.
func (s *session) follow(ctx context.Context, api *client.Client, a *client.Action) error {
	total := int64(-1)
	if a.Total != nil {
		total = int64(*a.Total)
	}
	bar := s.newCounter(a.Action, total)
	defer bar.end()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for id := a.ID; !a.Finished(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			bar.end()
			s.say("the action goes on; end it with legwork actions abort %s", id)
			return ctx.Err()
		}
		now, err := api.Action(ctx, id)
		if ctx.Err() != nil {
			continue
		}
		if err != nil {
			bar.end()
			s.say("the action goes on; see legwork actions show %s", id)
			return err
		}
		a = now
		bar.reach(a.Done + a.Skipped + a.Failed)
	}
	bar.end()
	if err := s.showAction(a); err != nil {
		return err
	}
	if a.State != client.ActionDone || a.Failed > 0 {
		return withExit(exitFailure, nil)
	}
	return nil
}
