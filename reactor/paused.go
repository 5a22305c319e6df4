//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// A connection that is neither read from nor written to is out of the selector:
// watched, it would be reported again and again for input nobody wants. That its
// peer is gone the loop finds out by asking, twice a second and for all such
// connections at once, which costs nothing while there are none.
const sweepEvery = 500 * time.Millisecond

// unwatch is called when the selector loses interest in one more connection.
func (l *Loop) unwatch() {
	l.unwatched++
	if l.sweep == nil {
		l.sweep = &Timer{loop: l, f: l.sweepUnwatched, index: notSet}
	}
	if l.sweep.index == notSet {
		l.sweep.Reset(sweepEvery)
	}
}

// sweepUnwatched ends the connections in which the selector has no interest and
// whose peer has reset them, or is gone in some other way.
func (l *Loop) sweepUnwatched() {
	if l.unwatched == 0 {
		return
	}
	l.sweep.Reset(sweepEvery)
	const some = 256 // descriptors a call
	fds := make([]unix.PollFd, 0, min(l.unwatched, some))
	asked := make([]*Conn, 0, cap(fds))
	ask := func() {
		n, errno := sys.Poll(fds, 0)
		for i := 0; errno == 0 && n > 0 && i < len(fds); i++ {
			if fds[i].Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
				asked[i].lost()
			}
		}
		fds, asked = fds[:0], asked[:0]
	}
	for _, c := range l.conns {
		if c.interest == 0 && c.state != connDead {
			fds, asked = append(fds, unix.PollFd{Fd: c.fd}), append(asked, c)
			if len(fds) == some {
				ask()
			}
		}
	}
	if len(fds) > 0 {
		ask()
	}
}

// lost ends c if its socket has an error. Without one, a hang-up says that both
// sides have sent their end, or over a Unix socket that the peer is gone: then c ends
// too, unless there is input left to read.
func (c *Conn) lost() {
	if errno := sys.SocketError(int(c.fd)); errno != 0 {
		c.fail("connection to", errno)
		return
	}
	var one [1]byte
	if n, errno := sys.Peek(int(c.fd), one[:]); n == 0 && errno == 0 && !c.ended {
		l := c.loop()
		l.current = c
		c.end()
		c.settle()
		l.current = nil
	}
}
