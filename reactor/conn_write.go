//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// Write sends p, or keeps a copy of what cannot be sent yet: it neither blocks
// nor holds on to p. Small writes are gathered and go out in one system call
// when the callback is over; a large one goes at once, behind what was gathered.
// Over a unixpacket address each Write is a message, and they are not gathered.
//
// It returns len(p), or 0 and an error: ErrClosed, also after CloseWrite; the
// kernel's; ErrMessageSize, a message that the kernel's buffer cannot hold;
// ErrWriteLimit: what the kernel does not take of a Write must fit
// Options.WriteLimit. What happens then Options.Overflow says: the connection is
// closed, or only this Write refused.
func (c *Conn) Write(p []byte) (int, error) {
	if c.state != connOpen || c.shut {
		return 0, fmt.Errorf("reactor: write to %v: %w", c.name(), ErrClosed)
	}
	if c.service.packets {
		return c.writeMessage(p)
	}
	if s := c.service.tls; s != nil {
		return s.write(p)
	}
	rest, o := p, c.options()
	if size := c.out.len() + len(p); !c.blocked && (size >= directSize || size > o.WriteLimit) {
		rest = p[c.send(p):]
	}
	if c.state == connOpen && c.out.len()+len(rest) > o.WriteLimit {
		err := fmt.Errorf("reactor: write to %v: %w (%d bytes)", c.name(), ErrWriteLimit, o.WriteLimit)
		if o.Overflow == Refuse && len(rest) == len(p) { // a torn message would be no message
			c.owe()
			return 0, err
		}
		c.finish(err)
	}
	if c.state == connDead {
		return 0, c.reason()
	}
	c.out.append(&c.loop().pool, rest)
	c.touch()
	return len(p), nil
}

// owe has Drained called when there is room again for what was refused: as if more
// waited than the high mark. With less than the low mark waiting there is room.
func (c *Conn) owe() {
	if c.out.len() > c.options().LowWater {
		c.choked = true
	}
	c.touch()
}

// CloseWrite sends the peer the end of file, behind what was written. Input still
// comes; when the peer has sent its own end, the connection is closed with
// io.EOF. Calling it twice is fine.
func (c *Conn) CloseWrite() {
	if c.state == connOpen && !c.shut {
		c.shut = true
		c.touch()
	}
}

// sendEnd tells the peer that nothing more will come.
func (c *Conn) sendEnd() {
	c.finSent = true
	switch errno := sys.ShutdownWrite(int(c.fd)); errno {
	case 0, unix.ENOTCONN, unix.EPIPE: // the peer is gone, of which the next read tells more
	default:
		c.fail("shutdown", errno)
	}
}

// send gives the kernel what waits and then p, and returns how many bytes of p
// it took. What it does not take of the waiting bytes stays; blocked says that
// the socket is full.
func (c *Conn) send(p []byte) (taken int) {
	l := c.loop()
	for c.out.len() > 0 || len(p) > 0 {
		waiting := c.out.len()
		n, offered, errno := c.offer(p)
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			l.counts.Again++
			c.block(false)
			return taken
		case errno != 0:
			c.fail("write", errno)
			return taken
		}
		l.counts.BytesOut += uint64(n)
		c.progress = true
		fromOut := min(n, waiting)
		c.out.sent(&l.pool, fromOut)
		taken += n - fromOut
		p = p[n-fromOut:]
		if n < offered { // the next call would only say EAGAIN
			c.block(true)
			return taken
		}
	}
	return taken
}

// block takes in that the socket is full. The time of what waits, or will in a
// moment, counts from the last progress.
func (c *Conn) block(progress bool) {
	if !c.blocked || progress {
		c.blocked = true
		if c.service.timed || c.state != connOpen {
			c.out.first(&c.loop().pool, 0)
			c.markOutput(c.loop().now())
		}
	}
}

// offer makes the one system call of send, with as many pieces as it takes.
func (c *Conn) offer(p []byte) (n, offered int, errno sys.Errno) {
	l := c.loop()
	l.counts.Writes++
	if c.service.packets {
		return c.offerMessage()
	}
	if c.out.len() == 0 {
		n, errno = sys.Write(int(c.fd), p)
		return n, len(p), errno
	}
	if head := c.out.head; head.next == nil && len(p) == 0 {
		n, errno = sys.Write(int(c.fd), head.buf[head.r:head.w])
		return n, head.w - head.r, errno
	}
	pieces := c.out.pieces(l.pieces[:0])
	if len(p) > 0 && len(pieces) < cap(pieces) {
		pieces = append(pieces, p)
	}
	for _, piece := range pieces {
		offered += len(piece)
	}
	n, errno = sys.Writev(int(c.fd), pieces)
	clear(pieces) // p is the caller's: no reference stays behind
	return n, offered, errno
}

// maxMessage is what surely fits the pieces of one writev, wherever the message
// begins in its first chunk. The kernel's own limit is mostly lower.
const maxMessage = (sys.MaxPieces - 2) * chunkSize

// writeMessage is Write where each call is a message: it goes whole and at once,
// or waits whole.
func (c *Conn) writeMessage(p []byte) (int, error) {
	l := c.loop()
	switch {
	case len(p) == 0:
		return 0, nil // the peer would take it for the end
	case len(p) > maxMessage:
		return 0, fmt.Errorf("reactor: write to %v: %w (%d bytes, at most %d)", c.name(), ErrMessageSize, len(p), maxMessage)
	}
	if c.out.len() == 0 && !c.blocked {
		errno := c.sendMessage(p)
		switch errno {
		case 0:
			c.touch()
			return len(p), nil
		case unix.EAGAIN:
			l.counts.Again++
		case unix.EMSGSIZE:
			return 0, fmt.Errorf("reactor: write to %v: %w: %w", c.name(), ErrMessageSize, errno)
		default:
			c.fail("write", errno)
			return 0, c.reason()
		}
	}
	if c.out.len()+len(p)+messageHead > c.options().WriteLimit {
		err := fmt.Errorf("reactor: write to %v: %w (%d bytes)", c.name(), ErrWriteLimit, c.options().WriteLimit)
		if c.options().Overflow == Refuse {
			c.owe()
		} else {
			c.finish(err)
		}
		return 0, err
	}
	c.out.appendMessage(&l.pool, p)
	c.block(false)
	c.touch()
	return len(p), nil
}

// sendMessage gives the kernel one message, whole or not at all.
func (c *Conn) sendMessage(p []byte) (errno sys.Errno) {
	for errno = unix.EINTR; errno == unix.EINTR; {
		c.loop().counts.Writes++
		_, errno = sys.Write(int(c.fd), p)
	}
	if errno == 0 {
		c.loop().counts.BytesOut += uint64(len(p))
		c.progress = true
	}
	return errno
}

// offerMessage sends the first message that waits.
func (c *Conn) offerMessage() (n, offered int, errno sys.Errno) {
	pieces, size := c.out.message(c.loop().pieces[:0])
	n, errno = sys.Writev(int(c.fd), pieces)
	clear(pieces)
	if errno == 0 {
		n += messageHead
	}
	return n, size + messageHead, errno
}
