//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Calls about processes, by the kernel's names.
const (
	OpKill      Op = "kill"
	OpWaitid    Op = "waitid"
	OpPidfdOpen Op = "pidfd_open"
)

// KillGroup is kill(2) with SIGKILL of all processes in the group that pid leads.
// ESRCH: there is none.
func KillGroup(pid int) Errno {
	call := func(*Call) (int, Errno) { return ret(0, unix.Kill(-pid, unix.SIGKILL)) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpKill, FD: -1, Args: fmt.Sprintf("%d, SIGKILL", -pid)}, call)
		return e
	}
	_, e := call(nil)
	return e
}

// AwaitExit waits until the child pid of this process has ended, and leaves it to
// be collected: waitid(2) with WNOWAIT. As long as nobody has, the number is no
// other process's. ECHILD: there is no such child. ENOTSUP: x/sys does not have the
// call for this system (all but Linux).
func AwaitExit(pid int) Errno {
	call := func(*Call) (int, Errno) {
		_, e := exited(pid, true)
		return result(e)
	}
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpWaitid, FD: -1, Args: fmt.Sprintf("P_PID, %d, WEXITED|WNOWAIT", pid)}, call)
		return e
	}
	_, e := call(nil)
	return e
}

// Exited is AwaitExit that does not wait: it reports whether the child has ended.
func Exited(pid int) (ended bool, errno Errno) {
	call := func(c *Call) (int, Errno) {
		ended, errno = exited(pid, false)
		if c != nil && errno == 0 {
			c.Out = fmt.Sprint(ended)
		}
		return result(errno)
	}
	if h := hooks.Load(); h != nil {
		_, errno = h.do(Call{Op: OpWaitid, FD: -1, Args: fmt.Sprintf("P_PID, %d, WEXITED|WNOWAIT|WNOHANG", pid)}, call)
	} else {
		_, errno = call(nil)
	}
	return ended, errno
}

// Pidfd is pidfd_open(2): a descriptor of a process, non-blocking and close-on-exec,
// which becomes readable when the process ends. ESRCH: there is none. ENOTSUP: this
// system has no such thing (all but Linux); ENOSYS: nor does Linux before 5.3; EINVAL:
// before 5.10 it has no such flag.
func Pidfd(pid int) (int, Errno) {
	call := func(*Call) (int, Errno) { return pidfd(pid) }
	if h := hooks.Load(); h != nil {
		return h.do(Call{Op: OpPidfdOpen, FD: -1, Args: fmt.Sprintf("%d, NONBLOCK", pid)}, call)
	}
	return call(nil)
}
