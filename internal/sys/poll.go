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
		c := Call{Op: OpPoll, FD: -1, Args: args, Size: len(fds), Timeout: timeout, Asked: pollWatches(fds, false)}
		return h.do(c, func(c *Call) (int, Errno) {
			n, e := poll(fds, timeout)
			if n > 0 {
				c.Out, c.Found = pollList(fds, true), pollWatches(fds, true)
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

// pollWatches is all of the list, as the hooks have it; poll passes over a number
// that is negative.
func pollWatches(fds []unix.PollFd, revents bool) (list []Watch) {
	for _, f := range fds {
		bits := f.Events
		if revents {
			bits = f.Revents
		}
		if f.Fd >= 0 && (bits != 0 || !revents) {
			list = append(list, Watch{FD: int(f.Fd), Bits: pollNames(uint16(bits))})
		}
	}
	return list
}

// pollBits are poll(2)'s, which have one value on all systems but for POLLRDHUP.
var pollBits = []struct {
	bit  uint16
	name string
}{{unix.POLLIN, "IN"}, {unix.POLLPRI, "PRI"}, {unix.POLLOUT, "OUT"}, {unix.POLLERR, "ERR"}, {unix.POLLHUP, "HUP"}, {unix.POLLNVAL, "NVAL"}, {pollRdHup, "RDHUP"}}

// pollNames names the bits of a poll entry, such as "IN|RDHUP".
func pollNames(bits uint16) string {
	var s []string
	for _, b := range pollBits {
		if b.bit != 0 && bits&b.bit != 0 {
			s = append(s, b.name)
			bits &^= b.bit
		}
	}
	if bits != 0 || s == nil {
		s = append(s, fmt.Sprintf("%#x", bits))
	}
	return strings.Join(s, "|")
}
