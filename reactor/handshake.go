//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// Awaiter can wait for what blocks without holding up its loop. A Coroutine is one,
// and so is the Conn of the tls.ClientHelloInfo that callbacks of a listener's
// tls.Config get: a handshake runs on the loop, and a callback that would block it,
// because it asks a key server for a signature or a disk for a certificate, does that
// by Await. It is good until the handshake is over.
type Awaiter interface {
	// Await runs f beside the loop and returns what f does; see Coroutine.Await.
	Await(f func() error) error
}

// Opened implements Handler for the time of the handshake.
func (s *secure) Opened(*Conn) {
	if s.from.dial == nil {
		return // the client speaks first
	}
	s.feeding = true
	s.shake()
	s.feeding = false
	if s.co.over {
		s.established()
	}
}

// Data implements Handler, and is not called: feed takes what comes.
func (*secure) Data(_ *Conn, p []byte) int { return len(p) }

// Closed implements Handler, for a connection that ends before the handshake does.
func (s *secure) Closed(_ *Conn, err error) {
	if err == nil {
		err = ErrClosed
	}
	s.reason = err
	s.loop.counts.HandshakeErrors++
	s.leave()
	if d := s.from.dial; d != nil {
		defer d.fail(err)
	}
	if s.co != nil && s.co.waits == forInput {
		s.co.resume() // to its end
	}
}

// shake runs the handshake up to where it needs another record, or waits for a
// callback of the user's.
//
// All of it runs on the loop, the signature too. On a worker, by Await, that of an RSA
// key of 2048 bits would hold the loop for 0.6 ms a handshake instead of 2.0 (on two
// busy processors), and one loop beside an idle processor makes half as many
// handshakes more; but with a loop on each processor there are not more of them, and
// the loops wait for a processor behind the workers: another connection's echo took
// 15 ms instead of 2. Of an ECDSA key the signature is a tenth of the work.
func (s *secure) shake() {
	if s.co != nil {
		s.co.resume()
		return
	}
	s.co = &Coroutine{}
	began := s.loop.now()
	s.loop.begin(s.co, s.conn, func(*Coroutine) {
		c := s.conn
		c.busy = true
		s.shaken = s.session.Handshake()
		c.busy = false
		if c.draining && !s.feeding {
			_ = c.Post(c.drain) // the loop takes functions while it has connections
		}
	})
	if s.admitted {
		s.loop.handshakes.spent += s.loop.now() - began
	}
}

// established hands the connection to its handler, if the handshake has come to a
// good end.
func (s *secure) established() {
	c, d := s.conn, s.from.dial
	s.co = nil
	s.leave()
	if s.shaken != nil {
		err := s.shakeError(s.shaken)
		if d != nil {
			d.conn = nil // which says what was wrong
			defer d.fail(err)
		}
		s.fail(err)
		return
	}
	s.done = true
	s.loop.counts.Handshakes++
	s.service = *s.from
	s.tls, s.derived, s.dial, s.from = s, nil, nil, nil
	c.active = s.loop.now()
	if d != nil {
		d.finish()
	}
	s.handler.Opened(c)
}

// shakeError is what a handshake has failed with.
func (s *secure) shakeError(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // that the socket has ended is no good end of this
	}
	return fmt.Errorf("reactor: TLS handshake with %v: %w", s.conn.name(), err)
}

// wire is what crypto/tls has for a connection: its methods are called by that, on
// the loop or, during the handshake, by the coroutine.
type wire struct{ s *secure }

var _ net.Conn = (*wire)(nil)

// errWouldBlock tells crypto/tls to come back when there is another record.
var errWouldBlock net.Error = wouldBlock{}

type wouldBlock struct{}

func (wouldBlock) Error() string   { return "the record is not there yet" }
func (wouldBlock) Timeout() bool   { return false }
func (wouldBlock) Temporary() bool { return true } // which crypto/tls asks

// Read reads of the record at hand. During the handshake it waits for the next.
func (w *wire) Read(p []byte) (int, error) {
	s := w.s
	for len(s.record) == 0 {
		switch {
		case s.done:
			return 0, errWouldBlock
		case s.reason != nil:
			return 0, s.reason
		case s.eof:
			return 0, io.EOF
		}
		if err := s.await(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.record)
	s.record = s.record[n:]
	return n, nil
}

// await waits for the peer. Who only waits for that is ended by a shutdown.
func (s *secure) await() error {
	c := s.conn
	c.busy = false
	if c.draining {
		_ = c.Post(c.drain) // the loop takes functions while it has connections
	}
	err := s.co.wait(forInput, 0)
	c.busy = true
	return err
}

// Write adds ciphertext to what the connection has to send.
func (w *wire) Write(p []byte) (int, error) {
	c := w.s.conn
	if c.state == connDead {
		return 0, fmt.Errorf("reactor: write to %v: %w", c.name(), ErrClosed)
	}
	c.out.append(&c.loop().pool, p)
	return len(p), nil
}

// Await implements Awaiter. What the peer sends meanwhile waits in the kernel.
func (w *wire) Await(f func() error) error {
	c, co := w.s.conn, w.s.co
	if co == nil || c.loop().inside != co {
		return fmt.Errorf("reactor: await: %w", ErrCoroutine)
	}
	c.paused = true
	err := co.Await(f)
	c.paused = false
	return err
}

// Close is not called: the loop closes.
func (w *wire) Close() error { return nil }

// LocalAddr implements net.Conn.
func (w *wire) LocalAddr() net.Addr { return w.s.conn.LocalAddr() }

// RemoteAddr implements net.Conn.
func (w *wire) RemoteAddr() net.Addr { return w.s.conn.RemoteAddr() }

// SetDeadline is for who could wait. crypto/tls sets one around close_notify.
func (w *wire) SetDeadline(time.Time) error { return nil }

// SetReadDeadline likewise.
func (w *wire) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline likewise.
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
