package archive

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"
)

// FileLimitDefault is the size from which on a [Writer] begins a new file.
const FileLimitDefault = 64 << 20

// Suffix is what the names of all files end with.
const Suffix = ".ndjson.gz"

// Options configure a [Writer].
type Options struct {
	// Dir is the directory, which must exist: one that is made in place of a volume
	// that is not mounted would fill the wrong disk. Required.
	Dir string
	// Name is what the names of the files begin with. Required.
	Name string
	// FileLimit is the size in bytes from which on a new file is begun. Defaults to
	// [FileLimitDefault].
	FileLimit int64
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Writer writes files <dir>/<name>-<time>-<random>.ndjson.gz, readable for the owner
// alone: lines may hold what only they should see. It never goes on with a file of
// another writer, so any number of them may share a directory, and it holds no file
// open, so that a finished one can be moved away at any time. It is safe for
// concurrent use.
type Writer struct {
	o Options

	mu    sync.Mutex
	path  string // guarded by mu; file to go on with, "" for none
	size  int64  // guarded by mu; of the file, as far as it is good
	day   string // guarded by mu; on which it was begun
	files []string
}

// New returns a writer. It does not look at the directory yet.
func New(o Options) *Writer {
	if o.FileLimit <= 0 {
		o.FileLimit = FileLimitDefault
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Writer{o: o}
}

// Files returns the paths of the files that hold something of this writer's, in the
// order of their making.
func (w *Writer) Files() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.files)
}

// Append writes the lines, which must not contain line breaks, and returns nil only
// when they are on disk. After an error none of them counts as written, though some
// may be. The error is an [*Error].
func (w *Writer) Append(lines [][]byte) error {
	if len(lines) == 0 {
		return nil
	}
	member, err := compress(lines)
	if err != nil {
		return w.wrap(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.write(member); err != nil {
		w.path = "" // whatever is wrong with it, the next try begins a new one
		return w.wrap(err)
	}
	return nil
}

// compress makes one gzip member of the lines.
func compress(lines [][]byte) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	for _, line := range lines {
		for _, part := range [][]byte{line, {'\n'}} {
			if _, err := z.Write(part); err != nil {
				return nil, err
			}
		}
	}
	err := z.Close()
	return out.Bytes(), err
}

// write appends the member to the current file, or to a new one. The caller holds mu.
func (w *Writer) write(member []byte) error {
	f, err := w.open()
	if err != nil {
		return err
	}
	n, err := f.Write(member)
	if err == nil {
		err = f.Sync()
	}
	if err != nil && n > 0 {
		err = errors.Join(err, f.Truncate(w.size)) // so that readers find nothing half-written
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		w.forsake()
		return err
	}
	if w.size == 0 {
		w.files = append(w.files, w.path)
	}
	w.size += int64(n)
	return nil
}

// open returns the file to append to, at its end. The caller holds mu.
func (w *Writer) open() (*os.File, error) {
	now := w.o.Now().UTC()
	if day := now.Format(time.DateOnly); w.path == "" || w.size >= w.o.FileLimit || w.day != day {
		return w.begin(now, day)
	}
	f, err := os.OpenFile(w.path, os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) { // somebody has moved it away
		return w.begin(now, w.day)
	}
	if err != nil {
		return nil, err
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err == nil && end == w.size {
		return f, nil
	}
	if closed := f.Close(); err != nil || closed != nil {
		return nil, errors.Join(err, closed)
	}
	return w.begin(now, w.day) // somebody has written to it
}

// begin makes a new file whose entry in the directory is on disk, too. The caller
// holds mu.
func (w *Writer) begin(now time.Time, day string) (*os.File, error) {
	salt := make([]byte, 4)
	_, _ = rand.Read(salt) // never fails
	name := fmt.Sprintf("%s-%s-%s%s", w.o.Name, now.Format("20060102T150405Z"), hex.EncodeToString(salt), Suffix)
	w.path, w.size, w.day = filepath.Join(w.o.Dir, name), 0, day
	f, err := os.OpenFile(w.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syncDir(w.o.Dir); err != nil {
		w.forsake()
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// forsake removes the current file if nothing good is in it. The caller holds mu.
func (w *Writer) forsake() {
	if w.size == 0 {
		_ = os.Remove(w.path) // what stays is empty
	}
}

// syncDir puts what is in a directory on disk. Some file systems cannot, and need not.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
