//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import "fmt"

// sealSize is how much of a large Write is encrypted before the kernel is given it:
// enough that the system calls do not show beside the encryption, and little enough
// to stay in the processor's cache.
const sealSize = 4 * chunkSize

// write is Conn.Write. Limits are compared with the plaintext of this Write and the
// ciphertext of those before: a record adds some thirty bytes, and the first ones of
// a connection are short (see tls.Config.DynamicRecordSizingDisabled), so that up to
// three in a hundred may come on top.
func (s *secure) write(p []byte) (int, error) {
	c, o := s.conn, s.conn.options()
	for rest := p; len(rest) > 0; {
		over := c.Buffered()+len(rest) > o.WriteLimit
		if over && !c.blocked {
			s.seal()
			c.send(nil)
			over = c.Buffered()+len(rest) > o.WriteLimit
		}
		if c.state != connOpen {
			return 0, s.ended()
		}
		if over && c.blocked {
			err := fmt.Errorf("reactor: write to %v: %w (%d bytes)", c.name(), ErrWriteLimit, o.WriteLimit)
			if o.Overflow == Refuse && len(rest) == len(p) { // a torn message would be no message
				c.owe()
			} else {
				c.finish(err)
			}
			return 0, err
		}
		n := min(len(rest), sealSize, o.WriteLimit)
		s.gather(rest[:n])
		rest = rest[n:]
		if c.out.len() >= directSize && !c.blocked && (c.out.len() >= sealSize || len(rest) == 0) {
			c.send(nil)
		}
	}
	if c.state != connOpen {
		return 0, s.ended()
	}
	c.touch()
	return len(p), nil
}

// ended is why a Write that has ended the connection has failed.
func (s *secure) ended() error {
	if s.reason != nil {
		return s.reason
	}
	return s.conn.reason()
}

// gather encrypts what fills records, and keeps what does not until flush: what a
// callback writes becomes one record and one system call.
func (s *secure) gather(p []byte) {
	for len(p) > 0 {
		if s.plain == nil && len(p) >= chunkSize {
			s.encrypt(p[:chunkSize])
			p = p[chunkSize:]
			continue
		}
		s.widen(len(p))
		n := copy(s.plain.buf[s.plain.w:], p)
		s.plain.w += n
		p = p[n:]
		if s.plain.w == chunkSize {
			s.seal()
		}
	}
}

// widen has what is gathered be where there is room for more, of n bytes.
func (s *secure) widen(n int) {
	pool, small := &s.loop.pool, s.plain
	switch {
	case small == nil:
		s.plain = pool.get(n)
	case small.w+n > len(small.buf) && len(small.buf) < chunkSize:
		s.plain = pool.get(chunkSize)
		s.plain.w = copy(s.plain.buf, small.buf[:small.w])
		pool.put(small)
	}
}

// seal encrypts what is gathered.
func (s *secure) seal() {
	if g := s.plain; g != nil {
		s.plain = nil
		s.encrypt(g.buf[:g.w])
		s.loop.pool.put(g)
	}
}

// encrypt adds p to the output. It fails if reading has, which crypto/tls has told the
// peer by an alert: what handlers answer to the records before the bad one comes too
// late.
func (s *secure) encrypt(p []byte) {
	_, err := s.session.Write(p)
	switch {
	case err == nil || s.conn.state != connOpen:
	case s.err != nil:
		s.stop()
	default:
		s.conn.finish(fmt.Errorf("reactor: write to %v: %w", s.conn.name(), err))
	}
}

// flush encrypts what was written, and behind the last of it tells the peer that it
// is the last: without close_notify an end of file could be anybody's.
func (s *secure) flush() {
	s.seal()
	c := s.conn
	if c.shut || c.state == connClosing {
		s.notify()
	}
}

// notify sends close_notify, once. There is none before a session, nor after an alert.
func (s *secure) notify() {
	if s.done && !s.notified && s.reason == nil {
		s.notified = true
		_ = s.session.CloseWrite() // an earlier failure has ended the connection
	}
}

// answerEnd is called when the peer has sent all, and this side too. It reports whether
// close_notify has still to be sent.
func (s *secure) answerEnd() bool {
	c := s.conn
	if s.notify(); !c.blocked {
		c.send(nil)
	}
	return c.state == connOpen && c.out.len() > 0
}
