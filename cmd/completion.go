package cmd

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"legwork/client"
	"legwork/jobs"
)

// completionTimeout is how long a shell waits for names from the server.
const completionTimeout = time.Second

// completer suggests values for an argument or a flag.
type completer = func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective)

// completeTypes suggests job types from the server, and nothing when that fails.
func (s *session) completeTypes() completer {
	return s.complete(func(ctx context.Context, api *client.Client) []cobra.Completion {
		list, err := api.Types(ctx)
		if err != nil {
			return nil
		}
		var names []cobra.Completion
		for _, t := range list.Types {
			names = append(names, cobra.CompletionWithDesc(clean(t.Name), clean(t.Summary)))
		}
		return names
	})
}

// completeQueues suggests queues from the server, and nothing when that fails.
func (s *session) completeQueues() completer {
	return s.complete(func(ctx context.Context, api *client.Client) []cobra.Completion {
		list, err := api.Queues(ctx)
		if err != nil {
			return nil
		}
		var names []cobra.Completion
		for _, q := range list.Queues {
			names = append(names, clean(q.Name))
		}
		return names
	})
}

func completeStates() completer {
	var names []cobra.Completion
	for _, state := range jobs.States() {
		names = append(names, string(state))
	}
	return cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp)
}

func (s *session) complete(names func(context.Context, *client.Client) []cobra.Completion) completer {
	return func(c *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		api, err := s.connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(c.Context(), completionTimeout)
		defer cancel()
		var fit []cobra.Completion
		for _, name := range names(ctx, api) {
			if strings.HasPrefix(name, begun) {
				fit = append(fit, name)
			}
		}
		return fit, cobra.ShellCompDirectiveNoFileComp
	}
}

// firstOnly suggests for the first argument and nothing after it.
func firstOnly(f completer) completer {
	return func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return f(c, args, begun)
	}
}

// suggest attaches a completer to a flag that the command has.
func suggest(c *cobra.Command, flag string, f completer) {
	if err := c.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err)
	}
}
