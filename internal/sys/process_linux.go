package sys

import "golang.org/x/sys/unix"

func exited(pid int, wait bool) (bool, Errno) {
	options := unix.WEXITED | unix.WNOWAIT
	if !wait {
		options |= unix.WNOHANG
	}
	for {
		var info unix.Siginfo // stays zero if WNOHANG has found nothing
		_, e := ret(0, unix.Waitid(unix.P_PID, pid, &info, options, nil))
		if e != unix.EINTR { // the runtime's own signals come at any time
			return info.Signo != 0, e
		}
	}
}

func pidfd(pid int) (int, Errno) { return ret(unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)) }
