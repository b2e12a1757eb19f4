package httpapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/go-json-experiment/json/jsontext"

	"legwork/client"
	"legwork/internal/engine"
	"legwork/jobs"
)

func (s *server) enqueueBatch(ctx context.Context, in *struct{ request }) (*batchOutput, error) {
	body, mediaType, err := readBody(in.request, s.BatchBodyLimit, typeJSON, typeNDJSON)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	items, err := s.split(body, mediaType)
	if err != nil {
		return nil, s.fail(ctx, err)
	}
	requests := make([]*client.Enqueue, len(items))
	wrong := make([]error, len(items))
	for i, raw := range items {
		job := new(client.Enqueue)
		if wrong[i] = s.decodeItem(raw, job); wrong[i] == nil {
			requests[i] = job
		}
	}
	results := s.Engine.EnqueueBatch(ctx, requests)
	for i, err := range wrong {
		if err != nil {
			results[i].Err = err
		}
	}
	if err := outageOf(results); err != nil {
		return nil, s.fail(ctx, err)
	}
	return &batchOutput{Body: summarize(results)}, nil
}

// decodeItem parses one job of a batch; it bears the limit of a single job.
func (s *server) decodeItem(raw []byte, job *client.Enqueue) error {
	if int64(len(raw)) > s.BodyLimit {
		return tooLarge(s.BodyLimit)
	}
	return decode(raw, job)
}

func (s *server) split(body []byte, mediaType string) ([][]byte, error) {
	splitter := splitArray
	if mediaType == typeNDJSON {
		splitter = splitLines
	}
	items, err := splitter(body, s.BatchLimit)
	switch {
	case err != nil:
		return nil, err
	case len(items) == 0:
		return nil, jobs.Errorf(jobs.CodeInvalidRequest, "the batch has no jobs")
	}
	return items, nil
}

// splitLines cuts an NDJSON body at its line ends. Empty lines do not count.
func splitLines(body []byte, limit int) ([][]byte, error) {
	var items [][]byte
	for line := range bytes.Lines(body) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if len(items) == limit {
			return nil, tooMany(limit)
		}
		items = append(items, line)
	}
	return items, nil
}

// splitArray cuts {"jobs": [...]} into its jobs without decoding them, so that
// each is judged on its own.
func splitArray(body []byte, limit int) ([][]byte, error) {
	d := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true))
	if err := enterJobs(d); err != nil {
		return nil, err
	}
	var items [][]byte
	for d.PeekKind() != ']' {
		raw, err := d.ReadValue()
		if err != nil {
			return nil, syntax(err)
		}
		if len(items) == limit {
			return nil, tooMany(limit)
		}
		items = append(items, bytes.Clone(raw))
	}
	return items, leaveJobs(d)
}

// enterJobs reads up to the first job.
func enterJobs(d *jsontext.Decoder) error {
	for _, want := range []jsontext.Kind{'{', '"', '['} {
		t, err := d.ReadToken()
		if err != nil {
			return syntax(err)
		}
		if t.Kind() != want || want == '"' && t.String() != "jobs" {
			return notABatch()
		}
	}
	return nil
}

// leaveJobs reads what follows the last job: two brackets and the end.
func leaveJobs(d *jsontext.Decoder) error {
	for _, want := range []jsontext.Kind{']', '}'} {
		t, err := d.ReadToken()
		if err != nil {
			return syntax(err)
		}
		if t.Kind() != want {
			return notABatch()
		}
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return jobs.Errorf(jobs.CodeInvalidJSON, "the body goes on after the batch")
	}
	return nil
}

func syntax(err error) error {
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return syntaxError(e)
	}
	return &jobs.Error{Code: jobs.CodeInvalidJSON, Message: "the body is not valid JSON: it ends early", Err: err}
}

func notABatch() error {
	return jobs.Errorf(jobs.CodeInvalidRequest, `a batch is an object with one member, "jobs", an array`)
}

func tooMany(limit int) error {
	return jobs.Errorf(jobs.CodeTooLarge, "the batch has more than %d jobs; nothing was enqueued", limit)
}

// outageOf returns the error of a batch of which nothing was stored because
// Redis cannot be reached.
func outageOf(results []engine.BatchResult) error {
	var outage error
	for _, r := range results {
		switch {
		case r.Receipt != nil:
			return nil
		case jobs.CodeOf(r.Err) == jobs.CodeUnavailable:
			outage = r.Err
		}
	}
	return outage
}

func summarize(results []engine.BatchResult) client.BatchResult {
	out := client.BatchResult{Results: make([]client.BatchItem, len(results))}
	for i, r := range results {
		item := client.BatchItem{Index: i, Status: http.StatusAccepted}
		if r.Err != nil {
			out.Rejected++
			p := newProblem(r.Err).Problem
			item.Status, item.Error = p.Status, &p
		} else {
			out.Enqueued++
			item.ID = r.Receipt.Message.ID
		}
		out.Results[i] = item
	}
	return out
}
