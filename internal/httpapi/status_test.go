package httpapi

import (
	"go/ast"
	"go/parser"
	"go/token"
	"net/http"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"legwork/jobs"
)

// Promise: every code has a status of its own choice; a new code without one
// fails here.
func TestEveryCodeHasAStatus(t *testing.T) {
	t.Parallel()
	want := map[jobs.Code]int{
		jobs.CodeInvalidJSON:    http.StatusBadRequest,
		jobs.CodeInvalidRequest: http.StatusUnprocessableEntity,
		jobs.CodeInvalidPayload: http.StatusUnprocessableEntity,
		jobs.CodeUnknownType:    http.StatusUnprocessableEntity,
		jobs.CodeNotFound:       http.StatusNotFound,
		jobs.CodeConflict:       http.StatusConflict,
		jobs.CodeTooLarge:       http.StatusRequestEntityTooLarge,
		jobs.CodeUnsupported:    http.StatusUnsupportedMediaType,
		jobs.CodeUnavailable:    http.StatusServiceUnavailable,
		jobs.CodeInternal:       http.StatusInternalServerError,
	}
	got := map[jobs.Code]int{}
	for _, code := range codesOfJobs(t) {
		got[code] = statusOf(code)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("statuses (want, got):\n%s", diff)
	}
}

// codesOfJobs reads the constants of type Code from the source of package jobs.
func codesOfJobs(t *testing.T) []jobs.Code {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../jobs/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var codes []jobs.Code
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Code" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, jobs.Code(text))
		}
		return true
	})
	return codes
}
