package archive

import (
	"bufio"
	"compress/gzip"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
)

// File is one compressed file that has its name only once it is whole and on disk;
// until then it is hidden beside it. It is not safe for concurrent use.
type File struct {
	w    *Writer // for its directory, and the words of its errors
	path string
	part *os.File
	buf  *bufio.Writer
	zip  *gzip.Writer
}

// Create begins the file dir/name, which gets [Suffix]. The directory must exist. What
// a process that died has left of a file of that name is removed. The error is an
// [*Error].
func Create(dir, name string) (*File, error) {
	f := &File{w: New(Options{Dir: dir}), path: filepath.Join(dir, name+Suffix)}
	old, err := filepath.Glob(filepath.Join(dir, "."+name+"-*.part"))
	if err != nil {
		return nil, f.w.wrap(err)
	}
	for _, left := range old {
		_ = os.Remove(left)
	}
	salt := make([]byte, 4)
	_, _ = rand.Read(salt) // never fails
	hidden := filepath.Join(dir, "."+name+"-"+hex.EncodeToString(salt)+".part")
	if f.part, err = os.OpenFile(hidden, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return nil, f.w.wrap(err)
	}
	f.buf = bufio.NewWriterSize(f.part, 256<<10)
	f.zip = gzip.NewWriter(f.buf)
	return f, nil
}

// Append adds lines, which must not contain line breaks. The error is an [*Error]; the
// file is then good for nothing but Discard.
func (f *File) Append(lines [][]byte) error {
	for _, line := range lines {
		for _, part := range [][]byte{line, {'\n'}} {
			if _, err := f.zip.Write(part); err != nil {
				return f.w.wrap(err)
			}
		}
	}
	return nil
}

// Commit puts the file on disk under its name, and returns its path. A file of that name
// is replaced. The error is an [*Error]; there is no file then.
func (f *File) Commit() (string, error) {
	err := errors.Join(f.zip.Close(), f.buf.Flush())
	if err == nil {
		err = f.part.Sync()
	}
	if err == nil {
		err = f.part.Close()
	}
	if err == nil {
		err = os.Rename(f.part.Name(), f.path)
	}
	if err == nil {
		err = syncDir(f.w.o.Dir)
	}
	if err != nil {
		f.Discard()
		return "", f.w.wrap(err)
	}
	return f.path, nil
}

// Discard removes what there is of a file that is not to be. After Commit it does
// nothing.
func (f *File) Discard() {
	_ = f.part.Close()
	_ = os.Remove(f.part.Name())
}
