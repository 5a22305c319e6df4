//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"

	"example.com/iomux"
)

// secure is the TLS of one connection, between its socket and its handler. It is
// the standard crypto/tls, which takes two things for granted that a loop does not
// have: that a handshake may wait, so that runs as a coroutine (see handshake.go);
// and that a Write may wait, so what it writes always fits: it goes to the
// connection's output, and that stays in bounds because Conn.Write looks at the
// bounds first (see secure_write.go). Reading can be taken up again where it
// stopped: crypto/tls does not hold errors against a connection whose method
// Temporary says true.
//
// crypto/tls is given one whole record at a time. So what has not been decrypted
// lies here, where it is bounded and counted, and no half of a record waits where
// nobody sees it.
type secure struct {
	service           // the connection's own: the listener's, but for what TLS changes
	from     *service // the listener's, or the dial's
	conn     *Conn
	session  *tls.Conn
	wire     wire       // what session has for a socket
	co       *Coroutine // runs the handshake; nil: it has not begun, or is over
	shaken   error      // how the handshake ended
	kept     *input     // ciphertext that waits: for the rest of a record, or until it is read
	rest     []byte     // ciphertext that is left of what feed works on
	record   []byte     // of that, the record that crypto/tls is given
	plain    *chunk     // what was written and is not encrypted yet
	err      error      // what reading has come to; io.EOF: the peer's close_notify
	reason   error      // why this layer ends the connection; nil: it does not
	done     bool       // the handshake is over, and the handler has the connection
	admitted bool       // the handshake counts in handshakes.running
	feeding  bool       // feed runs
	posted   bool       // pump will run
	notified bool       // close_notify was sent
	eof      bool       // the peer's end of file came during the handshake
}

// Sizes of records: RFC 8446, 5.1 and 5.2, and RFC 5246, 6.2.3, which allows more.
const (
	recordHead = 5
	maxRecord  = recordHead + maxPlain + 2048
	maxPlain   = 16 << 10
)

// shakeTime is how long a handshake may take where Timeouts.Handshake does not say: a
// lost segment or two on the way round the earth, but no more for who says nothing.
const shakeTime = 10 * time.Second

// newSecure puts TLS under a connection whose service asks for it.
func newSecure(c *Conn, base *service) *secure {
	s := &secure{from: base, conn: c, service: service{
		loop: base.loop, listener: base.listener, unix: base.unix, unixAddr: base.unixAddr,
		timed: true, timeouts: Timeouts{Handshake: base.timeouts.Handshake},
	}}
	if s.timeouts.Handshake == 0 {
		s.timeouts.Handshake = shakeTime
	}
	s.tls, s.handler, s.wire.s = s, s, s
	if base.dial == nil {
		s.session = tls.Server(&s.wire, base.config)
	} else {
		s.session = tls.Client(&s.wire, base.config)
	}
	return s
}

// TLS tells what the handshake has agreed on, and who the peer is; nil: c does not
// use TLS.
func (c *Conn) TLS() *tls.ConnectionState {
	s := c.service.tls
	if s == nil || !s.done { // a handshake holds a lock while it waits
		return nil
	}
	state := s.session.ConnectionState()
	return &state
}

// whole is how long the record is that p begins with; 0: it is not all there. What
// cannot be a record is taken for one: crypto/tls knows what to answer.
func whole(p []byte) int {
	if len(p) < recordHead {
		return 0
	}
	const changeCipherSpec, applicationData = 20, 23
	size := recordHead + int(p[3])<<8 + int(p[4])
	switch {
	case p[0] < changeCipherSpec || p[0] > applicationData || p[1] != 3 || size > maxRecord:
		return len(p)
	case len(p) < size:
		return 0
	}
	return size
}

// feed takes in ciphertext, good during the call only.
func (s *secure) feed(p []byte) {
	if s.kept != nil {
		s.kept.buf = append(s.kept.buf, p...)
		p = s.kept.buf
	}
	s.rest, s.feeding = p, true
	s.advance()
	s.feeding = false
	s.keep()
}

// advance goes as far as the ciphertext at hand lets it, and the handler, which may
// stop reading.
func (s *secure) advance() {
	for s.conn.reading() {
		switch n := whole(s.rest); {
		case s.co != nil && s.co.over:
			s.established()
		case s.err != nil:
			s.stop()
		case n == 0:
			return
		case s.done:
			s.decrypt()
		case s.co == nil && !s.enter():
			return
		default:
			s.next(n)
			s.shake()
		}
	}
}

