package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"legwork/internal/inspect"
	"legwork/jobs"
)

// Media types of requests and answers.
const (
	typeJSON    = "application/json"
	typeNDJSON  = "application/x-ndjson"
	typeGzip    = "application/gzip"
	typeProblem = "application/problem+json"
)

// bodyGuessMax bounds the memory set aside for a body on its sender's word
// alone. A larger one grows as it comes.
const bodyGuessMax = 1 << 20

// readBody reads a request's body of at most limit bytes and returns it with its
// media type, which must be one of those allowed.
func readBody(q request, limit int64, allowed ...string) (body []byte, mediaType string, err error) {
	r := q.raw
	mediaType, err = checkType(r.Header.Get("Content-Type"), allowed)
	if err != nil {
		return nil, "", err
	}
	if r.ContentLength > limit {
		q.answer.Header().Set("Connection", "close") // or the server waits for the body before it answers
		return nil, "", tooLarge(limit)
	}
	body, err = readAll(q, limit)
	switch {
	case err == nil && len(body) == 0:
		return nil, "", &jobs.Error{Code: jobs.CodeInvalidJSON, Message: "the body is empty"}
	case err == nil:
		return body, mediaType, nil
	}
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, "", tooLarge(limit)
	}
	return nil, "", &jobs.Error{Code: jobs.CodeInvalidJSON, Message: "the body ended early", Err: err}
}

// readOptional decodes the body, unless it is missing, into what it is for. Wrong fields
// are told below the message.
func readOptional(q request, limit int64, into any, message string) error {
	if q.raw.ContentLength == 0 {
		return nil
	}
	body, _, err := readBody(q, limit, typeJSON)
	if err != nil {
		return err
	}
	return decodeAs(body, into, message)
}

// decodeAs is [decode] with another message above the fields that are wrong.
func decodeAs(raw []byte, into any, message string) error {
	err := decode(raw, into)
	if e, ok := errors.AsType[*jobs.Error](err); ok && e.Code == jobs.CodeInvalidRequest {
		e.Message = message
	}
	return err
}

// readAll needs no guard for a body whose length was declared: the server reads
// no more of it than that.
func readAll(q request, limit int64) ([]byte, error) {
	r := q.raw
	if r.ContentLength >= 0 && r.ContentLength <= bodyGuessMax {
		body := make([]byte, r.ContentLength)
		_, err := io.ReadFull(r.Body, body)
		return body, err
	}
	buf := bytes.NewBuffer(make([]byte, 0, bodyGuessMax))
	_, err := buf.ReadFrom(http.MaxBytesReader(q.answer, r.Body, limit))
	return buf.Bytes(), err
}

func checkType(header string, allowed []string) (string, error) {
	if slices.Contains(allowed, header) {
		return header, nil
	}
	mediaType, _, err := mime.ParseMediaType(header)
	if err == nil {
		for _, a := range allowed {
			if mediaType == a {
				return a, nil
			}
		}
	}
	return "", jobs.Errorf(jobs.CodeUnsupported, "the Content-Type must be one of %q", allowed)
}

func tooLarge(limit int64) error {
	return jobs.Errorf(jobs.CodeTooLarge, "the body is larger than the limit of %d bytes", limit)
}

// decode parses one JSON value strictly: no unknown and no repeated names, no
// deeper than can be shown again, nothing after it. Errors never repeat what was
// sent.
func decode(raw []byte, into any) error {
	err := json.Unmarshal(raw, into, json.RejectUnknownMembers(true))
	switch {
	case err == nil && inspect.TooDeep(raw):
		return jobs.Errorf(jobs.CodeInvalidJSON, "the body is nested too deep")
	case err == nil:
		return nil
	}
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return syntaxError(e)
	}
	e, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return &jobs.Error{Code: jobs.CodeInvalidJSON, Message: "the body is not valid JSON", Err: err}
	}
	f := jobs.FieldError{Pointer: string(e.JSONPointer), Detail: semanticDetail(e)}
	return &jobs.Error{Code: jobs.CodeInvalidRequest, Message: "the job has wrong fields", Fields: []jobs.FieldError{f}}
}

func syntaxError(e *jsontext.SyntacticError) error {
	out := &jobs.Error{Code: jobs.CodeInvalidJSON, Message: fmt.Sprintf("the body is not valid JSON (at byte %d)", e.ByteOffset)}
	switch {
	case errors.Is(e.Err, jsontext.ErrDuplicateName):
		out.Message = "the body repeats a name"
		out.Fields = []jobs.FieldError{{Pointer: string(e.JSONPointer), Detail: "is given more than once"}}
	case errors.Is(e.Err, io.ErrUnexpectedEOF):
		out.Message = "the body is not valid JSON: it ends early"
	}
	return out
}

func semanticDetail(e *json.SemanticError) string {
	if errors.Is(e.Err, json.ErrUnknownName) {
		return "is not a known field"
	}
	if e.GoType == nil {
		return "has the wrong type"
	}
	switch e.GoType.String() {
	case "client.Enqueue":
		return "must be an object"
	case "client.Duration":
		return `must be a duration such as "90s" or "1h30m"`
	case "time.Time":
		return "must be an RFC 3339 time such as \"2030-01-31T12:00:00Z\""
	case "string":
		return "must be a string"
	case "int":
		return "must be a whole number"
	case "[]string":
		return "must be an array of strings"
	case "map[string]string":
		return "must be an object with string values"
	}
	return "has the wrong type"
}
