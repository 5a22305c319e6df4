//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"example.com/iomux/reactor"
)

// forkConn is a connection in the parent. As long as no hook uses it, it is the
// reactor's, which sees to its end as in other modes. The reactor reads what comes as
// soon as the coroutine waits, and there is no way to hand that on to a child; so the
// first use takes the connection from it. From then on only what a hook asks for is
// read, beside the loop.
type forkConn struct {
	server *Server
	stream *reactor.Stream
	file   *os.File // nil: it is the reactor's
	conn   net.Conn // a duplicate, for hooks
	closed bool     // or a child's
}

// letGo returns the socket, which is the caller's from now on.
func (c *forkConn) letGo() (*os.File, error) {
	if c.closed {
		return nil, c.errClosed()
	}
	if c.conn == nil {
		f, err := c.stream.Detach()
		c.closed = err == nil
		return f, err
	}
	c.closed = true
	return c.file, c.conn.Close()
}

func (c *forkConn) errClosed() error {
	return fmt.Errorf("socketserver: the connection from %v: %w", c.stream.RemoteAddr(), reactor.ErrClosed)
}

// use takes the connection from the reactor.
func (c *forkConn) use() error {
	if c.closed {
		return c.errClosed()
	}
	if c.conn != nil {
		return nil
	}
	f, err := c.stream.Detach()
	if err != nil {
		return err
	}
	conn, err := net.FileConn(f)
	if err != nil {
		_ = f.Close() // the client has to do without
		return err
	}
	c.file, c.conn = f, conn
	return nil
}

// Read implements net.Conn. It fails when the server is closed.
func (c *forkConn) Read(p []byte) (n int, err error) {
	if err := c.use(); err != nil {
		return 0, err
	}
	if !c.server.parentReads(c.conn) {
		return 0, c.errClosed()
	}
	defer c.server.parentHasRead(c.conn)
	err = c.stream.Await(func() error {
		var err error
		n, err = c.conn.Read(p)
		return err
	})
	return n, err
}

// Write implements net.Conn.
func (c *forkConn) Write(p []byte) (n int, err error) {
	if err := c.use(); err != nil {
		return 0, err
	}
	err = c.stream.Await(func() error {
		var err error
		n, err = c.conn.Write(p)
		return err
	})
	return n, err
}

// Await implements waiter.
func (c *forkConn) Await(f func() error) error {
	if !c.closed { // else there is nothing to be read
		if err := c.use(); err != nil {
			return err
		}
	}
	return c.stream.Await(f)
}

// Sleep implements waiter.
func (c *forkConn) Sleep(d time.Duration) error {
	return c.Await(func() error { time.Sleep(d); return nil })
}

// Close implements net.Conn.
func (c *forkConn) Close() error {
	if c.closed {
		return nil
	}
	c.closed = true
	if c.conn == nil {
		return c.stream.Close()
	}
	_ = c.conn.Close() // a duplicate
	_ = c.stream.Await(func() error {
		linger(c.file, c.stream.RemoteAddr().Network() == "unix")
		return nil
	})
	return c.file.Close()
}

// CloseWrite sends the client the end of file.
func (c *forkConn) CloseWrite() error {
	switch {
	case c.closed:
		return c.errClosed()
	case c.conn == nil:
		return c.stream.CloseWrite()
	}
	return closeWrite(c.conn)
}

// closeWrite is CloseWrite of a TCP or Unix connection.
func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// LocalAddr implements net.Conn.
func (c *forkConn) LocalAddr() net.Addr {
	if c.conn != nil {
		return c.conn.LocalAddr()
	}
	return c.stream.LocalAddr()
}

// RemoteAddr implements net.Conn.
func (c *forkConn) RemoteAddr() net.Addr { return c.stream.RemoteAddr() }

// SetDeadline implements net.Conn.
func (c *forkConn) SetDeadline(t time.Time) error {
	if err := c.use(); err != nil {
		return err
	}
	return c.conn.SetDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *forkConn) SetReadDeadline(t time.Time) error {
	if err := c.use(); err != nil {
		return err
	}
	return c.conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (c *forkConn) SetWriteDeadline(t time.Time) error {
	if err := c.use(); err != nil {
		return err
	}
	return c.conn.SetWriteDeadline(t)
}

// parentReads takes in that a hook reads from a connection, so that Close can end that.
// It reports whether there is still time for it.
func (s *Server) parentReads(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.children.reading == nil {
		s.children.reading = map[net.Conn]struct{}{}
	}
	s.children.reading[c] = struct{}{}
	return true
}

func (s *Server) parentHasRead(c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.children.reading, c)
}

// closing ends what waits for something that may never come: the server is closed, and
// mu held.
func (c *children) closing() {
	c.pool.more.Broadcast()
	for conn := range c.reading {
		_ = conn.SetReadDeadline(time.Unix(1, 0)) // it is over; a closed one does not read
	}
}
