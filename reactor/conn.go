//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"io"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// Conn is a connection. It belongs to one loop, on whose goroutine alone its
// methods may be called, but for Post and Loop. An idle one holds no buffer.
type Conn struct {
	loop    *Loop
	handler Handler
	context any
	remote  netip.AddrPort

	fd       int32
	index    int32        // in loop.conns
	interest iomux.Events // what the selector watches for; 0: not registered
	state    connState
	paused   bool // by PauseReading
	choked   bool // too much output waits; see Options.HighWater
	blocked  bool // the kernel took less than it was given: wait until Writable
	ended    bool // the peer has sent its end of file
	draining bool // the loop ends: close when there is no more input
	sending  bool // and there was some since
	dirty    bool // in loop.dirty

	in     []byte // input that Data did not use
	out    output // what waits to be sent
	reason error  // for Closed
}

type connState uint8

const (
	connOpen    connState = iota
	connClosing           // Close was called: send what waits, then hang up
	connLinger            // all is sent; wait for the peer to see it, see hangUp
	connDead              // out of the selector; Closed and close(2) come at the end of the turn
)

// ready is called with what the selector found. Input comes before errors and
// errors before output: what a peer sent before it hung up is delivered.
func (c *Conn) ready(events iomux.Events, raw iomux.Raw) {
	if c.state == connDead {
		return // an earlier callback of this batch ended it
	}
	c.loop.current = c
	if c.state == connLinger {
		c.discard()
		return
	}
	if events&iomux.Readable != 0 && c.reading() {
		c.read(raw&(iomux.RawRdHup|iomux.RawHup) != 0)
	}
	if events&iomux.Writable != 0 {
		c.blocked = false
	}
	c.settle()
}

// reading reports whether input is wanted.
func (c *Conn) reading() bool {
	return c.state == connOpen && !c.paused && !c.choked && !c.ended
}

// read takes what has arrived to the handler. One read is enough where it did
// not fill the buffer, unless the peer has hung up: then the end of file is
// next, and looking for it now saves a turn.
func (c *Conn) read(hungUp bool) {
	buf := c.loop.readBuf
	for range readsPerEvent {
		n, errno := sys.Read(int(c.fd), buf)
		switch {
		case errno == unix.EAGAIN:
			if c.draining {
				c.Close()
			}
			return
		case errno == unix.EINTR:
			continue
		case errno != 0:
			c.fail("read", errno)
			return
		case n == 0:
			c.ended = true
			c.reason = io.EOF
			return
		}
		c.sending = c.draining
		c.deliver(buf[:n])
		if c.out.size > c.loop.options.HighWater {
			c.settle() // perhaps the kernel takes it; if not, reading ends here
		}
		if !c.reading() || n < len(buf) && !hungUp && !c.draining {
			return
		}
	}
}

// deliver gives p, behind what Data left last time, to Data.
func (c *Conn) deliver(p []byte) {
	if c.in != nil {
		c.in = append(c.in, p...)
		p = c.in
	}
	used := c.handler.Data(c, p)
	switch {
	case used < 0 || used > len(p):
		panic(fmt.Sprintf("Data returned %d for %d bytes", used, len(p)))
	case c.state == connDead: // finish has released the rest
	case used == len(p) || c.state == connClosing:
		c.dropInput()
	case len(p)-used > c.loop.options.ReadLimit:
		c.finish(fmt.Errorf("reactor: read from %v: %w (%d bytes)", c.remote, ErrReadLimit, c.loop.options.ReadLimit))
	default:
		if c.in == nil {
			c.in = c.loop.inputs.get()
		}
		c.in = append(c.in[:0], p[used:]...) // p may be c.in itself: append moves, as copy does
	}
}

// dropInput gives the buffer of unused input back, if there is one.
func (c *Conn) dropInput() {
	if c.in != nil {
		c.loop.inputs.put(c.in)
		c.in = nil
	}
}

// Write sends p, or keeps a copy of what cannot be sent yet: it neither blocks
// nor holds on to p. Small writes are gathered and go out in one system call
// when the callback is over; a large one goes at once, behind what was gathered.
// It returns len(p), or 0 and an error: ErrClosed, the kernel's, or
// ErrWriteLimit, which closes the connection: what the kernel does not take of a
// Write must fit Options.WriteLimit.
func (c *Conn) Write(p []byte) (int, error) {
	if c.state != connOpen {
		return 0, fmt.Errorf("reactor: write to %v: %w", c.remote, ErrClosed)
	}
	rest := p
	if size := c.out.size + len(p); !c.blocked && (size >= directSize || size > c.loop.options.WriteLimit) {
		rest = p[c.send(p):]
	}
	if c.state == connOpen && c.out.size+len(rest) > c.loop.options.WriteLimit {
		c.finish(fmt.Errorf("reactor: write to %v: %w (%d bytes)", c.remote, ErrWriteLimit, c.loop.options.WriteLimit))
	}
	if c.state == connDead {
		return 0, c.reason
	}
	c.out.append(&c.loop.pool, rest)
	c.touch()
	return len(p), nil
}

