//go:build unix

package server

import (
	"fmt"
	"syscall"
)

// Pause freezes the process (SIGSTOP): it keeps its connections and answers
// nothing.
func (p *Process) Pause() error { return p.send(syscall.SIGSTOP) }

// Resume lets a paused process go on (SIGCONT).
func (p *Process) Resume() error { return p.send(syscall.SIGCONT) }

func (p *Process) send(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil {
		return fmt.Errorf("send %s to %s: %w", s, p.cmd.Path, err)
	}
	return nil
}
