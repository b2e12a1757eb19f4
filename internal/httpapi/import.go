package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"legwork/client"
	"legwork/internal/archive"
	"legwork/internal/inspect"
	"legwork/jobs"
)

// importSize bounds the lines that are held at a time, in bytes, unless one line has
// more.
const importSize = 4 << 20

type importOutput struct{ Body client.ImportResult }

func (s *server) importJobs(ctx context.Context, in *struct{ request }) (*importOutput, error) {
	if _, err := checkType(in.raw.Header.Get("Content-Type"), []string{typeNDJSON, typeGzip}); err != nil {
		return nil, s.fail(ctx, err)
	}
	i := &importing{server: s, result: client.ImportResult{Errors: []client.ImportError{}}}
	connection := http.NewResponseController(in.answer)
	number := 0
	for line, err := range archive.Lines(in.raw.Body, int(s.BatchBodyLimit)) {
		_ = connection.SetReadDeadline(time.Now().Add(streamPause)) // not every server can
		_ = connection.SetWriteDeadline(time.Now().Add(2 * streamPause))
		number++
		if err := i.line(ctx, number, line, err); err != nil {
			return nil, s.fail(ctx, i.halted(err))
		}
	}
	if err := i.store(ctx); err != nil {
		return nil, s.fail(ctx, i.halted(err))
	}
	slices.SortFunc(i.result.Errors, func(a, b client.ImportError) int { return a.Line - b.Line })
	return &importOutput{i.result}, nil
}

// importing is an import under way.
type importing struct {
	*server
	lines   [][]byte // to be stored
	numbers []int    // of the lines
	size    int      // of the lines, in bytes
	result  client.ImportResult
}

// line takes a line, or what reading failed with in place of one. An error means that
// the import cannot go on.
func (i *importing) line(ctx context.Context, number int, line []byte, wrong error) error {
	switch {
	case errors.Is(wrong, archive.ErrTooLong):
		i.fail(number, "", jobs.Errorf(jobs.CodeTooLarge, "the line is longer than http.batch_body_limit, %d bytes", i.BatchBodyLimit))
		return nil
	case errors.Is(wrong, archive.ErrCut):
		i.fail(number, "", jobs.Errorf(jobs.CodeInvalidJSON, "the body is cut off or damaged from here on; every line before is good"))
		return nil
	case wrong != nil:
		return &jobs.Error{Code: jobs.CodeInvalidRequest, Message: fmt.Sprintf("the body could not be read after line %d", number-1), Err: wrong}
	}
	if number == 1 {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return nil
	}
	if bytes.HasPrefix(line, []byte(`{"complete":`)) { // the end of an export, kept as it came
		if !bytes.HasPrefix(line, []byte(`{"complete":true`)) {
			i.fail(number, "", jobs.Errorf(jobs.CodeInvalidRequest, "the export ended early here; every line before is good"))
		}
		return nil
	}
	i.lines, i.numbers, i.size = append(i.lines, bytes.Clone(line)), append(i.numbers, number), i.size+len(line)
	if len(i.lines) < inspect.ImportMany && i.size < importSize {
		return nil
	}
	return i.store(ctx)
}

// store imports the lines held.
func (i *importing) store(ctx context.Context) error {
	if len(i.lines) == 0 {
		return nil
	}
	outcomes, err := i.Inspector.Import(ctx, i.lines, i.PayloadLimit)
	for n, o := range outcomes {
		switch {
		case o.Err == nil:
			i.result.Imported++
		case err != nil && jobs.CodeOf(o.Err) == jobs.CodeUnavailable: // comes again
		case jobs.CodeOf(o.Err) == jobs.CodeConflict:
			i.result.Skipped++
			i.note(i.numbers[n], o.ID, o.Err)
		default:
			i.fail(i.numbers[n], o.ID, o.Err)
		}
	}
	i.lines, i.numbers, i.size = i.lines[:0], i.numbers[:0], 0
	return err
}

func (i *importing) fail(number int, id string, err error) {
	i.result.Failed++
	i.note(number, id, err)
}

func (i *importing) note(number int, id string, err error) {
	if len(i.result.Errors) < client.ImportErrorsMax {
		i.result.Errors = append(i.result.Errors, client.ImportError{Line: number, ID: id, Error: newProblem(err).Problem})
	}
}

// halted tells of an import that could not go on what it has done.
func (i *importing) halted(err error) error {
	e, ok := errors.AsType[*jobs.Error](err)
	if !ok {
		return err
	}
	return &jobs.Error{Code: e.Code, Err: err, Message: fmt.Sprintf(
		"%s; so far %d lines were imported, %d skipped, %d failed; import all of it again: what is stored will be skipped", e.Message, i.result.Imported, i.result.Skipped, i.result.Failed)}
}