// touch has the loop settle c at the end of the turn, where c is not the
// connection whose callback runs: that one is settled when it returns.
func (c *Conn) touch() {
	if c.loop.current != c && !c.dirty {
		c.dirty = true
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// settle brings the connection in line with what callbacks did to it: flush,
// finish if that was asked for, stop or resume reading, and tell the selector.
func (c *Conn) settle() {
	if c.state == connDead {
		return
	}
	if c.draining && c.paused {
		c.Close() // nobody will read the rest
	}
	if c.out.size > 0 && !c.blocked {
		c.send(nil)
	}
	switch {
	case c.state == connDead:
		return
	case c.state == connLinger:
		return
	case c.out.size == 0 && c.ended:
		c.finish(c.reason)
		return
	case c.out.size == 0 && c.state == connClosing:
		c.hangUp()
		return
	case c.out.size > c.loop.options.HighWater:
		c.choked = true
	case c.choked && c.out.size <= c.loop.options.LowWater:
		c.choked = false
		if c.draining { // what came meanwhile may be all, and no event tells of nothing
			_ = c.Post(c.drain) // the loop takes functions while it has connections
		}
	}
	var want iomux.Events
	if c.reading() {
		want = iomux.Readable
	}
	if c.blocked {
		want |= iomux.Writable
	}
	if want != c.interest {
		c.watch(want)
	}
}

// watch makes want the interest. The only place that changes it.
func (c *Conn) watch(want iomux.Events) {
	sel, fd := c.loop.sel, int(c.fd)
	var err error
	switch {
	case want == 0:
		_, err = sel.Unregister(fd)
	case c.interest == 0:
		_, err = sel.Register(fd, want, c)
	default:
		_, err = sel.SetEvents(fd, want)
	}
	c.interest = want
	if err != nil {
		c.interest = 0 // a selector that refuses has forgotten the descriptor
		c.finish(fmt.Errorf("reactor: watch %v: %w", c.remote, err))
	}
}

// send gives the kernel what waits and then p, and returns how many bytes of p
// it took. What it does not take of the waiting bytes stays; blocked says that
// the socket is full.
func (c *Conn) send(p []byte) (taken int) {
	for c.out.size > 0 || len(p) > 0 {
		waiting := c.out.size
		n, offered, errno := c.offer(p)
		switch {
		case errno == unix.EINTR:
			continue
		case errno == unix.EAGAIN:
			c.blocked = true
			return taken
		case errno != 0:
			c.fail("write", errno)
			return taken
		}
		fromOut := min(n, waiting)
		c.out.sent(&c.loop.pool, fromOut)
		taken += n - fromOut
		p = p[n-fromOut:]
		if n < offered { // the next call would only say EAGAIN
			c.blocked = true
			return taken
		}
	}
	return taken
}

// offer makes the one system call of send, with as many pieces as it takes.
func (c *Conn) offer(p []byte) (n, offered int, errno sys.Errno) {
	if c.out.head == nil {
		n, errno = sys.Write(int(c.fd), p)
		return n, len(p), errno
	}
	if head := c.out.head; head.next == nil && len(p) == 0 {
		n, errno = sys.Write(int(c.fd), head.buf[head.r:head.w])
		return n, head.w - head.r, errno
	}
	pieces := c.out.pieces(c.loop.pieces[:0])
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

// PauseReading stops reading until ResumeReading; what the peer sends waits in
// the kernel, which in time stops the peer. Neither its end of file nor a reset
// is noticed meanwhile, unless output waits.
func (c *Conn) PauseReading() {
	c.paused = true
	c.touch()
}

// ResumeReading undoes PauseReading. What Data left unused comes back with the
// next input, not before.
func (c *Conn) ResumeReading() {
	c.paused = false
	c.touch()
}

// Buffered is how many written bytes the kernel has not taken yet.
func (c *Conn) Buffered() int { return c.out.size }

// SetContext keeps a value of the handler's with the connection.
func (c *Conn) SetContext(v any) { c.context = v }

// Context is what SetContext was given, nil before that.
func (c *Conn) Context() any { return c.context }

// RemoteAddr is the peer's address. It stays known after the end.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// LocalAddr is this side's address, nil once the connection is closed.
func (c *Conn) LocalAddr() net.Addr {
	if c.fd < 0 {
		return nil
	}
	addr, errno := sys.Getsockname(int(c.fd))
	if errno != 0 {
		return nil
	}
	return net.TCPAddrFromAddrPort(addr)
}

// Loop is the loop that c belongs to. Any goroutine may call it.
func (c *Conn) Loop() *Loop { return c.loop }

// Post has f run on c's loop, in c's name: should it panic, c is closed. Any
// goroutine may call it. ErrClosed: the loop has ended, and f will not run.
func (c *Conn) Post(f func()) error { return c.loop.post(posted{c, f}) }
