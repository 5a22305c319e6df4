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

// awaitExit does not wait: x/sys has no waitid(2) or wait6(2) here. That the group is
// killed after its leader was waited for is a matter of microseconds, in which these
// systems would have to give the same number to another group.
func awaitExit(int) bool { return false }

// noNewPrivileges has nothing to call here.
func noNewPrivileges() error { return nil }

// closeOnExec keeps descriptors from the program.
func closeOnExec(first int) { markEach(first) }
