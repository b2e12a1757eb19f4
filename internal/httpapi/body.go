package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"legwork/jobs"
)

// Media types of request bodies.
const (
	typeJSON   = "application/json"
	typeNDJSON = "application/x-ndjson"
)

// readBody reads a request's body of at most limit bytes and returns it with its
// media type, which must be one of those allowed.
func readBody(r *http.Request, limit int64, allowed ...string) (body []byte, mediaType string, err error) {
	mediaType, err = checkType(r.Header.Get("Content-Type"), allowed)
	if err != nil {
		return nil, "", err
	}
	if r.ContentLength > limit {
		return nil, "", tooLarge(limit)
	}
	buf := bytes.NewBuffer(make([]byte, 0, max(512, r.ContentLength+bytes.MinRead)))
	_, err = buf.ReadFrom(http.MaxBytesReader(nil, r.Body, limit))
	switch {
	case err == nil && buf.Len() == 0:
		return nil, "", &jobs.Error{Code: jobs.CodeInvalidJSON, Message: "the body is empty"}
	case err == nil:
		return buf.Bytes(), mediaType, nil
	}
	if _, over := errors.AsType[*http.MaxBytesError](err); over {
		return nil, "", tooLarge(limit)
	}
	return nil, "", &jobs.Error{Code: jobs.CodeInvalidJSON, Message: "the body ended early", Err: err}
}

func checkType(header string, allowed []string) (string, error) {
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

// decode parses one JSON value strictly: no unknown and no repeated names, at
// most 10,000 levels deep, nothing after it. Errors never repeat what was sent.
func decode(raw []byte, into any) error {
	err := json.Unmarshal(raw, into, json.RejectUnknownMembers(true))
	if err == nil {
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
