//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// read takes what has arrived to the handler. One read is enough where it did
// not fill the buffer, unless the peer has hung up: then the end of file is
// next, and looking for it now saves a turn.
func (c *Conn) read(hungUp bool) {
	l := c.loop()
	buf := l.readBuf
	for range readsPerEvent {
		n, errno := c.receive(buf)
		switch {
		case errno == unix.EAGAIN:
			l.counts.Again++
			if c.draining && !c.busy {
				c.Close()
			}
			return
		case errno == unix.EINTR:
			continue
		case errno != 0:
			c.fail("read", errno)
			return
		case n == 0:
			if c.end(); c.draining && !c.busy {
				c.Close()
			}
			return
		case n > len(buf):
			c.finish(fmt.Errorf("reactor: read from %v: %w (%d bytes, at most %d)", c.name(), ErrTruncated, n, len(buf)))
			return
		}
		l.counts.BytesIn += uint64(n)
		c.sending, c.progress = c.draining, true
		if s := c.service.tls; s != nil {
			s.feed(buf[:n])
		} else {
			c.deliver(buf[:n])
		}
		if c.out.len() > c.options().HighWater {
			c.settle() // perhaps the kernel takes it; if not, reading ends here
		}
		if !c.reading() || n < len(buf) && !hungUp && !c.draining {
			return
		}
	}
	if c.draining {
		_ = c.Post(c.drain) // what was read may be all, and no event tells of nothing
	}
}

// receive makes the one system call of read.
func (c *Conn) receive(buf []byte) (int, sys.Errno) {
	c.service.loop.counts.Reads++
	if c.service.packets {
		return sys.Recv(int(c.fd), buf)
	}
	return sys.Read(int(c.fd), buf)
}

// end takes in that the socket has come to its end.
func (c *Conn) end() {
	if s := c.service.tls; s != nil {
		s.cut()
		return
	}
	c.endInput()
}

// endInput takes in that the peer has sent all.
func (c *Conn) endInput() {
	c.ended = true
	if c.service.half != nil && c.state == connOpen {
		c.service.half.HalfClosed(c)
	}
}

// deliver gives p, behind what Data left last time, to Data.
func (c *Conn) deliver(p []byte) {
	if c.in != nil {
		c.in.buf = append(c.in.buf, p...)
		p = c.in.buf
	}
	used := c.service.handler.Data(c, p)
	switch {
	case used < 0 || used > len(p):
		panic(fmt.Sprintf("Data returned %d for %d bytes", used, len(p)))
	case c.state == connDead: // finish has released the rest
		return
	case used > 0 && !c.greeted:
		c.greeted = true
		c.progress = true
	}
	switch {
	case used == len(p) || c.state == connClosing || c.service.whole:
		c.dropInput()
	case len(p)-used > c.options().ReadLimit && !c.busy: // whose input is paused
		c.finish(fmt.Errorf("reactor: read from %v: %w (%d bytes)", c.name(), ErrReadLimit, c.options().ReadLimit))
	default:
		c.keep(p, used)
	}
}

// keep holds p[used:] until there is more. Whatever was used, a new message has
// begun with the rest.
func (c *Conn) keep(p []byte, used int) {
	l := c.loop()
	if c.in == nil {
		c.in = l.inputs.get()
		used, p = 0, p[used:]
		if c.service.timeouts.Read > 0 {
			c.in.since = l.now()
		}
	} else if used > 0 && c.service.timeouts.Read > 0 {
		c.in.since = l.now()
	}
	c.in.buf = append(c.in.buf[:0], p[used:]...) // p may be in.buf itself: append moves, as copy does
}

// dropInput gives the buffer of unused input back, if there is one.
func (c *Conn) dropInput() {
	if c.in != nil {
		c.loop().inputs.put(c.in)
		c.in = nil
	}
}
