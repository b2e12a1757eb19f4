package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/spf13/cobra"
)

func newTop(s *session) *cobra.Command {
	once := false
	c := &cobra.Command{
		Use:   "top",
		Short: "Watch queues, types, failures and workers live",
		Long: fmt.Sprintf(`Watch queues, types, failures and workers live: what waits and runs, how fast jobs
come and go, how long they wait and run, what fails, and what workers do. The view is
drawn anew every second; when the server does not answer it says so and tries again.

Keys: q quits, the arrows select a queue, p pauses or resumes it, s sorts, space
holds the view still, ? explains the columns.

With --once or --json, or when standard output is no terminal, one picture is
printed and top ends. Counts and times are those of the last %d minutes.`, topMinutes),
		Example: `  legwork top --once
  legwork top --json | jq '.queues[] | select(.drain_time == null) | .name'`,
		Args: wants(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			api, err := s.connect()
			if err != nil {
				return err
			}
			source := &topServer{api: api}
			first, err := source.picture(c.Context())
			switch {
			case err != nil:
				return err
			case s.asJSON:
				raw, err := json.Marshal(first)
				if err != nil {
					return fmt.Errorf("encode the picture: %w", err)
				}
				return s.printJSON(raw)
			case once || !s.env.isTerminal(s.env.stdout) || s.env.getenv("TERM") == "dumb":
				return first.print(s.env.stdout, s.env.now())
			}
			return s.watchTop(c.Context(), source, first)
		},
	}
	c.Flags().BoolVar(&once, "once", false, "print one picture and end")
	return c
}

// watchTop draws until the user quits, or ctx ends.
func (s *session) watchTop(ctx context.Context, source topSource, first *topPicture) error {
	ctx, cancel := context.WithCancel(ctx) // ends the look under way
	defer cancel()
	m := topModel{
		ctx: ctx, source: source, words: s.sentence, now: s.env.now, every: topEvery, server: s.address(),
		style: newTopStyle(s.env.stdout, s.env.colour()), shown: first,
	}
	m.arrange()
	_, err := newTopProgram(ctx, m, s.env.stdin, s.env.stdout).Run()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("draw on the terminal: %w", err)
	}
	return nil
}

// newTopProgram returns the program that draws the model. Signals end ctx and it.
func newTopProgram(ctx context.Context, m topModel, in io.Reader, out io.Writer) *tea.Program {
	return tea.NewProgram(m, tea.WithContext(ctx), tea.WithAltScreen(), tea.WithoutSignalHandler(), tea.WithInput(in), tea.WithOutput(out))
}

// print writes the picture as tables, whole.
func (p *topPicture) print(w io.Writer, now time.Time) error {
	if _, err := fmt.Fprintf(w, "%s\n", p.figures()); err != nil {
		return err
	}
	arrangeQueues(p.Queues, 0)
	for _, g := range []grid{queueGrid(p.Queues), typeGrid(p.Types), failingGrid(p.Failing, now), workerGrid(p.Workers, now)} {
		if len(g.rows) == 0 {
			continue
		}
		t := &table{state: -1}
		for _, c := range g.columns {
			t.header = append(t.header, c.fullTitle())
		}
		t.rows = g.rows
		if _, err := io.WriteString(w, "\n"); err != nil {
			return err
		}
		if err := t.print(w); err != nil {
			return err
		}
	}
	return nil
}