// next makes the first n bytes at hand the record for crypto/tls.
func (s *secure) next(n int) { s.record, s.rest = s.rest[:n], s.rest[n:] }

// decrypt brings the handler what the records at hand hold, all in one call if they
// fit the buffer: as read(2) would without TLS.
func (s *secure) decrypt() {
	l := s.loop
	if l.plain == nil {
		l.plain = make([]byte, readSize)
	}
	n := 0
	for s.err == nil && len(l.plain)-n >= maxPlain {
		size := whole(s.rest)
		if size == 0 {
			break
		}
		s.next(size)
		k, err := s.session.Read(l.plain[n:])
		n += k
		if err != errWouldBlock { //nolint:errorlint // it is never wrapped, and each message ends with it
			s.err = err
		}
	}
	if n > 0 {
		s.conn.deliver(l.plain[:n])
	}
}

// stop is called when no more plaintext will come.
func (s *secure) stop() {
	if c := s.conn; errors.Is(s.err, io.EOF) {
		if c.endInput(); c.draining && !c.busy {
			c.Close()
		}
		return
	}
	s.fail(fmt.Errorf("reactor: read from %v: %w", s.conn.name(), s.err))
}

// cut is told of the socket's end of file. If the peer has not sent close_notify,
// somebody else may have made that end, and what was to come is not known. What waits
// to be sent is sent.
func (s *secure) cut() {
	c := s.conn
	if s.due() {
		if s.feed(nil); s.due() || !c.reading() {
			return // the end is still there when reading goes on
		}
	}
	switch {
	case s.done:
		c.ended, s.half = true, nil
		s.reason = fmt.Errorf("reactor: read from %v: %w", c.name(), io.ErrUnexpectedEOF)
	case s.co == nil:
		s.fail(s.shakeError(io.ErrUnexpectedEOF))
	case s.co.waits == forInput:
		s.eof, s.feeding = true, true
		s.shake()
		s.advance()
		s.feeding = false
	}
}

// fail ends the connection. An alert that crypto/tls has written is sent, and the
// peer given the time to see it.
func (s *secure) fail(err error) {
	s.reason = err
	if s.conn.out.len() == 0 {
		s.conn.finish(err)
		return
	}
	s.conn.Close()
}

// keep holds the ciphertext that is left until there is more, or until reading goes on.
func (s *secure) keep() {
	rest := s.rest
	s.rest, s.record = nil, nil
	switch {
	case s.conn.state != connOpen || s.err != nil || len(rest) == 0:
		s.dropKept()
		return
	case s.kept == nil:
		s.kept = s.loop.inputs.get()
		s.kept.since = s.loop.now()
	case len(rest) < len(s.kept.buf):
		s.kept.since = s.loop.now()
	}
	s.kept.buf = append(s.kept.buf[:0], rest...) // they may overlap: append moves, as copy does
}

func (s *secure) dropKept() {
	if s.kept != nil {
		s.loop.inputs.put(s.kept)
		s.kept = nil
	}
}

// drop gives back what a connection holds that has ended.
func (s *secure) drop() {
	s.dropKept()
	if s.plain != nil {
		s.loop.pool.put(s.plain)
		s.plain = nil
	}
	s.rest, s.record = nil, nil
}

// settled is called when the connection has been brought in line, and want is what
// the selector will watch for. No event tells of ciphertext that is here already.
func (s *secure) settled(want iomux.Events) {
	c := s.conn
	if s.feeding || !c.reading() {
		return
	}
	if s.kept != nil && want&^c.interest&iomux.Readable != 0 {
		s.kept.since = s.loop.now() // the pause was not the peer's
	}
	if !s.posted && s.due() {
		s.posted = true
		_ = c.Post(s.pump) // the loop takes functions while it has connections
	}
}

// due reports whether there is something to do without more from the socket.
func (s *secure) due() bool {
	return s.err != nil || s.co != nil && s.co.over || s.kept != nil && whole(s.kept.buf) > 0
}

// pump goes on where reading had stopped.
func (s *secure) pump() {
	s.posted = false
	if s.conn.reading() && s.due() {
		s.feed(nil)
	}
}
