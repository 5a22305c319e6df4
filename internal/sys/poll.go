//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Poll is ppoll(2) where the system has it, else poll(2) with the timeout
// rounded up to the millisecond and cut at 24 days: a caller must check how
// much time passed when nothing came. timeout is 0, positive, or math.MaxInt64
// for ever.
func Poll(fds []unix.PollFd, timeout time.Duration) (int, Errno) {
	if h := hooks.Load(); h != nil {
		args := fmt.Sprintf("[%s], %s", pollList(fds, false), timeoutText(timeout))
		return h.do(Call{Op: OpPoll, FD: -1, Args: args}, func(c *Call) (int, Errno) {
			n, e := poll(fds, timeout)
			if n > 0 {
				c.Out = pollList(fds, true)
			}
			return n, e
		})
	}
	return poll(fds, timeout)
}

// pollList writes out at most 16 entries: more would not be read by anyone.
func pollList(fds []unix.PollFd, revents bool) string {
	var s []string
	for _, f := range fds {
		bits := f.Events
		if revents {
			if bits = f.Revents; bits == 0 {
				continue
			}
		}
		if len(s) == 16 {
			s = append(s, "…")
			break
		}
		s = append(s, fmt.Sprintf("%d:%#x", f.Fd, uint16(bits)))
	}
	return strings.Join(s, " ")
}
