package httpapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"legwork/client"
	"legwork/jobs"
)

// retryAfter is what an unavailable answer tells the caller to wait, in seconds.
const retryAfter = 2

// statusOf is the one table from error codes to HTTP statuses.
func statusOf(code jobs.Code) int {
	switch code {
	case jobs.CodeInvalidJSON:
		return http.StatusBadRequest
	case jobs.CodeInvalidRequest, jobs.CodeInvalidPayload, jobs.CodeUnknownType:
		return http.StatusUnprocessableEntity
	case jobs.CodeNotFound:
		return http.StatusNotFound
	case jobs.CodeConflict:
		return http.StatusConflict
	case jobs.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case jobs.CodeUnsupported:
		return http.StatusUnsupportedMediaType
	case jobs.CodeUnavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

// problem is a client.Problem on its way out through huma.
type problem struct{ client.Problem }

func (p *problem) Error() string             { return p.Problem.Error() }
func (p *problem) GetStatus() int            { return p.Status }
func (p *problem) ContentType(string) string { return typeProblem }

// GetHeaders adds Retry-After to an answer that is worth repeating.
func (p *problem) GetHeaders() http.Header {
	if p.Status != http.StatusServiceUnavailable {
		return nil
	}
	return http.Header{"Retry-After": {strconv.Itoa(retryAfter)}}
}

// newProblem words an error for the caller. The cause stays in the log.
func newProblem(err error) *problem {
	e, ok := errors.AsType[*jobs.Error](err)
	if !ok {
		e = &jobs.Error{Code: jobs.CodeInternal, Message: "something went wrong inside Legwork; its log says what"}
	}
	p := &problem{client.Problem{
		Type: "about:blank", Status: statusOf(e.Code), Code: string(e.Code), Detail: e.Message,
	}}
	p.Title = http.StatusText(p.Status)
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, client.FieldError{Pointer: f.Pointer, Detail: f.Detail})
	}
	return p
}

// fail logs what an operator should know of an error and returns the answer.
// That a caller has gone is nothing to know.
func (s *server) fail(ctx context.Context, err error) error {
	code := jobs.CodeOf(err)
	switch {
	case errors.Is(err, context.Canceled):
	case code == jobs.CodeInternal:
		s.log.ErrorContext(ctx, "request failed", "error", err)
	case code == jobs.CodeUnavailable:
		s.unavailable.log(ctx, s.log, err)
	}
	return newProblem(err)
}

// codeOf gives the errors that echo and huma make themselves a code.
func codeOf(status int) jobs.Code {
	switch status {
	case http.StatusNotFound:
		return jobs.CodeNotFound
	case http.StatusRequestEntityTooLarge:
		return jobs.CodeTooLarge
	case http.StatusUnsupportedMediaType:
		return jobs.CodeUnsupported
	case http.StatusServiceUnavailable:
		return jobs.CodeUnavailable
	}
	if status >= http.StatusInternalServerError {
		return jobs.CodeInternal
	}
	return jobs.CodeInvalidRequest
}

func plainProblem(status int, detail string) *problem {
	return &problem{client.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: string(codeOf(status)),
	}}
}

// fromHuma is a huma transformer: parameter errors that huma finds itself are
// put into our form. Their messages name the rule, not the value.
func fromHuma(_ huma.Context, _ string, v any) (any, error) {
	m, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	detail := "the request has wrong parameters"
	if m.Status != http.StatusUnprocessableEntity {
		detail = m.Detail
	}
	p := plainProblem(m.Status, detail)
	for _, e := range m.Errors {
		_, name, _ := strings.Cut(e.Location, ".") // "query.limit"
		name = strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		p.Errors = append(p.Errors, client.FieldError{Pointer: "/" + name, Detail: e.Message})
	}
	return p, nil
}

// fromEcho answers errors that never reached huma: no such path, wrong method,
// a panic.
func fromEcho(log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		p := plainProblem(http.StatusInternalServerError, "something went wrong inside Legwork; its log says what")
		if he, ok := errors.AsType[*echo.HTTPError](err); ok {
			p = plainProblem(he.Code, strings.ToLower(http.StatusText(he.Code)))
		} else {
			log.Error("request failed", "method", c.Request().Method, "path", c.Path(), "error", err)
		}
		if p.Status == http.StatusNotFound {
			p.Detail = "no such path; /openapi.json lists them"
		}
		c.Response().Header().Set(echo.HeaderContentType, typeProblem)
		if err := c.JSON(p.Status, p.Problem); err != nil {
			log.Debug("answer not written", "error", err)
		}
	}
}
