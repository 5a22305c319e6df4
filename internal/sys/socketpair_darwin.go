package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Darwin's takes no flags, so a fork of os/exec is kept out until they are set.
func socketpair() (a, b int, errno Errno) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, 0, errnoOf(err)
	}
	for _, fd := range p {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			_, _ = unix.Close(p[0]), unix.Close(p[1]) // the error at hand says more
			return 0, 0, errnoOf(err)
		}
	}
	return p[0], p[1], 0
}
