package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one mistake in the configuration. It never contains a secret.
type Error struct {
	File   string // the file at fault; empty for variables, flags and defaults
	Line   int    // from 1; 0 when the whole file is meant
	Column int    // from 1, in characters
	Origin string // the variable (LEGWORK_HTTP_ADDR) or flag (--http-addr) at fault

	Key     string // dotted; elements as worker.queues.name and roles[0]; may be empty
	Problem string // what is wrong, to be read after the key
	Fix     string // what to do about it
	Excerpt string // the line of the file with a caret below; empty where it might show a secret

	shown int // showLine, showNothing, or characters
	err   error
}

// Error returns place, key, problem and fix in one line, and the excerpt, if
// there is one, in two more.
func (e *Error) Error() string {
	var parts []string
	switch {
	case e.Line > 0:
		parts = append(parts, fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column))
	case e.File != "":
		parts = append(parts, e.File)
	case e.Origin != "":
		parts = append(parts, e.Origin)
	}
	if e.Key != "" {
		parts = append(parts, e.Key)
	}
	text := strings.Join(append(parts, e.Problem), ": ")
	if e.Fix != "" {
		text += " [fix: " + e.Fix + "]"
	}
	if e.Excerpt != "" {
		text += "\n" + e.Excerpt
	}
	return text
}

// Unwrap returns the cause, such as fs.ErrNotExist for a missing file.
func (e *Error) Unwrap() error { return e.err }

// Errors is everything that is wrong with a configuration: first the file from
// top to bottom, then variables, then flags. It is never empty as an error.
type Errors []*Error

// Error returns the errors, one below the other. Of very many, as a file of
// another kind has, it returns the first 50 and the number of the others.
func (list Errors) Error() string {
	const most = 50
	var lines []string
	for _, e := range list[:min(most, len(list))] {
		lines = append(lines, e.Error())
	}
	if more := len(list) - most; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more mistakes", more))
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.Is and errors.As see each error.
func (list Errors) Unwrap() []error {
	errs := make([]error, len(list))
	for i, e := range list {
		errs[i] = e
	}
	return errs
}

// sort puts the errors into the order that Errors promises.
func (list Errors) sort() {
	rank := func(e *Error) int {
		switch {
		case e.File != "":
			return 0
		case strings.HasPrefix(e.Origin, "--"):
			return 2
		default:
			return 1
		}
	}
	slices.SortStableFunc(list, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
