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
	c.Flags().StringVar(&b.filter, "filter", "", "act on every job that passes this `filter`, such as 'state=archived type=email.send'")
	b.conduct(c, "with --filter: ")
}

// conduct adds the flags that say how an action is carried out.
func (b *bulk) conduct(c *cobra.Command, when string) {
	f := c.Flags()
	f.StringVar(&b.rate, "rate", "", when+"at most so many jobs per second, such as `50/s`")
	f.BoolVar(&b.request.DryRun, "dry-run", false, when+"only count the jobs, and show some of them")
	f.BoolVar(&b.detach, "detach", false, when+"do not wait for the end")
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

// newFailuresRetry acts on the dead letters of one failure group.
func newFailuresRetry(s *session) *cobra.Command {
	b := &bulk{}
	c := &cobra.Command{
		Use: "retry FINGERPRINT", Short: "Retry the dead letters of a group",
		Long: `Retry the dead letters whose last failure is of the group, with fresh attempts, in
one action that the server carries out (see legwork actions): it goes on when this
command ends. Jobs that wait for a retry anyway are left alone.`,
		Example: "  legwork failures retry 0123456789abcdef --rate 50/s",
		Args:    wants(1, 1, "one fingerprint"),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == "" {
				return usagef("the fingerprint is empty")
			}
			if err := b.pace(); err != nil {
				return err
			}
			return s.attend(c.Context(), b, func(api *client.Client) (*client.Action, error) {
				return api.RetryFailure(c.Context(), args[0], client.FailureRetry{Rate: b.request.Rate, DryRun: b.request.DryRun, Front: b.request.Front})
			})
		},
	}
	b.conduct(c, "")
	c.Flags().BoolVar(&b.request.Front, "front", false, "the jobs run next, not last")
	return c
}

// order orders the action and follows it to its end.
func (s *session) order(c *cobra.Command, b *bulk, ids []string) error {
	if err := b.complete(c, ids); err != nil {
		return err
	}
	return s.attend(c.Context(), b, func(api *client.Client) (*client.Action, error) {
		return api.StartAction(c.Context(), b.request)
	})
}

// attend starts an action and follows it to its end, unless it is to be left alone.
func (s *session) attend(ctx context.Context, b *bulk, start func(*client.Client) (*client.Action, error)) error {
	api, err := s.connect()
	if err != nil {
		return err
	}
	action, err := start(api)
	if err != nil {
		return err
	}
	if b.detach {
		s.say("action %s runs; follow it with legwork actions show %s", action.ID, action.ID)
		return s.showAction(action)
	}
	return s.follow(ctx, api, action)
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
	if err := b.pace(); err != nil {
		return err
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

// pace reads the rate.
func (b *bulk) pace() error {
	if b.rate == "" {
		return nil
	}
	n, err := strconv.Atoi(strings.TrimSuffix(b.rate, "/s"))
	if err != nil || n < 1 || n > client.ActionRateMax {
		return usagef("--rate %q: use 1/s to %d/s", b.rate, client.ActionRateMax)
	}
	b.request.Rate = n
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
