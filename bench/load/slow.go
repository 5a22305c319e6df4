//go:build linux

package load

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

const (
	slowSize = 1 << 10 // bytes a message of a slow reader
	slowRead = 4 << 10 // bytes it reads at a time
	slowTick = int64(10 * time.Millisecond)
	// slowBuffer is its socket's, small so that what the server does not hold
	// itself lies in the server's own kernel buffers.
	slowBuffer = 64 << 10
	// slowAhead bounds what one has sent and not got back. It is more than the
	// kernel's buffers of both directions hold by default, so that only a
	// server that keeps output itself ever comes there.
	slowAhead = 16 << 20
	// slowTotal bounds it for all of them: the most that a server without a
	// limit of its own is made to keep.
	slowTotal = 1 << 30
)

// slow is the connections that send much and read little.
type slow struct {
	*generator
	pattern pattern
	conns   []*slowConn
	ahead   int64 // bytes
	closed  int   // by the server
}

type slowConn struct {
	conn
	slow *slow
}

func newSlow(g *generator) *slow {
	s := &slow{generator: g, pattern: newPattern(slowSize), conns: make([]*slowConn, g.Slow)}
	if g.Slow > 0 {
		s.ahead = int64(min(slowAhead, slowTotal/g.Slow))
	}
	return s
}

func (s *slow) connect() error {
	return s.dial(s.Slow, func(i, fd int) error {
		// Numbers beyond the others': no message of the run is like another.
		c := &slowConn{conn: conn{socket: socket{fd: fd, id: uint32(s.Conns + i)}}, slow: s}
		s.conns[i] = c
		s.attach(fd, c)
		for _, opt := range []int{unix.SO_SNDBUF, unix.SO_RCVBUF} {
			if e := sys.SetsockoptInt(fd, unix.SOL_SOCKET, opt, slowBuffer); e != 0 {
				return fmt.Errorf("load: slow reader %d: %w", i, os.NewSyscallError("setsockopt", e))
			}
		}
		return nil
	})
}

func (s *slow) start() error {
	if s.Slow > 0 {
		s.every = slowTick
	}
	for _, c := range s.conns {
		if err := s.watch(&c.socket, s.wants(c)); err != nil {
			return err
		}
	}
	return nil
}

// written and received are bytes.
func (c *slowConn) written() int64  { return c.sent*slowSize - int64(len(c.rest)) }
func (c *slowConn) received() int64 { return c.acked*slowSize + int64(c.off) }

// room is how many more messages the connection may send.
func (s *slow) room(c *slowConn) int64 {
	return (s.ahead - (c.sent*slowSize - c.received())) / slowSize
}

func (s *slow) wants(c *slowConn) iomux.Events {
	if len(c.rest) > 0 || s.room(c) > 0 {
		return iomux.Writable
	}
	return 0 // the next read makes room
}

// ready writes as much as the server takes: reading has its own time.
func (c *slowConn) ready(iomux.Events) error {
	s := c.slow
	var err error
	if len(c.rest) > 0 {
		err = flush(&c.socket)
	} else {
		p, _ := c.compose(&s.pattern, s.out[:outSize], s.room(c))
		err = s.put(&c.socket, p)
	}
	if err != nil {
		return s.end(c, err)
	}
	return s.watch(&c.socket, s.wants(c))
}

// read has each connection read a little.
func (s *slow) read() error {
	for _, c := range s.conns {
		if c.fd < 0 {
			continue
		}
		n, e := sys.Read(c.fd, s.in[:slowRead])
		switch {
		case n > 0:
			if err := c.take(&s.pattern, s.in[:n]); err != nil {
				return err
			}
			if err := s.watch(&c.socket, s.wants(c)); err != nil {
				return err
			}
		case e == unix.EAGAIN || e == unix.EINTR:
		default:
			err := io.EOF
			if e != 0 {
				err = os.NewSyscallError("read", e)
			}
			if err := s.end(c, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// end closes a connection that the server has closed: it may have had enough.
func (s *slow) end(c *slowConn, err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE):
	default:
		return fmt.Errorf("load: slow reader %d: %w", c.id-uint32(s.Conns), err)
	}
	s.closed++
	if err := s.watch(&c.socket, 0); err != nil {
		return err
	}
	c.close()
	return nil
}

// report puts what there is to say of them into r.
func (s *slow) report(r *Result) {
	for _, c := range s.conns {
		r.SlowSent += c.written()
		r.SlowReceived += c.received()
		if c.fd >= 0 {
			r.SlowHeld += c.written() - c.received()
		}
	}
	r.SlowClosed = s.closed
}

// close closes them with whatever is on its way: that resets them, which is how
// such a client leaves.
func (s *slow) close() {
	for _, c := range s.conns {
		if c != nil {
			c.close()
		}
	}
}
