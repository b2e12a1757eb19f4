package configs_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"legwork/configs"
)

// write puts text into a file called legwork.yaml and returns its path.
func write(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "legwork.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// load reads a file with that text.
func load(t testing.TB, text string) (configs.Config, error) {
	t.Helper()
	return configs.Load(configs.Source{Path: write(t, text)})
}

// lines returns the errors in err, each in one line without excerpt and with
// the folder of the file cut off. It fails the test if there are others.
func lines(t testing.TB, err error) []string {
	t.Helper()
	list, ok := errors.AsType[configs.Errors](err)
	if !ok {
		t.Fatalf("error is a %T, want configs.Errors: %v", err, err)
	}
	var all []string
	for _, e := range list {
		plain := *e
		plain.Excerpt = ""
		if plain.File != "" {
			plain.File = filepath.Base(plain.File)
		}
		all = append(all, plain.Error())
	}
	return all
}

// wantError checks that err has exactly one error and that it reads as want.
func wantError(t testing.TB, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want %s", want)
	}
	if got := strings.Join(lines(t, err), "\n"); got != want {
		t.Errorf("wrong error\n got %s\nwant %s", got, want)
	}
}
