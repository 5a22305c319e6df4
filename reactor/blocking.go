//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"io"
)

// Blocking is a Handler that runs serve for each connection, as a coroutine on its
// loop, from when it opens: code that reads and writes as if it had a thread of its
// own, while it holds up nobody and needs no lock. When serve returns, what it wrote
// is sent and the connection closed; an error is logged, at level debug. When the
// connection ends before, what serve waits for fails, so that it can return. A panic
// of serve's ends the connection.
//
// While the group shuts down, a connection ends when its serve returns or waits for
// input that has not come.
//
// Over a unixpacket address a Stream reads the messages one behind the other, without
// their bounds.
//
// A coroutine has a stack, some kilobytes for as long as it waits. See also
// [BlockingOnInput].
func Blocking(serve func(s *Stream) error) Handler { return &blocking{serve: serve} }

// BlockingOnInput is Blocking for many connections that are mostly silent: serve
// begins when there is something to read, and when it returns nil the connection stays
// open, without a coroutine until there is more; what serve left unread is the
// beginning of that. It is closed when serve returns an error, io.EOF for one, or the
// peer has ended it.
func BlockingOnInput(serve func(s *Stream) error) Handler {
	return &blocking{serve: serve, onInput: true}
}

// blocking keeps the Stream of a connection, while there is one, as its context.
type blocking struct {
	serve   func(*Stream) error
	onInput bool
}

// Opened implements Handler.
func (b *blocking) Opened(c *Conn) {
	if !b.onInput {
		b.begin(c, nil)
	}
}

// begin starts a coroutine with p to read.
func (b *blocking) begin(c *Conn, p []byte) *Stream {
	s := &Stream{conn: c, data: p, inCall: len(p) > 0}
	c.context = s
	c.busy = true
	c.loop().begin(&s.Coroutine, c, func(*Coroutine) { b.run(s) })
	return s
}

// run is what the coroutine does.
func (b *blocking) run(s *Stream) {
	err := b.serve(s)
	c := s.conn
	c.busy = false
	c.context = nil
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, ErrClosed) && c.state != connDead {
		c.loop().debug("served", c, err)
	}
	if err != nil || !b.onInput || c.draining || c.state != connOpen || c.ended && len(s.data) == 0 {
		c.Close()
		return
	}
	if s.held { // the rest is for the next coroutine
		s.letGo()
	}
	c.ResumeReading()
}

// Data implements Handler.
func (b *blocking) Data(c *Conn, p []byte) (used int) {
	s, ok := c.context.(*Stream)
	switch {
	case !ok:
		s = b.begin(c, p)
	case s.waits == forInput:
		s.data, s.inCall = p, true
		s.resume()
	default: // it is busy with something else
		c.PauseReading()
		return 0
	}
	// One that has ended and left something begins anew with that, unless it has read
	// nothing, as one may that wants more than there is.
	for s.over && c.state == connOpen && len(s.data) > 0 && len(s.data) < len(p)-used {
		used = len(p) - len(s.data)
		s = b.begin(c, p[used:])
	}
	used = len(p) - len(s.data)
	s.data, s.inCall = nil, false
	if used < len(p) && !s.over && s.waits != forInput {
		c.PauseReading()
	}
	return used
}

// HalfClosed implements HalfCloser.
func (*blocking) HalfClosed(c *Conn) {
	s, ok := c.context.(*Stream)
	switch {
	case !ok:
		c.Close()
	case s.waits == forInput:
		s.resume()
	}
}

// Drained implements Drainer.
func (*blocking) Drained(c *Conn) {
	if s, ok := c.context.(*Stream); ok && s.waits == forRoom {
		s.resume()
	}
}

// Closed implements Handler.
func (*blocking) Closed(c *Conn, err error) {
	s, ok := c.context.(*Stream)
	if !ok {
		return
	}
	s.data = nil
	switch {
	case err == nil:
		s.reason = s.fault("use", ErrClosed)
	case errors.Is(err, io.EOF): // as io.Reader wants it
		s.reason = io.EOF
	default:
		s.reason = &netError{err}
	}
	if s.waits == forInput || s.waits == forRoom || s.waits == forTime {
		s.resume()
	}
}
