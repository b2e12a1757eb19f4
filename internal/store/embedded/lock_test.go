package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"legwork/internal/store/embedded"
)

// One directory has one holder at a time, and who wants it meanwhile hears
// which process that is.
func TestLock(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	l, err := embedded.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = embedded.Acquire(dir)
	held, ok := errors.AsType[*embedded.LockedError](err)
	if !ok || held.PID != os.Getpid() || held.Dir != dir {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{dir, fmt.Sprintf("process %d", os.Getpid()), "use another directory"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q does not say %q", err, want)
		}
	}
	for range 2 {
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	}
	l, err = embedded.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Release(); err != nil {
		t.Error(err)
	}
}

// The lock keeps other processes out, in memory or not, and ends with its
// holder's death.
func TestLockAcrossProcesses(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	other := otherProcess(t, dir)
	for _, inMemory := range []bool{false, true} {
		_, err := embedded.Start(t.Context(), embedded.Options{Dir: dir, InMemory: inMemory})
		if held, ok := errors.AsType[*embedded.LockedError](err); !ok || held.PID != other.Process.Pid {
			t.Errorf("got %v, want that process %d holds it", err, other.Process.Pid)
		}
	}
	if err := open(t, "unix://"+dir+"/redis.sock").Ping(t.Context()).Err(); err != nil {
		t.Errorf("its server was disturbed: %v", err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = other.Wait()
	start(t, embedded.Options{Dir: dir})
}

// A released directory is free at once, even while other goroutines start
// processes, which inherit open files for a moment.
func TestLockReleasedDuringForks(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	ctx, cancel := context.WithCancel(t.Context())
	var forks sync.WaitGroup
	for range 4 {
		forks.Go(func() {
			for ctx.Err() == nil {
				_ = exec.CommandContext(ctx, "true").Run()
			}
		})
	}
	for n := range 300 {
		l, err := embedded.Acquire(dir)
		if err != nil {
			t.Errorf("round %d: %v", n, err)
			break
		}
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	}
	cancel()
	forks.Wait()
}
