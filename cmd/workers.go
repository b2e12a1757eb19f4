package cmd

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"legwork/client"
)

func newWorkers(s *session) *cobra.Command {
	c := &cobra.Command{
		Use:   "workers",
		Short: "See the processes that run jobs, and quiet them",
		Long: `See the processes that run jobs, and quiet them.

A quiet worker takes no more jobs and finishes those it has. That holds until it is
resumed or ends: to drain a machine, quiet its worker, wait until BUSY is 0, stop it.`,
	}
	c.AddCommand(newWorkersList(s), newWorkersGet(s),
		newWorkersTurn(s, "quiet", "Make workers take no more jobs", (*client.Client).Quiet),
		newWorkersTurn(s, "resume", "Let quiet workers take jobs again", (*client.Client).Unquiet))
	return c
}

func newWorkersList(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List workers and what they run",
		Long: `List workers and what they run, those that started first first.

RUNS is the job types that run now and for how long, the longest-running first. A lost
worker gives no sign of life: others are given the jobs that it holds.`,
		Args: wants(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			api, err := s.connect()
			if err != nil {
				return err
			}
			list, err := api.Workers(c.Context())
			if err != nil {
				return err
			}
			if len(list.Workers) == 0 {
				s.say("no workers; start one with legwork serve --roles worker")
				if !s.asJSON {
					return nil
				}
			}
			return s.show(s.workerTable(list.Workers).print)
		},
	}
}

// completeWorkers suggests the ids of workers from the server, and nothing when that fails.
func (s *session) completeWorkers() completer {
	return s.complete(func(ctx context.Context, api *client.Client) []cobra.Completion {
		list, err := api.Workers(ctx)
		if err != nil {
			return nil
		}
		var ids []cobra.Completion
		for _, w := range list.Workers {
			ids = append(ids, cobra.CompletionWithDesc(clean(w.ID), clean(w.State+" "+placeOf(&w))))
		}
		return ids
	})
}

func newWorkersGet(s *session) *cobra.Command {
	return &cobra.Command{
		Use:               "get ID",
		Short:             "Show one worker, and what it runs",
		Args:              wants(1, 1, "one ID"),
		ValidArgsFunction: firstOnly(s.completeWorkers()),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == "" {
				return usagef("the worker's ID is empty")
			}
			api, err := s.connect()
			if err != nil {
				return err
			}
			worker, err := api.Worker(c.Context(), args[0])
			if err != nil {
				return err
			}
			return s.show(func(w io.Writer) error { return s.showWorker(w, worker) })
		},
	}
}

func newWorkersTurn(s *session, verb, summary string, turn func(*client.Client, context.Context, string) (*client.Worker, error)) *cobra.Command {
	return &cobra.Command{
		Use:   verb + " ID...",
		Short: summary,
		Long: summary + `.

Several workers are done one after the other; a lone - reads their IDs from stdin,
the first word of each line. A worker that cannot be reached now is told of it, and
does it once it can.`,
		Args:              wants(1, -1, "one worker ID or more, or - for stdin"),
		ValidArgsFunction: s.completeWorkers(),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := s.connect()
			if err != nil {
				return err
			}
			return s.each(c.Context(), args, "workers", func(ctx context.Context, id string) error {
				if id == "" {
					return usagef("the worker's ID is empty")
				}
				worker, err := turn(api, ctx, id)
				if err != nil {
					return err
				}
				if worker.Asked != "" {
					s.say("worker %s has not confirmed yet that it was asked for: %s", clean(worker.ID), clean(worker.Asked))
				}
				return s.show(func(w io.Writer) error {
					_, err := fmt.Fprintf(w, "%s %s\n", clean(worker.ID), clean(worker.State))
					return err
				})
			})
		},
	}
}
