package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"legwork/client"
)

// showJob prints a job for people: a line per field that is set, then payload,
// result and error as blocks.
func (s *session) showJob(w io.Writer, j *client.Job) error {
	state := clean(j.State)
	if s.env.colour() {
		state = paint(state)
	}
	headers := make([]string, 0, len(j.Headers))
	for _, name := range slices.Sorted(maps.Keys(j.Headers)) {
		headers = append(headers, name+"="+j.Headers[name])
	}
	fields := [][2]string{
		{"id", clean(j.ID)},
		{"type", clean(j.Type)},
		{"queue", clean(j.Queue)},
		{"state", state},
		{"attempt", attempts(j)},
		{"created", s.moment(&j.CreatedAt)},
		{"run at", s.moment(&j.RunAt)},
		{"next run", s.moment(j.NextRunAt)},
		{"finished", s.moment(j.FinishedAt)},
		{"timeout", j.Timeout.String()},
		{"deadline", s.moment(j.Deadline)},
		{"retention", j.Retention.String()},
		{"tags", clean(strings.Join(j.Tags, ", "))},
		{"headers", clean(strings.Join(headers, ", "))},
		{"discarded", clean(j.Discarded)},
		{"copy of", clean(j.RetriedFrom)},
		{"retried as", clean(j.RetriedAs)},
		{"cancel", clean(s.cancelWords(j.Cancel))},
	}
	var out strings.Builder
	for _, f := range fields {
		if f[1] != "" {
			fmt.Fprintf(&out, "%-11s%s\n", f[0], f[1])
		}
	}
	block(&out, "payload", pretty(j.Payload))
	block(&out, "result", pretty(j.Result))
	block(&out, "last error", j.LastError)
	block(&out, "failed attempts", s.attemptLines(j))
	_, err := io.WriteString(w, out.String())
	return err
}

// cancelWords says who wants a running job to end, since when, and what its worker says.
func (s *session) cancelWords(c *client.Cancel) string {
	switch {
	case c == nil:
		return ""
	case c.AcknowledgedAt == nil:
		return "asked for " + s.moment(&c.AskedAt) + ", not acknowledged yet"
	}
	return "asked for " + s.moment(&c.AskedAt) + ", acknowledged by worker " + c.Worker + " " + s.moment(c.AcknowledgedAt)
}

// attemptLines tells each failed attempt in a line, the oldest first.
func (s *session) attemptLines(j *client.Job) string {
	var out strings.Builder
	if left := j.FailedAttempts - len(j.Attempts); left > 0 {
		fmt.Fprintf(&out, "(%d older ones are not kept)\n", left)
	}
	for _, a := range j.Attempts {
		then := "dead letter"
		if a.Delay != nil {
			then = "next after " + a.Delay.String()
		}
		first, _, _ := strings.Cut(a.Error, "\n")
		fmt.Fprintf(&out, "%d  %s  %s  %s  %s: %s\n", a.Number, s.moment(&a.EndedAt), a.Duration, then, a.Kind, first)
	}
	return out.String()
}

// block prints text of several lines, indented below its title.
func block(out *strings.Builder, title, text string) {
	if text = strings.TrimSpace(cleanLines(text)); text != "" {
		fmt.Fprintf(out, "%s\n  %s\n", title, strings.ReplaceAll(text, "\n", "\n  "))
	}
}

// pretty indents JSON, and returns what is not JSON as it is.
func pretty(raw json.RawMessage) string {
	var out bytes.Buffer
	if len(raw) == 0 || json.Indent(&out, raw, "", "  ") != nil {
		return string(raw)
	}
	return out.String()
}

// compact puts JSON into one line, and returns what is not JSON as it is.
func compact(raw json.RawMessage) string {
	var out bytes.Buffer
	if json.Compact(&out, raw) != nil {
		return string(raw)
	}
	return out.String()
}
