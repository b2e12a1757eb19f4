package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"legwork/client"
)

// serveEnqueue is a huma middleware that serves the enqueue call itself: what
// huma does for it besides, it does by reflection, which costs a tenth of the
// request. Only a query is left to huma, to judge and refuse.
func (s *server) serveEnqueue(ctx huma.Context, next func(huma.Context)) {
	c := humaecho.Unwrap(ctx)
	if c.Request().URL.RawQuery != "" {
		next(ctx)
		return
	}
	in := &enqueueInput{request: request{c.Request(), c.Response().Writer}}
	out, err := s.enqueue(c.Request().Context(), in)
	if err != nil {
		s.answerProblem(c, err)
		return
	}
	h := c.Response().Header()
	h.Set("Location", out.Location)
	if out.Preference != "" {
		h.Set("Preference-Applied", out.Preference)
	}
	body := make([]byte, 0, answerSpare+len(out.Body.Payload)+len(out.Body.Result))
	s.answer(c, out.Status, typeJSON, append(appendJob(body, out.Body), '\n'))
}

// answerSpare is room for a job without its payload and result.
const answerSpare = 512

func (s *server) answerProblem(c echo.Context, err error) {
	p, ok := errors.AsType[*problem](err)
	if !ok {
		p = newProblem(err)
	}
	for name, values := range p.GetHeaders() {
		c.Response().Header()[name] = values
	}
	var body bytes.Buffer
	if err := plainEncoder(&body).Encode(p); err != nil {
		s.log.Error("problem not encoded", "error", err)
	}
	s.answer(c, p.Status, typeProblem, body.Bytes())
}

func (s *server) answer(c echo.Context, status int, mediaType string, body []byte) {
	w := c.Response()
	w.Header().Set(echo.HeaderContentType, mediaType)
	w.WriteHeader(status)
	if _, err := w.Write(body); err != nil {
		s.log.Debug("answer not written", "error", err)
	}
}

// plainEncoder writes JSON as huma does: without escapes for HTML.
func plainEncoder(b *bytes.Buffer) *json.Encoder {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	return e
}

// appendJob appends the job's JSON, byte for byte what [plainEncoder] makes of
// it, at a fifth of the cost. Payload and result must be valid JSON.
func appendJob(b []byte, j *client.Job) []byte {
	b = appendString(append(b, `{"id":`...), j.ID)
	b = appendString(append(b, `,"type":`...), j.Type)
	b = appendString(append(b, `,"queue":`...), j.Queue)
	b = appendString(append(b, `,"state":`...), j.State)
	b = appendTime(append(b, `,"created_at":`...), j.CreatedAt)
	b = appendTime(append(b, `,"run_at":`...), j.RunAt)
	b = strconv.AppendInt(append(b, `,"attempt":`...), int64(j.Attempt), 10)
	b = strconv.AppendInt(append(b, `,"max_retries":`...), int64(j.MaxRetries), 10)
	b = appendString(append(b, `,"timeout":`...), j.Timeout.String())
	b = appendTimeField(b, `,"deadline":`, j.Deadline)
	b = appendString(append(b, `,"retention":`...), j.Retention.String())
	b = append(b, `,"payload":`...)
	if j.Payload == nil {
		b = append(b, "null"...)
	}
	b = appendCompact(b, j.Payload)
	if len(j.Result) > 0 {
		b = appendCompact(append(b, `,"result":`...), j.Result)
	}
	b = appendStringField(b, `,"discarded":`, j.Discarded)
	b = appendStringField(b, `,"last_error":`, j.LastError)
	if j.Progress != nil {
		b = appendProgress(append(b, `,"progress":`...), j.Progress)
	}
	if j.Missing {
		b = append(b, `,"missing":true`...)
	}
	if len(j.Tags) > 0 {
		b = appendTags(append(b, `,"tags":`...), j.Tags)
	}
	if len(j.Headers) > 0 {
		b = appendHeaders(append(b, `,"headers":`...), j.Headers)
	}
	b = appendTimeField(b, `,"next_run_at":`, j.NextRunAt)
	b = appendTimeField(b, `,"finished_at":`, j.FinishedAt)
	if j.Cancel != nil {
		b = appendValue(append(b, `,"cancel":`...), j.Cancel)
	}
	b = appendStringField(b, `,"retried_from":`, j.RetriedFrom)
	b = appendStringField(b, `,"retried_as":`, j.RetriedAs)
	if len(j.Attempts) > 0 {
		b = appendValue(append(b, `,"attempts":`...), j.Attempts)
	}
	if j.FailedAttempts != 0 {
		b = strconv.AppendInt(append(b, `,"failed_attempts":`...), int64(j.FailedAttempts), 10)
	}
	return append(b, '}')
}

func appendProgress(b []byte, p *client.Progress) []byte {
	b = strconv.AppendInt(append(b, `{"done":`...), p.Done, 10)
	b = strconv.AppendInt(append(b, `,"total":`...), p.Total, 10)
	b = appendTime(append(b, `,"at":`...), p.At)
	return append(strconv.AppendInt(append(b, `,"attempt":`...), int64(p.Attempt), 10), '}')
}

func appendTags(b []byte, tags []string) []byte {
	open := byte('[')
	for _, tag := range tags {
		b = appendString(append(b, open), tag)
		open = ','
	}
	return append(b, ']')
}

func appendHeaders(b []byte, headers map[string]string) []byte {
	open := byte('{')
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		b = appendString(append(b, open), name)
		b = appendString(append(b, ':'), headers[name])
		open = ','
	}
	return append(b, '}')
}

func appendStringField(b []byte, name, s string) []byte {
	if s == "" {
		return b
	}
	return appendString(append(b, name...), s)
}

func appendTimeField(b []byte, name string, t *time.Time) []byte {
	if t == nil {
		return b
	}
	return appendTime(append(b, name...), *t)
}

func appendTime(b []byte, t time.Time) []byte {
	return append(t.AppendFormat(append(b, '"'), time.RFC3339Nano), '"')
}

// appendString quotes plain ASCII itself and leaves everything else to
// encoding/json.
func appendString(b []byte, s string) []byte {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		return appendValue(b, s)
	}
	return append(append(append(b, '"'), s...), '"')
}

// appendValue leaves a value that always encodes to encoding/json.
func appendValue(b []byte, v any) []byte {
	var text bytes.Buffer
	_ = plainEncoder(&text).Encode(v)
	return append(b, bytes.TrimSuffix(text.Bytes(), []byte("\n"))...)
}

// appendCompact appends valid JSON without the space between its tokens.
func appendCompact(b, src []byte) []byte {
	quoted, from := false, 0
	for i := 0; i < len(src); i++ {
		switch c := src[i]; {
		case c == '"':
			quoted = !quoted
		case quoted && c == '\\':
			i++
		case !quoted && (c == ' ' || c == '\n' || c == '\t' || c == '\r'):
			b = append(b, src[from:i]...)
			from = i + 1
		}
	}
	return append(b, src[from:]...)
}
