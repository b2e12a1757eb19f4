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

// exitCode is what the process ends with.
type exitCode int

const (
	exitOK exitCode = iota
	exitFailure
	exitUsage
	exitConfig
	exitUnreachable
	exitTaken
	exitRefused
	exitNotFound
	exitWarned
)

func (c exitCode) String() string {
	switch c {
	case exitOK:
		return "done"
	case exitFailure:
		return "any other failure; a job that was waited for did not complete"
	case exitUsage:
		return "wrong usage: unknown command or flag, missing or malformed argument"
	case exitConfig:
		return "bad configuration: file, environment variable or value"
	case exitUnreachable:
		return "Redis or the server cannot be reached or is unavailable; try again"
	case exitTaken:
		return "address in use or data directory locked"
	case exitRefused:
		return "the server refused the request, or some lines of a batch"
	case exitNotFound:
		return "no such job, queue, type, worker, failure group or action"
	case exitWarned:
		return "doctor has warnings, and nothing worse; with failures it ends with 1"
	}
	return "unknown"
}

// exitError gives an error an exit code of its own.
type exitError struct {
	code exitCode
	err  error // nil when everything was said already
}

func (e *exitError) Error() string {
	if e.err == nil {
		return e.code.String()
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

// withExit makes the process end with code if err ends the command.
func withExit(code exitCode, err error) error { return &exitError{code: code, err: err} }

// usagef is an error in how the command was called.
func usagef(format string, args ...any) error {
	return withExit(exitUsage, fmt.Errorf(format, args...))
}

// exitOf returns the exit code for the error that ended a command.
func exitOf(err error) exitCode {
	if err == nil {
		return exitOK
	}
	if own, ok := errors.AsType[*exitError](err); ok {
		return own.code
	}
	if errors.Is(err, context.Canceled) {
		return exitFailure
	}
	if p, ok := errors.AsType[*client.Problem](err); ok {
		return exitOfProblem(p)
	}
	if _, ok := errors.AsType[*url.Error](err); ok {
		return exitUnreachable
	}
	return exitFailure
}

func exitOfProblem(p *client.Problem) exitCode {
	switch {
	case p.Status == http.StatusNotFound && p.Code != client.CodeUnexpected:
		return exitNotFound
	case p.Status >= 400 && p.Status < 500:
		return exitRefused
	case p.Status == http.StatusBadGateway, p.Status == http.StatusServiceUnavailable, p.Status == http.StatusGatewayTimeout:
		return exitUnreachable
	}
	return exitFailure
}

// worse returns the graver of two codes: 0, 7, 6, then the others, then 4.
func worse(a, b exitCode) exitCode {
	rank := func(c exitCode) int {
		switch c {
		case exitOK:
			return 0
		case exitNotFound:
			return 1
		case exitRefused:
			return 2
		case exitUnreachable:
			return 4
		}
		return 3
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// newExitCodesTopic is the help topic that lists the exit codes.
func newExitCodesTopic() *cobra.Command {
	var list strings.Builder
	for code := exitOK; code <= exitWarned; code++ {
		fmt.Fprintf(&list, "  %d  %s\n", code, code)
	}
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "What the exit codes mean",
		Long: "legwork ends with one of these codes:\n\n" + list.String() + `
A command that is given several jobs, queues or workers tries each of them and ends with
the worst code: 4, then 1, then 6, then 7. It stops at the first 4, since the
others would fare no better.`,
	}
}
