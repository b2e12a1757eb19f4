package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Error says that lines could not be put on disk.
type Error struct {
	Dir    string
	Remedy string // what to do about it, a sentence
	Err    error
}

// Error returns what went wrong and what to do.
func (e *Error) Error() string { return "write to " + e.Dir + ": " + e.Err.Error() + ". " + e.Remedy }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// wrap leaves out the name of the file, which is another one with each try.
func (w *Writer) wrap(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = fmt.Errorf("%s: %w", e.Op, e.Err)
	}
	return &Error{Dir: w.o.Dir, Remedy: remedy(err), Err: err}
}

func remedy(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "Create the directory, or mount the volume that it is on."
	case errors.Is(err, syscall.ENOTDIR):
		return "Name a directory."
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return "Let the user that Legwork runs as write to the directory."
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return "Make room on its disk, or name a directory on another one."
	}
	return "See to the directory and its disk."
}

// Check tells whether a new file can be written to the directory, by writing one and
// removing it. The error is an [*Error].
func Check(dir string) error {
	w := New(Options{Dir: dir, Name: "check"})
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.write([]byte("x"))
	if err != nil {
		return w.wrap(err)
	}
	w.size = 0
	w.forsake()
	return nil
}
