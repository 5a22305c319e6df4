//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"os"
	"syscall"
)

// thisProgram is the file of this process's program.
func thisProgram() (string, error) { return os.Executable() }

// childAttributes: see Main.
func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
