//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package launch

import (
	"os"
	"syscall"
)

// self is this process's program. Where its path is not known Start fails.
func self() string {
	path, _ := os.Executable()
	return path
}

// attributes make a session.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// noNewPrivileges has nothing to call here.
func noNewPrivileges() error { return nil }

// closeOnExec keeps descriptors from the program.
func closeOnExec(first int) { markEach(first) }
