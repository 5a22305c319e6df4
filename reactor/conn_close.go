//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// Close ends the connection: what was written is still sent, no more input comes
// to Data, and Closed is called with nil when it is done. A peer that does not
// take what was written is waited for as long as Timeouts.Write says, 30 seconds
// without progress if it says nothing. Closing twice is fine.
func (c *Conn) Close() {
	if c.state != connOpen {
		return
	}
	c.state = connClosing
	if c.blocked && c.out.head != nil && c.service.timeouts.Write == 0 {
		c.markOutput(c.loop().now()) // nobody has asked when until now
	}
	c.touch()
}

// Abort ends the connection at once: what was written and not sent is lost, and
// so is what the kernel has not delivered; the peer is sent a reset. Closed is
// called with nil.
func (c *Conn) Abort() {
	if c.state == connDead {
		return
	}
	c.abort = true
	c.finish(nil)
}

// drain closes the connection as soon as what has arrived is handled. While the
// peer keeps sending, that is not yet.
func (c *Conn) drain() {
	c.draining = true
	switch {
	case c.busy: // it comes here when it is done
		if c.service.threaded != nil {
			c.service.threaded.drain(c)
		}
	case c.again: // redeliver comes here
	case c.reading():
		if s := c.service.tls; s != nil {
			if s.pump(); !c.reading() {
				return // settle closes it, or level comes here again
			}
		}
		c.read(true)
	case !c.choked: // paused, or at its end
		c.Close()
	}
}

// hangUp closes a connection all of whose output is sent. To close a socket with
// unread input would reset it (RFC 2525, 2.17), and the reset would overtake what
// the peer has not read yet. So if there is some, or is likely to come, or if the
// peer's kernel has not confirmed all yet, the peer is sent the end of file, and
// what it sends is thrown away until it closes too or time is up. When the group
// ends, any peer may be about to say something.
func (c *Conn) hangUp() {
	l := c.loop()
	l.counts.Reads++
	n, errno := sys.Read(int(c.fd), l.readBuf)
	if n == 0 || n < 0 && errno != unix.EAGAIN {
		c.finish(nil) // the peer is gone
		return
	}
	if n < 0 && !c.sending && !c.draining {
		if c.delivered() {
			c.finish(nil) // it is silent, and has all
			return
		}
		c.unsure = true
		l.alarms.set(c.alarm, c, l.later(lingerLook))
	}
	if !c.finSent {
		if c.sendEnd(); c.state == connDead {
			return
		}
	}
	c.state = connLinger
	c.active = l.now()
	c.dropInput()
}

// delivered reports whether the peer's kernel has all that was sent. Where the
// system does not tell, it is taken to.
func (c *Conn) delivered() bool {
	if c.service.unix != "" {
		return true // it is in the peer's queue, and stays there
	}
	unsent, errno := sys.Unsent(int(c.fd))
	return errno != 0 || unsent == 0
}

// discard reads what a peer sends to a connection that lingers.
func (c *Conn) discard() {
	l := c.loop()
	for range readsPerEvent {
		l.counts.Reads++
		switch n, errno := sys.Read(int(c.fd), l.readBuf); {
		case errno == unix.EAGAIN || errno == unix.EINTR:
			return
		case n > 0:
			c.unsure = false // it is not silent
		case n <= 0: // the peer has seen the end; whether it closed or reset is all the same
			c.finish(nil)
			return
		}
	}
}

// ending is a connection that is finished and the reason, for Closed.
type ending struct {
	conn   *Conn
	reason error
}

// reason is why c was finished a moment ago.
func (c *Conn) reason() error {
	finished := c.loop().finished
	return finished[len(finished)-1].reason
}

// fail ends the connection for an error of the kernel.
func (c *Conn) fail(op string, errno sys.Errno) {
	c.finish(fmt.Errorf("reactor: %s %v: %w", op, c.name(), errno))
}

// finish ends the connection now: it leaves the selector, so nothing more is
// reported of it, and the rest happens at the end of the turn.
func (c *Conn) finish(reason error) {
	if c.state == connDead {
		return
	}
	l := c.loop()
	if s := c.service.tls; s != nil {
		s.drop()
		if s.reason != nil {
			reason = s.reason // the rest is what comes of it
		}
	}
	c.state = connDead
	if c.interest != 0 {
		c.interest = 0
		l.counts.Watches++
		if _, err := l.sel.Unregister(int(c.fd)); err != nil {
			l.log.Error("cannot unregister a connection", "remote", c.name(), "err", err)
		}
	} else {
		l.unwatched--
	}
	if c.alarm != notSet {
		l.alarms.remove(c.alarm)
	}
	c.dropInput()
	c.out.clear(&l.pool)
	c.account()
	l.finished = append(l.finished, ending{c, reason})
}
