package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"legwork/client"
)

func newJobsWhy(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "why ID",
		Short: "Say why a job is not running",
		Long: `Say why a job is not running: the main reason, what to do about it, and whatever
else holds as well. Each reason has a code for programs, which --json tells.`,
		Example: "  legwork jobs why 0198c0de-7a5b-7c3d-9e1f-5a2b3c4d5e6f\n  legwork jobs why ID --json | jq -r .code",
		Args:    wants(1, 1, "one ID"),
		RunE: func(c *cobra.Command, args []string) error {
			api, err := s.connectFor(args[0])
			if err != nil {
				return err
			}
			why, err := api.Why(c.Context(), args[0])
			if err != nil {
				return err
			}
			return s.show(func(w io.Writer) error { return s.showWhy(w, why) })
		},
	}
}

// showWhy prints the reasons for people, the main one first.
func (s *session) showWhy(w io.Writer, y *client.Why) error {
	var out strings.Builder
	for n, r := range y.Reasons {
		if n == 1 {
			out.WriteString("\nalso\n")
		}
		code := clean(r.Code)
		if n == 0 {
			state := clean(y.State)
			if s.env.colour() {
				state = paint(state)
			}
			fmt.Fprintf(&out, "%s %s\n\n", clean(y.ID), state)
		}
		fmt.Fprintf(&out, "%s: %s\n", code, clean(r.Message))
		if r.Remedy != "" {
			fmt.Fprintf(&out, "  %s\n", clean(r.Remedy))
		}
	}
	_, err := io.WriteString(w, out.String())
	return err
}
