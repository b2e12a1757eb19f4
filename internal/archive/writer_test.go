package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"legwork/internal/archive"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// append writes lines that must arrive.
func appendLines(t *testing.T, w *archive.Writer, lines ...string) {
	t.Helper()
	if err := w.Append(raw(lines...)); err != nil {
		t.Fatal(err)
	}
}

func raw(lines ...string) [][]byte {
	var out [][]byte
	for _, l := range lines {
		out = append(out, []byte(l))
	}
	return out
}

// read returns the lines of all files of the directory, and the errors that came
// between.
func read(t *testing.T, dir string) (lines []string, errs []error) {
	t.Helper()
	for _, path := range list(t, dir) {
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		for line, err := range archive.Lines(f, 1<<20) {
			if err != nil {
				errs = append(errs, err)
				continue
			}
			lines = append(lines, string(line))
		}
		_ = f.Close()
	}
	return lines, errs
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func want(t *testing.T, dir string, lines ...string) {
	t.Helper()
	got, errs := read(t, dir)
	if slices.Sort(got); !slices.Equal(got, lines) || len(errs) > 0 {
		t.Errorf("the files hold %q %v, want %q", got, errs, lines)
	}
}

// Promise: what Append took is in the files, in order, whatever the number of calls.
func TestAppend(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := archive.New(archive.Options{Dir: dir, Name: "letters"})
	appendLines(t, w, "a", "b")
	appendLines(t, w)
	appendLines(t, w, "c")
	want(t, dir, "a", "b", "c")
	files := list(t, dir)
	if len(files) != 1 || !slices.Equal(files, w.Files()) {
		t.Fatalf("files %q, and the writer says %q; want one", files, w.Files())
	}
	info, err := os.Stat(files[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v %v, want for the owner alone", info.Mode(), err)
	}
	if name := filepath.Base(files[0]); !strings.HasPrefix(name, "letters-2") || !strings.HasSuffix(name, ".ndjson.gz") {
		t.Errorf("name %q", name)
	}
}

// Promise: a new file is begun at the size limit and on a new day, also when the
// clock is set back.
func TestRotation(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Date(2030, 1, 31, 23, 59, 59, 0, time.UTC)
	w := archive.New(archive.Options{Dir: dir, Name: "x", FileLimit: 40, Now: func() time.Time { return now }})
	for i, step := range []struct {
		move  time.Duration
		files int
	}{{0, 1}, {0, 1}, {0, 2}, {time.Second, 3}, {-time.Hour, 4}, {0, 4}, {0, 5}} {
		now = now.Add(step.move)
		appendLines(t, w, fmt.Sprint("line", i))
		if n := len(list(t, dir)); n != step.files {
			t.Errorf("after line %d: %d files, want %d", i, n, step.files)
		}
	}
	want(t, dir, "line0", "line1", "line2", "line3", "line4", "line5", "line6")
}

// Promise: writers share a directory without sharing a file.
func TestManyWriters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var all sync.WaitGroup
	var lines []string
	for i := range 4 {
		w := archive.New(archive.Options{Dir: dir, Name: "x"})
		for j := range 20 {
			line := fmt.Sprintf("%d-%02d", i, j)
			lines = append(lines, line)
			all.Go(func() {
				if err := w.Append(raw(line)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	want(t, dir, lines...)
	if n := len(list(t, dir)); n != 4 {
		t.Errorf("%d files, want 4", n)
	}
}

// Promise: a file that is moved away, or written to by somebody else, is left alone.
func TestFileIsTakenAway(t *testing.T) {
	t.Parallel()
	dir, away := t.TempDir(), t.TempDir()
	w := archive.New(archive.Options{Dir: dir, Name: "x"})
	appendLines(t, w, "a")
	if err := os.Rename(w.Files()[0], filepath.Join(away, "moved")); err != nil {
		t.Fatal(err)
	}
	appendLines(t, w, "b")
	f, err := os.OpenFile(w.Files()[1], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString("x")
	_ = f.Close()
	appendLines(t, w, "c")
	want(t, away, "a")
	got, errs := read(t, dir)
	if slices.Sort(got); !slices.Equal(got, []string{"b", "c"}) || len(errs) != 1 || !errors.Is(errs[0], archive.ErrCut) {
		t.Errorf("the files hold %q %v, want b and c, and the stranger's byte reported", got, errs)
	}
}

// Promise: an error names the directory and what to do, and writing goes on once it
// is done.
func TestUnfitDirectory(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	file := filepath.Join(root, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, part := range map[string]string{
		filepath.Join(root, "missing"): "Create the directory",
		file:                           "Name a directory",
	} {
		w := archive.New(archive.Options{Dir: dir, Name: "x"})
		for _, err := range []error{w.Append(raw("a")), archive.Check(dir)} {
			e, ok := errors.AsType[*archive.Error](err)
			if !ok || e.Dir != dir || !strings.Contains(e.Error(), dir) || !strings.Contains(e.Remedy, part) {
				t.Errorf("%s: %v, want the directory and %q", dir, err, part)
			}
		}
	}
	dir := filepath.Join(root, "late")
	w := archive.New(archive.Options{Dir: dir, Name: "x"})
	if err := w.Append(raw("a")); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v, want that it is missing", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := archive.Check(dir); err != nil {
		t.Error(err)
	}
	appendLines(t, w, "a")
	want(t, dir, "a")
}

// Promise: of a file that ends anywhere, every line before the last member is read.
func TestCutFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := archive.New(archive.Options{Dir: dir, Name: "x"})
	appendLines(t, w, "a", "b")
	whole, err := os.ReadFile(w.Files()[0])
	if err != nil {
		t.Fatal(err)
	}
	first := len(whole)
	appendLines(t, w, "c", "d")
	if whole, err = os.ReadFile(w.Files()[0]); err != nil {
		t.Fatal(err)
	}
	for end := first + 1; end < len(whole); end++ {
		for _, tail := range [][]byte{nil, make([]byte, 64)} { // a file system may leave zeros
			var got []string
			var last error
			for line, err := range archive.Lines(bytes.NewReader(append(slices.Clone(whole[:end]), tail...)), 100) {
				if err == nil {
					got = append(got, string(line))
				}
				last = err
			}
			if len(got) < 2 || got[0] != "a" || got[1] != "b" || !errors.Is(last, archive.ErrCut) {
				t.Fatalf("cut at %d of %d, %d zeros: %q %v", end, len(whole), len(tail), got, last)
			}
		}
	}
}

// Promise: plain and compressed sources read alike, and a line that is too long costs
// only itself.
func TestLines(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200_000)
	for text, want := range map[string]string{
		"":                           "",
		"a\nb\n":                     "a|b",
		"a\n\nb":                     "a||b",
		"1234567890\n":               "1234567890",
		"a\n12345678901\nb\n":        "a|!|b",
		"a\n" + long + "\nb\n":       "a|!|b",
		"a\n" + long:                 "a|!",
		"\x1f":                       "\x1f",
		long + "\n" + long + "\nc\n": "!|!|c",
	} {
		var got []string
		for line, err := range archive.Lines(strings.NewReader(text), 10) {
			switch {
			case errors.Is(err, archive.ErrTooLong):
				got = append(got, "!")
			case err != nil:
				t.Errorf("%.20q: %v", text, err)
			default:
				got = append(got, string(line))
			}
		}
		if strings.Join(got, "|") != want {
			t.Errorf("%.20q: %q, want %q", text, got, want)
		}
	}
}

// Whatever the bytes, reading ends, and yields no more than they hold.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb"))
	f.Add([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for line, err := range archive.Lines(bytes.NewReader(data), 50) {
			if err == nil && len(line) > 51 || bytes.IndexByte(line, '\n') >= 0 {
				t.Errorf("line %q", line)
			}
		}
	})
}
