package cmd

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"legwork/client"
)

func newTypes(s *session) *cobra.Command {
	c := &cobra.Command{Use: "types", Short: "Show the catalog of job types"}
	c.AddCommand(newTypesList(s), newTypesShow(s))
	return c
}

func newTypesList(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List job types and their defaults",
		Args:  wants(0, 0, "no arguments"),
		RunE: func(c *cobra.Command, _ []string) error {
			api, err := s.connect()
			if err != nil {
				return err
			}
			list, err := api.Types(c.Context())
			if err != nil {
				return err
			}
			if len(list.Types) == 0 {
				s.say("no job types; a worker announces its types when it starts")
				if !s.asJSON {
					return nil
				}
			}
			t := &table{header: []string{"TYPE", "VERSION", "QUEUE", "RETRIES", "TIMEOUT", "WORKERS", "SUMMARY"}, state: -1}
			for _, kind := range list.Types {
				t.add(kind.Name, kind.Version, kind.Queue, strconv.Itoa(kind.MaxRetries), kind.Timeout.String(),
					strconv.Itoa(kind.Workers), kind.Summary)
			}
			return s.show(t.print)
		},
	}
}

func newTypesShow(s *session) *cobra.Command {
	return &cobra.Command{
		Use:               "show TYPE",
		Aliases:           []string{"get"},
		Short:             "Show a job type: defaults, schema, an example call",
		Args:              wants(1, 1, "one type"),
		ValidArgsFunction: firstOnly(s.completeTypes()),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == "" {
				return usagef("the type is empty")
			}
			api, err := s.connect()
			if err != nil {
				return err
			}
			kind, err := api.Type(c.Context(), args[0])
			if err != nil {
				return err
			}
			return s.show(func(w io.Writer) error { return s.showType(w, kind) })
		},
	}
}

func (s *session) showType(w io.Writer, t *client.Type) error {
	var out strings.Builder
	for _, f := range [][2]string{
		{"type", t.Name},
		{"summary", t.Summary},
		{"version", t.Version},
		{"queue", t.Queue},
		{"max retries", strconv.Itoa(t.MaxRetries)},
		{"timeout", t.Timeout.String()},
		{"retention", t.Retention.String()},
		{"backoff", fmt.Sprintf("%s to %s, times %g, jitter %g", t.Backoff.Initial, t.Backoff.Max, t.Backoff.Factor, t.Backoff.Jitter)},
		{"workers", strconv.Itoa(t.Workers)},
	} {
		if text := clean(f[1]); text != "" {
			fmt.Fprintf(&out, "%-13s%s\n", f[0], text)
		}
	}
	block(&out, "payload schema", pretty(t.Schema))
	block(&out, "result schema", pretty(t.ResultSchema))
	block(&out, "example", s.curl(t))
	_, err := io.WriteString(w, out.String())
	return err
}

// curl words a call that hands in a job of the type, for a POSIX shell. The key
// stays in its variable.
func (s *session) curl(t *client.Type) string {
	payload := json.RawMessage("{}")
	if len(t.Examples) > 0 {
		payload = t.Examples[0]
	}
	body := fmt.Sprintf(`{"type":%q,"payload":%s}`, t.Name, compact(payload))
	address := strings.TrimRight(s.address(), "/") + "/v1/jobs"
	call := "curl " + quote(address)
	if s.apiKey != "" || s.env.getenv("LEGWORK_API_KEY") != "" {
		call += ` -H "Authorization: Bearer $LEGWORK_API_KEY"`
	}
	return call + " \\\n  -H 'Content-Type: application/json' -d " + quote(body)
}

// quote makes s one word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
