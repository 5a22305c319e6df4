//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// NetConn is a connection for any number of goroutines: a [net.Conn] whose methods
// block the goroutine that calls them, and may be called at the same time. The loop
// reads and writes the socket, ahead of those who read and behind those who write;
// between it and them go buffers. A method that waits, for the peer or for the loop,
// must not be called on a loop's goroutine, a coroutine's among them: there is Stream
// for that. See [Threaded], [Group.DialConn] and [Group.ListenConn].
//
// Who has one closes it. While the group shuts down, a connection is left alone until
// somebody waits in Read for input that has not come, or closes it.
//
// Its errors are net.Errors, as those of package net are, for libraries that look for
// no other.
type NetConn struct {
	loop          *Loop
	local, remote net.Addr
	in            netInput
	out           netOutput

	conn    *Conn // the loop's, and so is the next
	starved bool  // a Write waits for room in conn's queue

	// Methods as values, made once, so that a post allocates nothing.
	flushes, resumes, looks func()
}

var _ net.Conn = (*NetConn)(nil)

// newNetConn is c for other goroutines.
func newNetConn(c *Conn) *NetConn {
	l := c.loop()
	n := &NetConn{loop: l, conn: c, remote: c.RemoteAddr()}
	if n.local = c.LocalAddr(); n.local == nil {
		n.local = &net.TCPAddr{} // the system does not tell it of one that was reset already
	}
	n.in.messages = c.service.packets
	n.in.data.memory, n.out.small.memory = &l.group.memory, &l.group.memory
	n.in.changed.L, n.out.changed.L = &n.in.mu, &n.out.mu
	n.flushes, n.resumes, n.looks = n.flush, n.resume, n.look
	c.context = n
	return n
}

// post has f run on the loop. Unlike Conn.Post it reads nothing of the connection's,
// which is the loop's alone.
func (n *NetConn) post(f func()) error { return n.loop.post(posted{n.conn, f}) }

// ask has f run on the loop, and waits for its answer.
func (n *NetConn) ask(op string, f func() error) error {
	answer := make(chan error, 1)
	if err := n.post(func() { answer <- f() }); err != nil {
		return n.fault(op, ErrClosed)
	}
	if err := <-answer; err != nil {
		return &netError{err: err}
	}
	return nil
}

// own is called on the loop for somebody who has the connection now, and may be at
// work from then on.
func (n *NetConn) own() {
	n.in.mu.Lock()
	defer n.in.mu.Unlock()
	n.in.owned = true
	n.in.draining = n.loop.draining
	n.conn.busy = true
}

// Close ends the connection: what was written is still sent, and all who wait are
// woken. It does not wait for the peer; see Conn.Close. Closing twice is fine.
func (n *NetConn) Close() error {
	if n.close() {
		_ = n.post(n.hangUp) // a loop that has ended has closed it
	}
	return nil
}

// close has all methods fail, and reports whether that is new.
func (n *NetConn) close() (first bool) {
	n.in.mu.Lock()
	first = n.in.close()
	n.in.data.clear()
	n.in.mu.Unlock()
	n.out.mu.Lock()
	defer n.out.mu.Unlock()
	n.out.close()
	return first
}

// hangUp is the loop's part of Close. Who has asked it to flush may not have come to it
// yet, and another's Write relies on that.
func (n *NetConn) hangUp() {
	n.flush()
	n.conn.busy = false
	n.conn.Close()
}

// Abort ends the connection at once, with a reset; see Conn.Abort.
func (n *NetConn) Abort() {
	n.close()
	_ = n.post(n.conn.Abort) // a loop that has ended has closed it
}

// CloseWrite sends the peer the end of file, behind what was written; a Write that
// still waits is cut short. Errors: net.ErrClosed.
func (n *NetConn) CloseWrite() error {
	o := &n.out
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed || o.reason != nil && !errors.Is(o.reason, io.EOF):
		return n.fault("close to write", ErrClosed)
	case o.shut || o.reason != nil: // the peer has it
		return nil
	}
	o.shut = true
	o.changed.Broadcast()
	return n.askToFlush()
}

