//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// Stream is a connection in blocking style: a [net.Conn] whose methods wait for the
// peer while the loop goes on with others. It belongs to the coroutine that was made
// for it, see [Blocking], and so do its methods: another goroutine gets ErrCoroutine
// where it would have to wait, and is a data race where not.
type Stream struct {
	Coroutine
	conn     *Conn
	data     []byte        // has been read from the socket, and not by the coroutine
	inCall   bool          // data is what a call of Data has brought, good during that
	held     bool          // data is the rest of conn.in
	lent     bool          // ReadSlice has returned some of it since the last wait
	reason   error         // why the connection has ended; nil: it has not
	readEnd  time.Duration // deadlines, on the loop's clock; 0: none
	writeEnd time.Duration
}

var _ net.Conn = (*Stream)(nil)

// Read reads into p what there is, at least a byte, and waits for it if need be.
// Errors: io.EOF, the peer has nothing more to send; os.ErrDeadlineExceeded; what the
// connection has ended with, ErrClosed if this side has closed it; ErrCoroutine.
func (s *Stream) Read(p []byte) (int, error) {
	for {
		switch {
		case s.reason != nil:
			return 0, s.reason
		case s.conn.state != connOpen:
			return 0, s.fault("read from", ErrClosed)
		case s.past(s.readEnd):
			return 0, s.fault("read from", os.ErrDeadlineExceeded)
		case len(s.data) > 0 || len(p) == 0:
			n := copy(p, s.data)
			s.data = s.data[n:]
			return n, nil
		}
		if err := s.more(); err != nil {
			return 0, err
		}
	}
}

// ReadSlice reads up to the next delim, and waits for it if need be. What it returns
// ends with delim and is good until the next call of a method that waits; nothing is
// copied where it has come in one piece. Errors: those of Read, where io.EOF comes with
// what there was behind the last delim; ErrReadLimit, there are more than limit bytes
// without delim, which are left unread.
func (s *Stream) ReadSlice(delim byte, limit int) ([]byte, error) {
	seen := 0 // of data, without delim
	for {
		if _, err := s.Read(nil); err != nil { // whatever there is then, it cannot be read
			return nil, err
		}
		seen = min(seen, len(s.data)) // it was not Data that ended the wait
		if i := bytes.IndexByte(s.data[seen:min(len(s.data), max(limit, seen))], delim); i >= 0 {
			slice := s.data[: seen+i+1 : seen+i+1]
			s.data, s.lent = s.data[seen+i+1:], true
			return slice, nil
		}
		if seen = len(s.data); seen > limit {
			return nil, fmt.Errorf("reactor: read from %v: %w (%d bytes)", s.conn.name(), ErrReadLimit, limit)
		}
		if err := s.more(); errors.Is(err, io.EOF) {
			slice := s.data
			s.data, s.lent = nil, true
			return slice, err
		} else if err != nil {
			return nil, err
		}
	}
}

// more waits until there is more to read than data, or a reason why not. What is in
// data stays, though perhaps not where it was.
func (s *Stream) more() error {
	c := s.conn
	switch {
	case s.loop.inside != &s.Coroutine:
		return s.fault("read from", ErrCoroutine)
	case c.in != nil && !s.inCall && !s.held: // what came while the coroutine was busy
		s.data, s.held = c.in.buf, true
		c.paused = true // nothing may come behind what data is part of
		c.touch()
		return nil
	case c.ended:
		return io.EOF
	case s.held:
		s.letGo()
	}
	if c.paused {
		c.paused = false
		c.touch()
	}
	c.busy, s.lent = false, false
	if c.draining {
		_ = c.Post(c.drain) // the loop takes functions while it has connections
	}
	err := s.wait(forInput, s.readEnd)
	c.busy = true
	return err
}

// letGo leaves in the connection's input what is in data, for Data to bring it again
// with more behind it.
func (s *Stream) letGo() {
	c := s.conn
	c.in.buf = append(c.in.buf[:0], s.data...) // append moves, as copy does
	if len(s.data) == 0 {
		c.dropInput()
	}
	s.data, s.held = nil, false
}

