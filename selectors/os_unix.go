//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package selectors

import (
	"errors"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// wasClosed reports whether a poller's error means that the descriptor is not
// open, or is another one than was registered: the poller's own even, which took
// the number and of which epoll says EINVAL.
func wasClosed(err error) bool {
	return errors.Is(err, unix.EBADF) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL)
}

// isReady asks poll(2) about one descriptor alone.
func isReady(fd int, events iomux.Events) bool {
	ask := unix.PollFd{Fd: int32(fd)}
	if events&iomux.Readable != 0 {
		ask.Events |= unix.POLLIN
	}
	if events&iomux.Writable != 0 {
		ask.Events |= unix.POLLOUT
	}
	if events&iomux.Priority != 0 {
		ask.Events |= unix.POLLPRI
	}
	n, errno := sys.Poll([]unix.PollFd{ask}, 0)
	return n > 0 || errno != 0 // in doubt it is what it says
}
