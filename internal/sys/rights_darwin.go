package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Darwin has no MSG_CMSG_CLOEXEC, so a fork of os/exec is kept out until the
// flag is set.
func recvmsg(fd int, p, control []byte) (n, size, flags int, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	n, size, flags, _, err = unix.Recvmsg(fd, p, control, 0)
	if err == nil {
		for _, r := range rights(control[:size]) {
			unix.CloseOnExec(r)
		}
	}
	return n, size, flags, err
}
