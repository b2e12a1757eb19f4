package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Lock is the right to use a directory, held by at most one process. The kernel
// releases it when the process ends, however that happens.
type Lock struct{ file *os.File }

// LockedError says which process holds a directory.
type LockedError struct {
	Dir string
	PID int // 0 if it is not known
}

// Error names the directory, the process, and what to do.
func (e *LockedError) Error() string {
	holder := "another process"
	if e.PID != 0 {
		holder = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("data directory %q is in use by %s; stop that process or use another directory", e.Dir, holder)
}

const lockName = "lock"

var errHeld = errors.New("held")

// Acquire creates the directory if it is missing and locks it. It returns a
// [*LockedError] if another process, or another Lock of this one, holds it.
func Acquire(dir string) (*Lock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock of data directory %q: %w", dir, err)
	}
	if err := tryLock(f); err != nil {
		defer func() { _ = f.Close() }()
		if errors.Is(err, errHeld) {
			return nil, &LockedError{Dir: dir, PID: holder(f)}
		}
		return nil, fmt.Errorf("lock data directory %q: %w", dir, err)
	}
	if err := sign(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("write the lock of data directory %q: %w", dir, err)
	}
	return &Lock{file: f}, nil
}

func sign(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func holder(f *os.File) int {
	buf := make([]byte, 32)
	n, _ := f.ReadAt(buf, 0)
	pid, err := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
	if err != nil {
		return 0
	}
	return pid
}

// Release gives the directory free. The file stays: removing it could take it
// from under the next holder. Releasing twice, or a nil Lock, is safe.
func (l *Lock) Release() error {
	if l == nil {
		return nil
	}
	// Closing alone is not enough: a child that another goroutine is just
	// starting has the file open too, until it runs its program.
	_ = unlock(l.file)
	if err := l.file.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		return fmt.Errorf("release the data directory: %w", err)
	}
	return nil
}
