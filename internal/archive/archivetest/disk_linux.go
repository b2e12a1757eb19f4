// Package archivetest helps to test what becomes of files on a disk that is full or
// cannot be written to.
package archivetest

import (
	"syscall"
	"testing"
)

// Disk mounts a file system of 64 KiB on a new directory, until the test ends. A test
// without the right to mount is skipped.
func Disk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("needs the right to mount a file system: ", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	return dir
}
