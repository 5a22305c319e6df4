//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// pollRdHup: there is no POLLRDHUP here.
const pollRdHup = 0

func poll(fds []unix.PollFd, timeout time.Duration) (int, Errno) {
	if timeout == math.MaxInt64 {
		return ret(unix.Poll(fds, -1))
	}
	return ret(unix.Poll(fds, ceilMillis(timeout)))
}

// HoldForRead waits until fd is readable, for at most timeout. A signal ends it
// with EINTR. Here the runtime may lend the processor out meanwhile.
func HoldForRead(fd int, timeout time.Duration) Errno {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	_, e := Poll(fds, timeout)
	return e
}
