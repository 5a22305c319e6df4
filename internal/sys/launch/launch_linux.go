package launch

import (
	"math"
	"syscall"

	"golang.org/x/sys/unix"
)

// self is this process's program, even if its file was replaced or is in a directory
// that the program's user may not enter.
func self() string { return "/proc/self/exe" }

// attributes make a session, and the program end with this process.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
}

// noNewPrivileges has set-user-ID bits and the like mean nothing from now on.
func noNewPrivileges() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }

// closeOnExec keeps descriptors from the program, all from the first on: some that
// this process has inherited may not be marked.
func closeOnExec(first int) {
	if unix.CloseRange(uint(first), math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) != nil {
		markEach(first) // before Linux 5.11
	}
}
