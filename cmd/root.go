package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// execute runs the command line given by env and returns the exit code. The
// extra commands join the ones of this file's root.
func execute(ctx context.Context, env *environment, extra ...*cobra.Command) int {
	s := newSession(env)
	defer s.close()
	root := newRoot(s, extra...)
	command, err := root.ExecuteContextC(ctx)
	return int(s.conclude(command, err))
}

func newRoot(s *session, extra ...*cobra.Command) *cobra.Command {
	root := &cobra.Command{
		Use:   "legwork",
		Short: "Background jobs in one binary",
		Long: `Legwork runs background jobs: hand in a typed job over HTTP or with this
command, and workers run the Go function registered for its type.

Environment:
  LEGWORK_API_URL   server that the client commands talk to, unless --server is given
  LEGWORK_API_KEY   key for it, unless --api-key is given
  NO_COLOR          when set, nothing is coloured`,
		Version:       readBuild().String(),
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetArgs(append([]string{}, s.env.args...))
	root.SetIn(s.env.stdin)
	root.SetOut(s.env.stdout)
	root.SetErr(s.env.stderr)
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	onlyCommands := "{{if and .Runnable (not .HasAvailableSubCommands)}}"
	root.SetUsageTemplate(strings.Replace(root.UsageTemplate(), "{{if .Runnable}}", onlyCommands, 1))

	flags := root.PersistentFlags()
	flags.StringVar(&s.server, "server", "", "URL of the server (default $LEGWORK_API_URL or http://127.0.0.1:8080)")
	flags.StringVar(&s.apiKey, "api-key", "", "API key (default $LEGWORK_API_KEY, which keeps it out of the process list)")
	flags.BoolVar(&s.asJSON, "json", false, "print the API's JSON: indented on a terminal, else one value per line")

	root.AddCommand(newEnqueue(s), newJobs(s), newQueues(s), newWorkers(s), newFailures(s), newActions(s), newTypes(s), newTop(s), newBench(s), newHalfRound(s), newVersion(s), newExitCodesTopic())
	root.AddCommand(extra...)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	strictHelp(root)
	s.prepare(root)
	return root
}

// prepare makes every command below c note that it has started, and every group
// refuse what is none of its commands.
func (s *session) prepare(c *cobra.Command) {
	if c.HasSubCommands() && !c.Runnable() {
		group(c)
	}
	switch run, runE := c.Run, c.RunE; {
	case runE != nil:
		c.RunE = func(c *cobra.Command, args []string) error {
			s.started = true
			return runE(c, args)
		}
	case run != nil:
		c.Run = func(c *cobra.Command, args []string) {
			s.started = true
			run(c, args)
		}
	}
	for _, sub := range c.Commands() {
		s.prepare(sub)
	}
}

// group turns c into a command that prints its help when called alone and fails
// on any argument; cobra itself would print the help and succeed.
func group(c *cobra.Command) {
	c.Args = cobra.ArbitraryArgs
	c.SuggestionsMinimumDistance = 2
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		return usagef("unknown command %q for %q%s", args[0], c.CommandPath(), orMeant(c.SuggestionsFor(args[0])))
	}
}

// strictHelp makes `legwork help nonsense` fail, which cobra lets pass.
func strictHelp(root *cobra.Command) {
	for _, c := range root.Commands() {
		if c.Name() != "help" {
			continue
		}
		show := c.Run
		c.Run = nil
		c.RunE = func(c *cobra.Command, args []string) error {
			found, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("no help for %q%s", strings.Join(args, " "), orMeant(found.SuggestionsFor(args[len(args)-1])))
			}
			show(c, args)
			return nil
		}
	}
}

// flagError adds the flags that may have been meant.
func flagError(c *cobra.Command, err error) error {
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok && len(unknown.GetSpecifiedName()) > 1 {
		known := &cobra.Command{SuggestionsMinimumDistance: 2}
		c.Flags().VisitAll(func(f *pflag.Flag) {
			known.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
		})
		var meant []string
		for _, name := range known.SuggestionsFor(unknown.GetSpecifiedName()) {
			meant = append(meant, "--"+name)
		}
		err = fmt.Errorf("%w%s", err, orMeant(meant))
	}
	if strings.Contains(err.Error(), `unknown unit "d"`) {
		err = fmt.Errorf("%w; write days in hours: 2d is 48h", err)
	}
	return withExit(exitUsage, err)
}

func orMeant(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(names, " or ") + "?"
}

// wants checks the number of arguments; most is -1 for any number.
func wants(least, most int, what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return usagef("%s needs %s", c.CommandPath(), what)
		case most >= 0 && len(args) > most:
			return usagef("%s takes %s; %q is too much", c.CommandPath(), what, args[most])
		}
		return nil
	}
}