// ended takes in that the connection has ended, for a reason that is nil if this side,
// or the end of the group, has closed it.
func (n *NetConn) ended(reason error) {
	if reason == nil {
		reason = n.fault("use", ErrClosed)
	}
	n.in.mu.Lock()
	n.in.ended = n.in.ended || errors.Is(reason, io.EOF)
	n.in.reason = reason
	n.in.changed.Broadcast()
	n.in.mu.Unlock()
	n.out.mu.Lock()
	defer n.out.mu.Unlock()
	n.out.small.clear()
	n.out.reason = reason
	n.out.changed.Broadcast()
}

// look closes the connection, if the loop is to end and nobody is at work: what has
// arrived is read, and what was written has been sent. It is called whenever that may
// have come true. Who waits for a connection that is being closed is told at once, for
// Closed comes only when the peer has had its time.
func (n *NetConn) look() {
	c := n.conn
	if c.draining && c.busy && c.state == connOpen && !c.paused && n.in.idle() && n.out.idle() {
		c.busy = false
		c.drain()
	}
	if c.state == connClosing || c.state == connLinger {
		n.ended(nil)
	}
}

// drain takes in that the loop is to end.
func (n *NetConn) drain() {
	n.in.mu.Lock()
	n.in.draining = true
	n.in.mu.Unlock()
	n.look()
}

// LocalAddr is this side's address. It stays known after the end.
func (n *NetConn) LocalAddr() net.Addr { return n.local }

// RemoteAddr is the peer's address; see Conn.RemoteAddr.
func (n *NetConn) RemoteAddr() net.Addr { return n.remote }

// SetDeadline is SetReadDeadline and SetWriteDeadline.
func (n *NetConn) SetDeadline(t time.Time) error {
	if err := n.SetReadDeadline(t); err != nil {
		return err
	}
	return n.SetWriteDeadline(t)
}

// SetReadDeadline has reads fail with os.ErrDeadlineExceeded from t on, those that wait
// already too. The zero time is no deadline; with a later one, reads go on. Errors:
// net.ErrClosed, this side has closed the connection.
func (n *NetConn) SetReadDeadline(t time.Time) error {
	if !n.in.setDeadline(t) {
		return n.fault("set the deadline of", ErrClosed)
	}
	return nil
}

// SetWriteDeadline is the same for writes.
func (n *NetConn) SetWriteDeadline(t time.Time) error {
	if !n.out.setDeadline(t) {
		return n.fault("set the deadline of", ErrClosed)
	}
	return nil
}

// SetOptions sets options of the socket, and waits for the loop to have done it; see
// Conn.SetOptions.
func (n *NetConn) SetOptions(o SocketOptions) error {
	return n.ask("options of", func() error { return n.conn.SetOptions(o) })
}

// SetTimeouts replaces the timeouts of the connection, which end it, unlike a deadline,
// and waits for the loop to have done it. Timeouts.Read has no effect: the loop keeps
// no input back. See Conn.SetTimeouts.
func (n *NetConn) SetTimeouts(t Timeouts) error {
	return n.ask("timeouts of", func() error { return n.conn.SetTimeouts(t) })
}

// Credentials asks the loop for those of the process at the other end; see
// Conn.Credentials.
func (n *NetConn) Credentials() (cred Credentials, err error) {
	err = n.ask("credentials of", func() (err error) {
		cred, err = n.conn.Credentials()
		return err
	})
	return cred, err
}

// fault is an error of a method.
func (n *NetConn) fault(op string, err error) error {
	return &netError{fmt.Errorf("reactor: %s %v: %w", op, n.remote, err)}
}

// netError is an error as libraries expect it of a net.Conn: crypto/tls, for one, takes
// a deadline for the end of the connection if it cannot see otherwise without
// unwrapping.
type netError struct{ err error }

var _ net.Error = (*netError)(nil)

func (e *netError) Error() string { return e.err.Error() }

func (e *netError) Unwrap() error { return e.err }

// Timeout reports whether a deadline is over, or one of the connection's Timeouts.
func (e *netError) Timeout() bool { return errors.Is(e.err, os.ErrDeadlineExceeded) }

// Temporary reports whether a later deadline would do.
func (e *netError) Temporary() bool { return e.Timeout() && !errors.Is(e.err, ErrTimeout) }
