package archive_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"

	"legwork/internal/archive"
	"legwork/internal/archive/archivetest"
)

// noise returns a line that cannot be compressed.
func noise(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = 11 + byte(rand.IntN(245))
	}
	return string(b)
}

// Promise: on a full disk an Append fails, says so, leaves no half-written line behind
// and keeps what was there; with room again it goes on.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	dir := archivetest.Disk(t)
	w := archive.New(archive.Options{Dir: dir, Name: "x"})
	appendLines(t, w, "a")
	block := archive.New(archive.Options{Dir: dir, Name: "block"})
	appendLines(t, block, noise(45_000))
	for range 3 {
		err := w.Append(raw(noise(60_000)))
		e, ok := errors.AsType[*archive.Error](err)
		if !ok || !errors.Is(err, syscall.ENOSPC) || e.Dir != dir || e.Remedy == "" {
			t.Fatalf("%v, want that the disk is full", err)
		}
	}
	got, errs := read(t, dir)
	if len(got) != 2 || len(errs) > 0 || len(list(t, dir)) != 2 {
		t.Errorf("%d lines, %v in %q, want the two that were written", len(got), errs, list(t, dir))
	}
	if err := syscall.Unlink(block.Files()[0]); err != nil {
		t.Fatal(err)
	}
	appendLines(t, w, "b")
	want(t, dir, "a", "b")
}

// Promise: a directory that cannot be written to is named, with what to do.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	dir := archivetest.Disk(t)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "size=64k"); err != nil {
		t.Fatal(err)
	}
	err := archive.New(archive.Options{Dir: dir, Name: "x"}).Append(raw("a"))
	e, ok := errors.AsType[*archive.Error](err)
	if !ok || !errors.Is(err, syscall.EROFS) || e.Remedy != "Let the user that Legwork runs as write to the directory." {
		t.Errorf("%v", err)
	}
}

// Promise: a file that does not fit on its disk fails, says so, and leaves nothing.
func TestFileOnFullDisk(t *testing.T) {
	t.Parallel()
	dir := archivetest.Disk(t)
	f := create(t, dir)
	err := f.Append(raw(noise(600_000)))
	if err == nil {
		_, err = f.Commit()
	}
	if e, ok := errors.AsType[*archive.Error](err); !ok || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(e.Remedy, "Make room") {
		t.Errorf("%v, want that the disk is full", err)
	}
	f.Discard()
	if got := list(t, dir); len(got) != 0 {
		t.Errorf("left are %q", got)
	}
}
