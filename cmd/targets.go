package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
)

// deed does something to the named thing and reports it.
type deed func(ctx context.Context, name string) error

// each does the deed to every name, reports what goes wrong as it goes, and
// ends with the worst code. A lone "-" stands for the names on stdin. It stops
// when the server cannot be reached or ctx ends.
func (s *session) each(ctx context.Context, names []string, what string, do deed) error {
	if len(names) > 1 && slices.Contains(names, "-") {
		return usagef("- reads the %s from stdin and goes alone", what)
	}
	worst, count := exitOK, 0
	for name, err := range s.targets(names) {
		if err != nil {
			return err
		}
		count++
		err = do(ctx, name)
		if err == nil {
			continue
		}
		worst = worse(worst, exitOf(err))
		if worst == exitUnreachable || ctx.Err() != nil {
			if count > 1 {
				s.say("stopped at %s", name)
			}
			return err
		}
		s.complain(fmt.Errorf("%s: %w", name, err))
	}
	if count == 0 {
		s.say("no %s on stdin, nothing to do", what)
	}
	if worst != exitOK {
		return withExit(worst, nil)
	}
	return nil
}

// targets yields the names, or with a lone "-" the first word of each line of
// stdin.
func (s *session) targets(names []string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if len(names) != 1 || names[0] != "-" {
			for _, name := range names {
				if !yield(name, nil) {
					return
				}
			}
			return
		}
		lines := bufio.NewScanner(s.env.stdin)
		for lines.Scan() {
			if words := strings.Fields(lines.Text()); len(words) > 0 && !yield(words[0], nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield("", fmt.Errorf("read stdin: %w", err))
		}
	}
}

// readAll reads to the end, at most limit bytes.
func readAll(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = errors.New("is larger than " + fmt.Sprint(limit>>20) + " MiB")
	}
	return data, err
}
