package thumbnail

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"legwork/jobs"
)

// Nothing outside the folder is read or written, whatever the path or its links
// say.
func TestFolderHolds(t *testing.T) {
	t.Parallel()
	top := t.TempDir()
	dir := filepath.Join(top, "in")
	put(t, top, "secret.png", asPNG(t, quadrants(8, 8)))
	put(t, dir, "a.png", asPNG(t, quadrants(8, 8)))
	put(t, dir, "sub/b.png", asPNG(t, quadrants(8, 8)))
	for link, to := range map[string]string{
		"file-link.png": filepath.Join(top, "secret.png"), "rel-link.png": "../secret.png", "out": top, "up": "..", "loop.png": "loop.png",
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	h := newHandler(Options{Dir: dir})
	before := files(t, top)
	for _, p := range []string{
		"../secret.png", "sub/../../secret.png", filepath.Join(top, "secret.png"), "/etc/passwd", "", ".", "sub/..", "..", "a\x00.png",
		"file-link.png", "rel-link.png", "out/secret.png", "up/secret.png", "loop.png", "sub", "a.png/b.png",
	} {
		_, err := h.run(t.Context(), Payload{Source: p, Target: "new.png", Width: 4})
		wantPermanent(t, err, "source")
		_, err = h.run(t.Context(), Payload{Source: "a.png", Target: p, Width: 4, Format: FormatPNG})
		wantPermanent(t, err, "target")
	}
	_, err := h.run(t.Context(), Payload{Source: "a.png", Target: "up/new/x.png", Width: 4})
	wantPermanent(t, err, "target", "handlers.image_thumbnail.dir")
	if after := files(t, top); after != before {
		t.Errorf("files were %s, are %s", before, after)
	}
}

// Links that stay inside the folder work.
func TestLinksInside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "sub/a.png", asPNG(t, quadrants(8, 8)))
	if err := os.Symlink("sub", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := newHandler(Options{Dir: dir}).run(t.Context(), Payload{Source: "link/a.png", Target: "./link/new/b.png", Width: 4}); err != nil {
		t.Fatal(err)
	}
	if got := files(t, dir); got != "link sub/a.png sub/new/b.png" {
		t.Errorf("files %s", got)
	}
}

// The source is never overwritten, not even under another name, and neither is
// a file that is no picture.
func TestTargetIsNotTheSourceNorSomethingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put(t, dir, "a.png", asPNG(t, quadrants(8, 8)))
	put(t, dir, "legwork.yaml", []byte("redis: embedded\n"))
	put(t, dir, "empty.png", nil)
	if err := os.Symlink("a.png", filepath.Join(dir, "link.png")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(dir, "a.png"), filepath.Join(dir, "hard.png")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.png"), 0o644); err != nil {
		t.Fatal(err)
	}
	h := newHandler(Options{Dir: dir})
	for target, says := range map[string]string{
		"a.png": "is the source", "./x/../a.png": "is the source", "link.png": "is the source", "hard.png": "is the source",
		"legwork.yaml": "is not a picture", "empty.png": "is not a picture", "pipe.png": "is not a file",
	} {
		_, err := h.run(t.Context(), Payload{Source: "a.png", Target: target, Width: 4, Format: FormatPNG})
		wantPermanent(t, err, says)
	}
	_, err := h.run(t.Context(), Payload{Source: "pipe.png", Target: "b.png", Width: 4})
	wantPermanent(t, err, "is not a file")
	if string(get(t, dir, "legwork.yaml")) != "redis: embedded\n" {
		t.Error("the file was changed")
	}
}

// A missing source says so; a missing or unset folder names its setting.
func TestMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	in := Payload{Source: "none/a.png", Target: "b.png", Width: 4}
	_, err := newHandler(Options{Dir: dir}).run(t.Context(), in)
	wantPermanent(t, err, `source "none/a.png": no such file`)
	_, err = newHandler(Options{}).run(t.Context(), in)
	wantPermanent(t, err, "handlers.image_thumbnail.dir")
	_, err = newHandler(Options{Dir: filepath.Join(dir, "unmounted")}).run(t.Context(), in)
	if err == nil || jobs.Decide(err).Verdict != jobs.VerdictRetry {
		t.Errorf("a folder that may be mounted later: %v", err)
	}
}

// What may pass is tried again; what cannot is not.
func TestFileErrors(t *testing.T) {
	t.Parallel()
	for number, want := range map[error]jobs.Verdict{
		syscall.ENOSPC: jobs.VerdictRetry, syscall.EACCES: jobs.VerdictRetry, syscall.EIO: jobs.VerdictRetry, syscall.EMFILE: jobs.VerdictRetry,
		syscall.ENOENT: jobs.VerdictPermanent, syscall.ELOOP: jobs.VerdictPermanent, errors.New("path escapes"): jobs.VerdictPermanent,
	} {
		for _, err := range []error{
			&fs.PathError{Op: "open", Path: "a", Err: number}, &os.LinkError{Op: "rename", Old: "a", New: "b", Err: number},
		} {
			if got := jobs.Decide(fileError("target", "a", err)).Verdict; got != want {
				t.Errorf("%v: verdict %d, want %d", err, got, want)
			}
		}
	}
	if got := jobs.Decide(sourceError("a", &fs.PathError{Op: "read", Path: "a", Err: syscall.EIO})).Verdict; got != jobs.VerdictRetry {
		t.Errorf("a failing disk: verdict %d", got)
	}
}
