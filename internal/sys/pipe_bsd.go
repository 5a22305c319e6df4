//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// Pipe is pipe(2), both ends non-blocking and close-on-exec.
func Pipe() (r, w int, errno Errno) {
	var p [2]int
	call := func(c *Call) (int, Errno) {
		// darwin has no pipe2. The lock keeps a fork of os/exec from falling
		// between the two calls.
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		if err := unix.Pipe(p[:]); err != nil {
			return ret(0, err)
		}
		for _, fd := range p {
			unix.CloseOnExec(fd)
			if err := unix.SetNonblock(fd, true); err != nil {
				_, _ = unix.Close(p[0]), unix.Close(p[1]) // the error at hand says more
				return ret(0, err)
			}
		}
		if c != nil {
			c.Found = []Watch{{FD: p[0], Bits: "read"}, {FD: p[1], Bits: "write"}}
		}
		return 0, 0
	}
	if h := hooks.Load(); h != nil {
		_, errno = h.do(Call{Op: OpPipe, FD: -1, Args: "NONBLOCK|CLOEXEC"}, call)
	} else {
		_, errno = call(nil)
	}
	return p[0], p[1], errno
}
