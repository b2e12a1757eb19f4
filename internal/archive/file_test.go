package archive_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"legwork/internal/archive"
)

func create(t *testing.T, dir string) *archive.File {
	t.Helper()
	f, err := archive.Create(dir, "x")
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// visible returns the names of the files that a person sees, and the number of others.
func visible(t *testing.T, dir string) (names []string, hidden int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			hidden++
			continue
		}
		names = append(names, e.Name())
	}
	return names, hidden
}

// Promise: a file has its name once it is whole; one that is discarded, or left by a
// process that died, is never seen, and makes room for the next try.
func TestFileAppearsWhole(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := create(t, dir)
	if err := f.Append(raw("a", "b")); err != nil {
		t.Fatal(err)
	}
	if names, hidden := visible(t, dir); len(names) != 0 || hidden != 1 {
		t.Errorf("before its end: %q and %d hidden", names, hidden)
	}
	again := create(t, dir) // the first one's process has died
	if err := again.Append(raw("a", "b", "c")); err != nil {
		t.Fatal(err)
	}
	path, err := again.Commit()
	if err != nil || path != filepath.Join(dir, "x"+archive.Suffix) {
		t.Fatalf("%s %v", path, err)
	}
	again.Discard()
	want(t, dir, "a", "b", "c")
	if _, err := f.Commit(); err == nil {
		t.Error("the other process's file took the name")
	}
	gone := create(t, dir)
	gone.Discard()
	want(t, dir, "a", "b", "c")
	if names, hidden := visible(t, dir); len(names) != 1 || hidden != 0 {
		t.Errorf("at the end: %q and %d hidden", names, hidden)
	}
	if _, err := archive.Create(filepath.Join(dir, "nowhere"), "x"); err == nil || !strings.Contains(err.Error(), "Create the directory") {
		t.Errorf("no directory: %v", err)
	}
}
