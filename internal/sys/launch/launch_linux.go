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

// awaitExit waits for a child to end, and leaves it to be waited for once more: until
// then its number is nobody else's, nor is that of its group.
func awaitExit(pid int) bool {
	for {
		switch err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err {
		case nil:
			return true
		case unix.EINTR:
		default:
			return false // a sandbox that does not know the call
		}
	}
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