// Write sends all of p. It returns when the kernel has it, or when no more than
// Options.HighWater waits for the peer, and waits for that if need be; small writes
// are gathered until the coroutine waits. Errors: os.ErrDeadlineExceeded, with what
// was taken until then; ErrClosed, also after CloseWrite; what the connection has
// ended with; ErrCoroutine.
func (s *Stream) Write(p []byte) (n int, err error) {
	c := s.conn
	for {
		switch {
		case s.reason != nil && !errors.Is(s.reason, io.EOF):
			return n, s.reason
		case c.state != connOpen || c.shut:
			return n, s.fault("write to", ErrClosed)
		case s.past(s.writeEnd):
			return n, s.fault("write to", os.ErrDeadlineExceeded)
		}
		room := c.options().HighWater - c.out.len()
		if room <= 0 && !c.blocked {
			c.send(nil)
			room = c.options().HighWater - c.out.len()
		}
		if room > 0 && c.state == connOpen {
			k, err := c.Write(p[:min(len(p), room)])
			n, p = n+k, p[k:]
			if err != nil || len(p) == 0 {
				return n, err
			}
			continue
		}
		if c.state != connOpen {
			return n, c.reason()
		}
		if s.lent { // to this Write perhaps, and the loop needs the place while it waits
			p, s.lent = bytes.Clone(p), false
		}
		c.choked = true // so that Drained is called, and it is woken
		if err := s.wait(forRoom, s.writeEnd); err != nil {
			return n, err
		}
	}
}

// past reports whether a deadline is over.
func (s *Stream) past(end time.Duration) bool { return end != 0 && end <= s.loop.now() }

// fault is an error of a method.
func (s *Stream) fault(op string, err error) error {
	return &netError{fmt.Errorf("reactor: %s %v: %w", op, s.conn.name(), err)}
}

// Close ends the connection: what was written is still sent. The coroutine goes on.
func (s *Stream) Close() error {
	s.conn.Close()
	return nil
}

// CloseWrite sends the peer the end of file, behind what was written.
func (s *Stream) CloseWrite() error {
	s.conn.CloseWrite()
	return nil
}

// Abort ends the connection at once, with a reset; see Conn.Abort.
func (s *Stream) Abort() { s.conn.Abort() }

// LocalAddr is this side's address, nil once the connection is closed.
func (s *Stream) LocalAddr() net.Addr { return s.conn.LocalAddr() }

// RemoteAddr is the peer's address; see Conn.RemoteAddr.
func (s *Stream) RemoteAddr() net.Addr { return s.conn.RemoteAddr() }

// TLS is Conn.TLS.
func (s *Stream) TLS() *tls.ConnectionState { return s.conn.TLS() }

// SetOptions sets options of the socket; see Conn.SetOptions.
func (s *Stream) SetOptions(o SocketOptions) error { return s.conn.SetOptions(o) }

// SetTimeouts replaces the timeouts of the connection, which end it, unlike a
// deadline; see Conn.SetTimeouts.
func (s *Stream) SetTimeouts(t Timeouts) error { return s.conn.SetTimeouts(t) }

// Credentials are those of the process at the other end; see Conn.Credentials.
func (s *Stream) Credentials() (Credentials, error) { return s.conn.Credentials() }

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (s *Stream) SetDeadline(t time.Time) error {
	s.readEnd = s.at(t)
	s.writeEnd = s.readEnd
	return nil
}

// SetReadDeadline has reads fail with os.ErrDeadlineExceeded from t on. The zero
// time is no deadline. Unlike with an object of Python's that has timed out, a later
// deadline makes it possible to read on.
func (s *Stream) SetReadDeadline(t time.Time) error {
	s.readEnd = s.at(t)
	return nil
}

// SetWriteDeadline is the same for writes.
func (s *Stream) SetWriteDeadline(t time.Time) error {
	s.writeEnd = s.at(t)
	return nil
}

// at is a time on the loop's clock. One that is over is not 0, which is none.
func (s *Stream) at(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	l := s.loop
	if l.options.clock != nil {
		return max(l.now()+t.Sub(l.options.clock()), 1)
	}
	return max(l.now()+time.Until(t), 1)
}
