package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"legwork/client"
)

func newJobsLogs(s *session) *cobra.Command {
	var filter client.LogFilter
	var follow bool
	c := &cobra.Command{
		Use:   "logs ID",
		Short: "Print what a job's handlers logged",
		Long: `Print what a job's handlers logged, run by run, the oldest line first: time, attempt,
level, message and what was added to it. With --json each line is printed as the
API sends it (NDJSON). --follow goes on until the job has ended; see jobs tail.`,
		Example: "  legwork jobs logs 0198c0de-7a5b-7c3d-9e1f-5a2b3c4d5e6f --attempt 2\n  legwork jobs logs ID --json | jq -r 'select(.level == \"ERROR\") | .message'",
		Args:    wants(1, 1, "one ID"),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case args[0] == "":
				return usagef("the ID is empty")
			case filter.Attempt < 0 || c.Flags().Changed("attempt") && filter.Attempt == 0:
				return usagef("--attempt %d: attempts are counted from 1", filter.Attempt)
			case follow && filter.Attempt != 0:
				return usagef("--follow goes through all attempts; leave --attempt away")
			case follow:
				return s.tailJob(c.Context(), args[0])
			}
			return s.printLog(c.Context(), args[0], filter)
		},
	}
	c.Flags().IntVar(&filter.Attempt, "attempt", 0, "only lines of this `attempt`, from 1")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "go on until the job has ended")
	return c
}

func newJobsTail(s *session) *cobra.Command {
	return &cobra.Command{
		Use:   "tail ID",
		Short: "Follow a job's log, progress and states until it has ended",
		Long: `Follow a job until it has ended: its log from the beginning, on stdout, and its
progress and states, on stderr. A stream that breaks is taken up where it broke.
With --json every event is printed on stdout as it comes (NDJSON).

It ends with 0 when the job is completed, and with 1 when it became a dead letter or
was deleted.`,
		Example: "  legwork jobs tail 0198c0de-7a5b-7c3d-9e1f-5a2b3c4d5e6f",
		Args:    wants(1, 1, "one ID"),
		RunE: func(c *cobra.Command, args []string) error {
			if args[0] == "" {
				return usagef("the ID is empty")
			}
			return s.tailJob(c.Context(), args[0])
		},
	}
}

func (s *session) printLog(ctx context.Context, id string, filter client.LogFilter) error {
	api, err := s.dial()
	if err != nil {
		return err
	}
	filter.Limit = client.LogLimitMax
	empty := true
	for page, err := range api.LogPages(ctx, id, filter) {
		if err != nil {
			return err
		}
		for n := range page.Lines {
			empty = false
			if err := s.printLine(&page.Lines[n]); err != nil {
				return err
			}
		}
	}
	if empty {
		s.say("nothing was logged")
	}
	return nil
}

// tailJob prints the events of the job until it has ended.
func (s *session) tailJob(ctx context.Context, id string) error {
	api, err := s.dial() // without a tape: a stream has no end in memory
	if err != nil {
		return err
	}
	lost := func(err error, wait time.Duration) {
		s.say("%s; trying again in %s", s.sentence(err), wait.Round(100*time.Millisecond))
	}
	for event, err := range api.Tail(ctx, id, client.TailOptions{LostFunc: lost}) {
		if err != nil {
			return err
		}
		if err := s.printEvent(&event); err != nil {
			return err
		}
		if end := event.End; end != nil && end.Reason != "completed" {
			return fmt.Errorf("job %s is %s", id, end.Reason)
		}
	}
	return nil
}

func (s *session) printEvent(e *client.JobEvent) error {
	if s.asJSON {
		return s.printValue(e)
	}
	switch {
	case e.Log != nil:
		return s.printLine(e.Log)
	case e.Progress != nil:
		s.say("%s", progressText(e.Progress))
	case e.State != nil:
		s.say("%s", s.stateText(e.State))
	}
	return nil
}

func progressText(p *client.Progress) string {
	if p.Total <= 0 {
		return fmt.Sprintf("progress %d", p.Done)
	}
	return fmt.Sprintf("progress %d of %d (%d %%)", p.Done, p.Total, int(100*float64(p.Done)/float64(p.Total)))
}

// stateText says where the job stands now.
func (s *session) stateText(c *client.StateChange) string {
	text := c.State
	if c.Attempt > 0 {
		text += fmt.Sprintf(", attempt %d of %d", c.Attempt, c.MaxRetries+1)
	}
	if c.NextRunAt != nil && !c.Final() {
		text += ", due " + ago(s.env.now(), *c.NextRunAt)
	}
	if c.Discarded != "" {
		text += ": discarded: " + c.Discarded
	} else if c.LastError != "" {
		text += ": " + short(c.LastError, 200)
	}
	return text
}

// printLine prints one line of a log: as JSON, or for people.
func (s *session) printLine(l *client.LogLine) error {
	if s.asJSON {
		return s.printValue(l)
	}
	level := clean(l.Level)
	if s.env.colour() {
		level = paintLevel(level)
	}
	text := fmt.Sprintf("%s %d %s %s%s\n", l.At.Format("2006-01-02T15:04:05.000Z07:00"), l.Attempt, level, clean(l.Message), attrsText(l.Attrs))
	_, err := s.env.stdout.Write([]byte(text))
	return err
}

func (s *session) printValue(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the event: %w", err)
	}
	return s.printJSON(raw)
}

// paintLevel colours what asks for attention.
func paintLevel(level string) string {
	code := map[string]string{"WARN": "33", "ERRO": "31", "DEBU": "2"}[level[:min(4, len(level))]]
	if code == "" {
		return level
	}
	return "\x1b[" + code + "m" + level + "\x1b[0m"
}

// attrsText is an object as key=value with a blank before each, in the order that it
// has; values that are objects or lists stay JSON.
func attrsText(raw json.RawMessage) string {
	in := json.NewDecoder(bytes.NewReader(raw))
	if t, err := in.Token(); err != nil || t != json.Delim('{') {
		return ""
	}
	var out strings.Builder
	for in.More() {
		key, err := in.Token()
		var value json.RawMessage
		if err != nil || in.Decode(&value) != nil {
			break
		}
		fmt.Fprintf(&out, " %s=%s", quoteIf(fmt.Sprint(key)), valueText(value))
	}
	return out.String()
}

func valueText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil && len(raw) > 0 && raw[0] == '"' {
		return quoteIf(text)
	}
	return clean(string(raw))
}

// quoteIf quotes text that would not be one word.
func quoteIf(text string) string {
	if text == "" || strings.ContainsAny(text, " =\"") || clean(text) != text {
		return strconv.Quote(text)
	}
	return text
}
