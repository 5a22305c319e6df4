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

// readyNow asks poll(2) which of events hold of one descriptor alone.
func readyNow(fd int, events iomux.Events) (found iomux.Events) {
	ask := []unix.PollFd{{Fd: int32(fd)}}
	if events&iomux.Readable != 0 {
		ask[0].Events |= unix.POLLIN
	}
	if events&iomux.Writable != 0 {
		ask[0].Events |= unix.POLLOUT
	}
	if events&iomux.Priority != 0 {
		ask[0].Events |= unix.POLLPRI
	}
	n, errno := sys.Poll(ask, 0)
	for errno == unix.EINTR { // even of a poll that does not wait
		n, errno = sys.Poll(ask, 0)
	}
	got := ask[0].Revents
	switch {
	case errno != 0, n > 0 && got&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0:
		return events & iomux.Conditions // in doubt it is what it says
	case n == 0:
		return 0
	}
	if got&unix.POLLIN != 0 {
		found |= iomux.Readable
	}
	if got&unix.POLLOUT != 0 {
		found |= iomux.Writable
	}
	if got&unix.POLLPRI != 0 {
		found |= iomux.Priority
	}
	return found
}
