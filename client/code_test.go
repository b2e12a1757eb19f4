package client_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// codes returns the constants of a file whose names begin with Code.
func codes(t *testing.T, file string) map[string]string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	ast.Inspect(parsed, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || !strings.HasPrefix(spec.Names[0].Name, "Code") || len(spec.Values) != 1 {
			return true
		}
		if value, ok := spec.Values[0].(*ast.BasicLit); ok {
			found[spec.Names[0].Name] = value.Value
		}
		return true
	})
	return found
}

// Promise: the client knows every code of the jobs package, by the same name.
func TestCodesMirrorJobs(t *testing.T) {
	t.Parallel()
	mine := codes(t, "code.go")
	delete(mine, "CodeUnexpected")
	if diff := cmp.Diff(codes(t, "../jobs/errors.go"), mine); diff != "" {
		t.Errorf("jobs (-) and client (+) differ:\n%s", diff)
	}
	if len(mine) == 0 {
		t.Error("no codes found")
	}
}
