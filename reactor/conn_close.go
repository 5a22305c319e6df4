//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// Close ends the connection: what was written is still sent, no more input comes
// to Data, and Closed is called with nil when it is done. Closing twice is fine.
func (c *Conn) Close() {
	if c.state != connOpen {
		return
	}
	c.state, c.reason = connClosing, nil
	c.touch()
}

// drain closes the connection as soon as what has arrived is handled. While the
// peer keeps sending, that is not yet.
func (c *Conn) drain() {
	c.draining = true
	switch {
	case c.reading():
		c.read(true)
	case !c.choked: // paused, or at its end
		c.Close()
	}
}

// lingerTime bounds how long a connection with unread input waits for its peer.
const lingerTime = 5 * time.Second

// hangUp closes a connection all of whose output is sent. To close a socket with
// unread input would reset it (RFC 2525, 2.17), and the reset would overtake what
// the peer has not read yet. So if there is some, or is likely to come, the peer
// is sent the end of file, and what it sends is thrown away until it closes too
// or time is up.
func (c *Conn) hangUp() {
	n, errno := sys.Read(int(c.fd), c.loop.readBuf)
	if n == 0 || n < 0 && (errno != unix.EAGAIN || !c.sending) {
		c.finish(c.reason) // the peer is silent, or gone
		return
	}
	if errno := sys.ShutdownWrite(int(c.fd)); errno != 0 {
		c.fail("shutdown", errno)
		return
	}
	c.state = connLinger
	c.dropInput()
	c.loop.After(lingerTime, func() { c.finish(c.reason) })
	if c.interest != iomux.Readable {
		c.watch(iomux.Readable)
	}
}

// discard reads what a peer sends to a connection that lingers.
func (c *Conn) discard() {
	for range readsPerEvent {
		switch n, errno := sys.Read(int(c.fd), c.loop.readBuf); {
		case errno == unix.EAGAIN || errno == unix.EINTR:
			return
		case n <= 0: // the peer has seen the end; whether it closed or reset is all the same
			c.finish(c.reason)
			return
		}
	}
}

// fail ends the connection for an error of the kernel.
func (c *Conn) fail(op string, errno sys.Errno) {
	c.finish(fmt.Errorf("reactor: %s %v: %w", op, c.remote, errno))
}

// finish ends the connection now: it leaves the selector, so nothing more is
// reported of it, and the rest happens at the end of the turn.
func (c *Conn) finish(reason error) {
	if c.state == connDead {
		return
	}
	c.state, c.reason = connDead, reason
	if c.interest != 0 {
		c.interest = 0
		if _, err := c.loop.sel.Unregister(int(c.fd)); err != nil {
			c.loop.log.Error("cannot unregister a connection", "remote", c.remote, "err", err)
		}
	}
	c.dropInput()
	c.out.clear(&c.loop.pool)
	c.loop.finished = append(c.loop.finished, c)
}
