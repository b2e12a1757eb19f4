package cmd

import (
	"strings"
	"testing"
)

const whyPaused = `{"id":"0190-a","type":"email.send","queue":"mail","state":"pending","code":"queue_paused","message":"Queue mail is paused.","at":"2030-01-31T12:00:00Z",
	"reasons":[{"code":"queue_paused","message":"Queue mail is paused.","remedy":"Resume it: legwork queues resume mail"},{"code":"behind","message":"It is behind 3\u001b[2J jobs.","ahead":3},{"code":"later","message":"New."}]}`

// Promise: people get the main reason with its remedy first and the others after it,
// with nothing that moves the cursor; programs get what the API sent.
func TestJobsWhy(t *testing.T) {
	t.Parallel()
	s := newShell(t, routes(t, map[string]string{
		"GET /v1/jobs/0190-a/why": whyPaused, "GET /v1/jobs/gone/why": missingJSON, "GET /v1/jobs/down/why": downJSON,
	}))
	s.want(output{exitOK, strings.Join([]string{
		"0190-a pending", "", "queue_paused: Queue mail is paused.", "  Resume it: legwork queues resume mail",
		"", "also", "behind: It is behind 3 [2J jobs.", "later: New.", "",
	}, "\n"), ""}, "jobs", "why", "0190-a")
	if got := s.run("jobs", "why", "0190-a", "--json"); got.code != exitOK || !strings.Contains(got.out, `"ahead":3`) || strings.Count(got.out, "\n") != 1 {
		t.Errorf("got %+v", got)
	}
	s.wantError(exitNotFound, "no job has this id", "jobs", "why", "gone")
	s.wantError(exitUnreachable, "Redis cannot be reached", "jobs", "why", "down")
	s.wantError(exitUsage, "the ID is empty", "jobs", "why", "")
	s.wantError(exitUsage, "one ID", "jobs", "why")
	s.wantError(exitUsage, "one ID", "jobs", "why", "a", "b")
}
