package sys

import "golang.org/x/sys/unix"

func awaitExit(pid int) Errno {
	for {
		_, e := ret(0, unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil))
		if e != unix.EINTR { // the runtime's own signals come at any time
			return e
		}
	}
}
