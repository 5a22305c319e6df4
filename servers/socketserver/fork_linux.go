package socketserver

import "syscall"

// thisProgram is the file of this process's program, even if another is in its place.
func thisProgram() (string, error) { return "/proc/self/exe", nil }

// childAttributes: see Main.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
