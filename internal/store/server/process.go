// Package server runs redis-server and valkey-server as child processes that do
// not outlive their parent and do not hear the Ctrl-C meant for it.
//
// A child is in a process group of its own. On Linux the kernel kills it when
// the parent dies, however that happens; elsewhere it may stay behind when the
// parent is killed with SIGKILL.
package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// tailLines is how much of its log goes with the error of a process.
const tailLines = 15

// Process is a running child, or one that has ended. It is safe for concurrent
// use.
type Process struct {
	cmd  *exec.Cmd
	log  string
	done chan struct{}
	err  error // how it ended; read after done
}

// Find returns the path of the server to run, or "" if none is on PATH. There
// is none for Windows.
func Find() string {
	if runtime.GOOS == "windows" {
		return ""
	}
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Start runs the program at path. What it prints is appended to the file log.
func Start(path string, args []string, log string) (*Process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", path, err)
	}
	defer func() { _ = out.Close() }()
	p := &Process{cmd: exec.CommandContext(context.Background(), path, args...), log: log, done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = attributes()
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return p, nil
}

// run keeps its thread to the end: the kernel takes the death of the thread
// that started the child for the death of the parent (prctl(2),
// PR_SET_PDEATHSIG; golang.org/issue/27505).
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := p.cmd.Start(); err != nil {
		started <- err
		return
	}
	started <- nil
	if p.err = p.cmd.Wait(); p.err == nil {
		p.err = errors.New("exit status 0")
	}
	close(p.done)
}

// PID returns the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed once the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err says how the process ended, with the end of its log. It is nil while the
// process runs.
func (p *Process) Err() error {
	select {
	case <-p.done:
		return fmt.Errorf("%s (pid %d): %w%s", p.cmd.Path, p.PID(), p.err, p.tail())
	default:
		return nil
	}
}

// Stop asks the process to end (SIGTERM) and waits until it has. When ctx ends
// first it kills the process and returns the cause. Stopping one that has ended
// is nil.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.Kill()
		return nil
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		p.Kill()
		return fmt.Errorf("%s (pid %d) did not end in time and was killed: %w", p.cmd.Path, p.PID(), context.Cause(ctx))
	}
}

// Kill ends the process at once (SIGKILL) and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// tail returns the end of the log for an error message.
func (p *Process) tail() string {
	raw, err := os.ReadFile(p.log)
	if err != nil || len(raw) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	lines = lines[max(0, len(lines)-tailLines):]
	return fmt.Sprintf("; the end of %s:\n%s", p.log, strings.Join(lines, "\n"))
}
