package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/spf13/cobra"

	"legwork/client"
)

// chunkMax bounds one request of a batch, and any line of it, in bytes. It is
// well below the server's default limit, so that a failed request leaves few
// lines in doubt.
const chunkMax = 8_000_000

// lineOutcome is what became of one line of a batch, as --json prints it.
type lineOutcome struct {
	Line   int             `json:"line"`
	ID     string          `json:"id,omitempty"`
	Status int             `json:"status"`
	Error  *client.Problem `json:"error,omitempty"`
}

// batch sends the lines of a file in chunks and reports what becomes of them.
type batch struct {
	s        *session
	api      *client.Client
	meter    *meter
	chunk    bytes.Buffer
	lines    []int // numbers of the chunk's lines
	enqueued int
	rejected int
}

func (s *session) enqueueBatch(c *cobra.Command, o *order) error {
	in, size, err := s.openBatch(o.batch)
	if err != nil {
		return err
	}
	defer in.Close()
	api, err := s.connect()
	if err != nil {
		return err
	}
	b := &batch{s: s, api: api, meter: s.newMeter("enqueue", size)}
	err = b.run(c.Context(), in)
	b.meter.end()
	s.say("%d enqueued, %d rejected", b.enqueued, b.rejected)
	if err == nil && b.rejected > 0 {
		err = withExit(exitRefused, nil)
	}
	return err
}

// openBatch opens the file, and tells its size or -1.
func (s *session) openBatch(path string) (io.ReadCloser, int64, error) {
	if path == "-" {
		return io.NopCloser(s.env.stdin), -1, nil
	}
	if path == "" {
		return nil, 0, usagef("--batch needs a file, or - for stdin")
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, 0, withExit(exitUsage, err)
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		_ = file.Close()
		return nil, 0, fmt.Errorf("look at the batch: %w", err)
	case info.IsDir():
		_ = file.Close()
		return nil, 0, usagef("%s: is a directory", path)
	case !info.Mode().IsRegular():
		return file, -1, nil
	}
	return file, info.Size(), nil
}

func (b *batch) run(ctx context.Context, in io.Reader) error {
	source := newLines(in, chunkMax)
	for number := 1; ; number++ {
		line, err := source.next()
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errTooLong) {
			return fmt.Errorf("read the batch after line %d%s: %w", number-1, b.unsent(), err)
		}
		if wrong := b.add(ctx, number, line, errors.Is(err, errTooLong)); wrong != nil {
			return wrong
		}
		if errors.Is(err, io.EOF) {
			return b.send(ctx)
		}
	}
}

// add takes one line into the chunk, which is sent first if the line no longer
// fits. Lines that cannot be JSON are rejected here, since they would spoil the
// whole request.
func (b *batch) add(ctx context.Context, number int, line []byte, tooLong bool) error {
	if number == 1 {
		line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
	}
	line = bytes.TrimSpace(line)
	if tooLong {
		return b.reject(number, http.StatusRequestEntityTooLarge, client.CodeTooLarge, "is longer than a request may be")
	}
	if len(line) == 0 {
		return nil
	}
	if err := checkJSON(line); err != nil {
		return b.reject(number, http.StatusBadRequest, client.CodeInvalidJSON, "is not JSON: "+err.Error())
	}
	if len(b.lines) == client.BatchMax || b.chunk.Len()+len(line)+1 > chunkMax {
		if err := b.send(ctx); err != nil {
			return err
		}
	}
	b.chunk.Write(line)
	b.chunk.WriteByte('\n')
	b.lines = append(b.lines, number)
	return nil
}

// send hands in the chunk and begins the next.
func (b *batch) send(ctx context.Context) error {
	if len(b.lines) == 0 {
		return nil
	}
	size := b.chunk.Len()
	result, err := b.api.EnqueueStream(ctx, bytes.NewReader(b.chunk.Bytes()))
	if err != nil {
		return fmt.Errorf("lines %d to %d were not confirmed: %w", b.lines[0], b.lines[len(b.lines)-1], err)
	}
	b.enqueued += result.Enqueued
	for _, item := range result.Results {
		if item.Index < 0 || item.Index >= len(b.lines) {
			return fmt.Errorf("the server answered for item %d of %d", item.Index, len(b.lines))
		}
		line := lineOutcome{Line: b.lines[item.Index], ID: item.ID, Status: item.Status, Error: item.Error}
		if err := b.report(line); err != nil {
			return err
		}
	}
	if answered := result.Enqueued + result.Rejected; answered != len(b.lines) {
		return fmt.Errorf("lines %d to %d: the server answered for %d of %d", b.lines[0], b.lines[len(b.lines)-1], answered, len(b.lines))
	}
	b.chunk.Reset()
	b.lines = b.lines[:0]
	b.meter.add(size)
	return nil
}

// reject reports a line that was never sent.
func (b *batch) reject(number, status int, code, why string) error {
	return b.report(lineOutcome{Line: number, Status: status, Error: &client.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: why,
	}})
}

// report tells people about a rejected line, and programs about any line.
func (b *batch) report(line lineOutcome) error {
	if line.Status >= http.StatusBadRequest && line.Error == nil {
		line.Error = &client.Problem{Status: line.Status, Code: client.CodeUnexpected, Detail: "rejected without a reason"}
	}
	if line.Error != nil {
		b.rejected++
	}
	if b.s.asJSON {
		raw, err := json.Marshal(line)
		if err != nil {
			return fmt.Errorf("encode the outcome of line %d: %w", line.Line, err)
		}
		_, err = fmt.Fprintf(b.s.env.stdout, "%s\n", raw)
		return err
	}
	if line.Error != nil {
		b.meter.clear()
		b.s.say("line %d: %s", line.Line, line.Error)
	}
	return nil
}

// unsent words which lines the failed run leaves behind.
func (b *batch) unsent() string {
	if len(b.lines) == 0 {
		return ""
	}
	return fmt.Sprintf(" (lines from %d on were not sent)", b.lines[0])
}
