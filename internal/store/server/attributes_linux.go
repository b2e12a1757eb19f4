package server

import "syscall"

// The signal is SIGKILL and not SIGTERM: a process that takes its time to end
// could still write to files that the parent's successor has begun to use.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
