//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Calls about processes, by the kernel's names.
const (
	OpKill   Op = "kill"
	OpWaitid Op = "waitid"
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
	call := func(*Call) (int, Errno) { return result(awaitExit(pid)) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpWaitid, FD: -1, Args: fmt.Sprintf("P_PID, %d, WEXITED|WNOWAIT", pid)}, call)
		return e
	}
	_, e := call(nil)
	return e
}
