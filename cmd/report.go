package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"legwork/client"
)

// conclude reports the error that ended a command, if any, and returns the exit
// code.
func (s *session) conclude(command *cobra.Command, err error) exitCode {
	if err == nil {
		return exitOK
	}
	if !s.started && exitOf(err) == exitFailure {
		err = withExit(exitUsage, err)
	}
	code := exitOf(err)
	if own, ok := errors.AsType[*exitError](err); ok && own.err == nil {
		return code
	}
	s.complain(err)
	if code == exitUsage {
		s.say("  see `%s --help`", command.CommandPath())
	}
	return code
}

// complain prints an error with a line per wrong field, and what to do about it.
func (s *session) complain(err error) {
	s.say("legwork: %s", s.sentence(err))
	if hint := s.hint(err); hint != "" {
		s.say("  %s", hint)
	}
}

func (s *session) sentence(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	text := err.Error()
	if broken, ok := errors.AsType[*url.Error](err); ok {
		return strings.Replace(text, broken.Error(), fmt.Sprintf("cannot reach %s: %v", s.address(), broken.Err), 1)
	}
	return text
}

func (s *session) hint(err error) string {
	if errors.Is(err, context.Canceled) {
		return ""
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Sprintf("is `legwork dev` or `legwork serve` running at %s? set --server or LEGWORK_API_URL", s.address())
	}
	p, ok := errors.AsType[*client.Problem](err)
	switch {
	case ok && p.Status == http.StatusUnauthorized:
		return "set --api-key or LEGWORK_API_KEY"
	case ok && p.Code == client.CodeUnexpected:
		return fmt.Sprintf("does %s lead to Legwork? set --server or LEGWORK_API_URL", s.address())
	case ok && p.RetryAfter > 0:
		return fmt.Sprintf("try again in %s", p.RetryAfter)
	}
	return ""
}
