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
		Args:  wants(0, 0, "no arguments"),
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

func (s *session) queueTable(list []client.Queue) *table {
	t := &table{header: []string{"NAME", "STATUS", "WEIGHT"}, state: 1, colour: s.env.colour()}
	for _, state := range jobs.States() {
		t.header = append(t.header, strings.ToUpper(string(state)))
	}
	t.header = append(t.header, "OLDEST PENDING")
	for _, q := range list {
		row := []string{q.Name, status(&q), strconv.Itoa(q.Weight)}
		for _, state := range jobs.States() {
			row = append(row, strconv.Itoa(q.States[string(state)]))
		}
		oldest := ""
		if q.OldestPendingAge > 0 {
			oldest = span(time.Duration(q.OldestPendingAge))
		}
		t.add(append(row, oldest)...)
	}
	return t
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
