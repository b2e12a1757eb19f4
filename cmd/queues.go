package cmd

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"legwork/client"
	"legwork/jobs"
)

func newQueues(s *session) *cobra.Command {
	c := &cobra.Command{Use: "queues", Short: "List, pause and resume queues"}
	c.AddCommand(newQueuesList(s),
		newQueuesTurn(s, "pause", "Stop workers from taking jobs out of queues", (*client.Client).Pause),
		newQueuesTurn(s, "resume", "Let workers take jobs out of queues again", (*client.Client).Resume))
	return c
}

func newQueuesList(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List queues and what waits in them",
		Long: `List queues and what waits in them.

BACKLOG counts the jobs that could start now, OLDEST is for how long the next one has
been waiting. IN/MIN and OUT/MIN are the jobs per minute that came and that ended, over
the last five minutes; DRAIN is when the backlog will be worked off if both go on as in
the last minute.
On a narrow terminal some columns are left out; --json has all.`,
		Args: wants(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			api, err := s.connect()
			if err != nil {
				return err
			}
			list, err := api.Queues(c.Context())
			if err != nil {
				return err
			}
			if len(list.Queues) == 0 {
				s.say("no queues yet; the first job makes one")
				if !s.asJSON {
					return nil
				}
			}
			return s.show(s.queueTable(list.Queues).print)
		},
	}
}

// queueTable is for people: on a narrow terminal it leaves out what the backlog and the
// status say roughly.
func (s *session) queueTable(list []client.Queue) *table {
	t := &table{header: []string{"NAME", "STATUS", "WEIGHT"}, state: 1, colour: s.env.colour()}
	for _, state := range jobs.States() {
		t.header = append(t.header, strings.ToUpper(string(state)))
	}
	t.header = append(t.header, "OLDEST", "BACKLOG", "IN/MIN", "OUT/MIN", "DRAIN")
	for _, q := range list {
		row := []string{q.Name, served(&q), strconv.Itoa(q.Weight)}
		for _, state := range jobs.States() {
			row = append(row, strconv.Itoa(q.States[string(state)]))
		}
		t.add(append(row, oldest(&q), strconv.Itoa(q.Backlog), amount(60*q.Arrivals), amount(60*q.Throughput), drain(&q))...)
	}
	t.fit(s.env.columns(), len("DRAIN"), "COMPLETED", "PENDING", "WEIGHT", "SCHEDULED", "ACTIVE")
	return t
}

// oldest is the age of the job next in line, or "".
func oldest(q *client.Queue) string {
	if q.OldestPendingAge <= 0 {
		return ""
	}
	return span(time.Duration(q.OldestPendingAge))
}

// drain is when the backlog will be worked off: "" when there is none, "never" when it
// does not shrink.
func drain(q *client.Queue) string {
	switch {
	case q.Backlog == 0:
		return ""
	case q.DrainTime == nil:
		return "never"
	}
	return span(time.Duration(*q.DrainTime))
}

// served is the status of a queue, or that no worker serves it.
func served(q *client.Queue) string {
	if !q.Paused && q.Weight == 0 {
		return "unserved"
	}
	return status(q)
}

func status(q *client.Queue) string {
	if q.Paused {
		return "paused"
	}
	return "running"
}

func newQueuesTurn(s *session, verb, summary string, turn func(*client.Client, context.Context, string) (*client.Queue, error)) *cobra.Command {
	return &cobra.Command{
		Use:               verb + " NAME...",
		Short:             summary,
		Long:              summary + ".\n\nSeveral queues are done one after the other; a lone - reads their names from\nstdin, the first word of each line.",
		Args:              wants(1, -1, "one queue or more, or - for stdin"),
		ValidArgsFunction: s.completeQueues(),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := s.connect()
			if err != nil {
				return err
			}
			return s.each(c.Context(), args, "queues", func(ctx context.Context, name string) error {
				if name == "" {
					return usagef("the queue's name is empty")
				}
				queue, err := turn(api, ctx, name)
				if err != nil {
					return err
				}
				return s.show(func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "%s %s\n", clean(queue.Name), status(queue))
					return err
				})
			})
		},
	}
}
