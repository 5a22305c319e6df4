//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
	"unsafe"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// Conn is a connection. It belongs to one loop, on whose goroutine alone its
// methods may be called, but for Post and Loop. An idle one holds no buffer, and
// takes 112 bytes: the order of the fields is the one that wastes none.
type Conn struct {
	service *service
	context any
	in      *input // what Data did not use; nil for nothing
	out     output // what waits to be sent

	ip     netip.Addr    // the peer's; the zero Addr of a Unix socket
	active time.Duration // when something last went either way, as far as a timeout asks
	fd     int32         // -1 once closed
	index  int32         // in loop.conns
	alarm  int32         // in loop.alarms
	port   uint16        // the peer's

	interest iomux.Events // what the selector watches for; 0: not registered
	state    connState
	paused   bool // by PauseReading
	choked   bool // too much output waits; see Options.HighWater
	blocked  bool // the kernel took less than it was given: wait until Writable
	ended    bool // the peer has sent its end of file
	shut     bool // CloseWrite was called
	finSent  bool // and the peer has been sent the end of file
	draining bool // the loop ends: close when there is no more input
	sending  bool // and there was some since
	greeted  bool // Data has used something
	progress bool // bytes have gone either way in this callback
	dirty    bool // in loop.dirty
	abort    bool // reset the connection instead of ending it
	busy     bool // a coroutine or goroutine is at work, for which the end of the group waits
	again    bool // what Data left unused is to be brought to it again
	unsure   bool // it lingers only until the peer's kernel has confirmed all
}

type connState uint8

const (
	connOpen    connState = iota
	connClosing           // Close was called: send what waits, then hang up
	connLinger            // all is sent; wait for the peer to see it, see hangUp
	connDead              // out of the selector; Closed and close(2) come at the end of the turn
)

// serveBy gives the connection another service, of the same loop. Other goroutines may
// look at that meanwhile, by shared: an atomic.Pointer would have the loop's goroutine,
// the only one that changes it, load it atomically a dozen times a message.
func (c *Conn) serveBy(s *service) {
	atomic.StorePointer((*unsafe.Pointer)(unsafe.Pointer(&c.service)), unsafe.Pointer(s))
}

// shared is the service, for other goroutines.
func (c *Conn) shared() *service {
	return (*service)(atomic.LoadPointer((*unsafe.Pointer)(unsafe.Pointer(&c.service))))
}

// loop is Loop, for inside.
func (c *Conn) loop() *Loop { return c.service.loop }

// options are the group's.
func (c *Conn) options() *Options { return c.service.loop.options }

// ready is called with what the selector found. Input comes before errors and
// errors before output: what a peer sent before it hung up is delivered.
func (c *Conn) ready(events iomux.Events, raw iomux.Raw) {
	if c.state == connDead {
		return // an earlier callback of this batch ended it
	}
	c.service.loop.current = c
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
	// A NetConn reads while it writes, for its goroutines do both; it keeps its output
	// within the mark by itself, as far as messages and TLS let it.
	// What is to be brought again comes first: else a handler that pauses after each
	// message would have a read's worth more left each time.
	return c.state == connOpen && !c.paused && !c.again && (!c.choked || c.service.threaded != nil) && !c.ended
}

// settle brings the connection in line with what callbacks did to it: flush,
// finish if that was asked for, stop or resume reading, set the alarm, and tell
// the selector.
func (c *Conn) settle() {
	if c.state == connDead {
		return
	}
	if c.draining && c.paused && !c.busy {
		c.Close() // nobody will read the rest
	}
	s := c.service.tls
	if s != nil {
		s.flush()
	}
	if c.out.len() > 0 && !c.blocked {
		c.send(nil)
	}
	if c.out.len() == 0 {
		// Nothing waits, so nothing is waited for; a refused Write may have
		// left it otherwise.
		c.blocked = false
		c.out.clear(&c.loop().pool)
		if c.quit() {
			return
		}
	}
	if c.state == connDead {
		return
	}
	c.level()
	if c.out.len() > 0 || c.out.held > 0 || c.in != nil || s != nil {
		c.account()
	}
	var want iomux.Events
	if c.reading() || c.state == connLinger {
		want = iomux.Readable
	}
	if c.blocked {
		want |= iomux.Writable
	}
	if c.in != nil && want&^c.interest&iomux.Readable != 0 && c.service.timeouts.Read > 0 {
		c.in.since = c.loop().now() // the pause was not the peer's
	}
	if s != nil {
		s.settled(want)
	}
	if c.service.timed || c.state != connOpen {
		if c.progress && (c.greeted || c.service.timeouts.Handshake == 0) {
			c.active = c.loop().now()
		}
		c.arm()
	}
	c.progress = false
	if want != c.interest && c.state != connDead {
		c.watch(want)
	}
}

// quit does what was to be done when all is sent, and reports whether that was
// the end.
func (c *Conn) quit() (over bool) {
	if c.shut && !c.finSent && c.state == connOpen {
		c.sendEnd()
	}
	switch {
	case c.state == connOpen && c.ended && (c.finSent || c.service.half == nil):
		if s := c.service.tls; s != nil && s.answerEnd() {
			return false
		}
		c.finish(io.EOF)
	case c.state == connClosing:
		c.hangUp()
	}
	return c.state == connDead
}

// level stops reading from a connection too much of whose output waits, and
// begins again when enough of it is sent.
func (c *Conn) level() {
	switch {
	case c.out.len() > c.options().HighWater:
		c.choked = true
	case c.choked && c.out.len() <= c.options().LowWater:
		c.choked = false
		if c.again {
			_ = c.Post(c.redeliver) // the loop takes functions while it has connections
		} else if c.draining { // what came meanwhile may be all, and no event tells of nothing
			_ = c.Post(c.drain) // the loop takes functions while it has connections
		}
		if c.service.drainer != nil && c.state == connOpen {
			_ = c.Post(c.drained) // not here: it writes, and would come back here
		}
	}
}

func (c *Conn) drained() {
	if c.state == connOpen && !c.choked {
		c.service.drainer.Drained(c)
	}
}

// watch makes want the interest. The only place that changes it.
func (c *Conn) watch(want iomux.Events) {
	l, fd := c.loop(), int(c.fd)
	var err error
	l.counts.Watches++
	switch {
	case want == 0:
		_, err = l.sel.Unregister(fd)
		l.unwatch()
	case c.interest == 0:
		_, err = l.sel.Register(fd, want, c)
		l.unwatched--
	default:
		_, err = l.sel.SetEvents(fd, want)
	}
	c.interest = want
	if err != nil {
		if want != 0 {
			l.unwatched++ // a selector that refuses has forgotten the descriptor
		}
		c.interest = 0
		c.finish(fmt.Errorf("reactor: watch %v: %w", c.name(), err))
	}
}

// touch has the loop settle c at the end of the turn, where c is not the
// connection whose callback runs: that one is settled when it returns.
func (c *Conn) touch() {
	if l := c.loop(); l.current != party(c) && !c.dirty {
		c.dirty = true
		l.dirty = append(l.dirty, c)
	}
}

// tidy settles c at the end of the turn.
func (c *Conn) tidy() {
	c.dirty = false
	c.settle()
}

// PauseReading stops reading until ResumeReading; what the peer sends waits in
// the kernel, which in time stops the peer. Its end of file is not noticed
// meanwhile; that it is gone altogether is, within a second.
func (c *Conn) PauseReading() {
	c.paused = true
	c.touch()
}

// ResumeReading undoes PauseReading. What Data left unused before the pause is
// brought to it again soon, with more behind it or not: the pause may have been what
// kept Data from using it.
func (c *Conn) ResumeReading() {
	if c.paused && c.in != nil {
		c.again = true
		_ = c.Post(c.redeliver) // the loop takes functions while it has connections
	}
	c.paused = false
	c.touch()
}

func (c *Conn) redeliver() {
	if c.choked && c.service.threaded == nil {
		return // level comes here again
	}
	c.again = false
	if c.draining {
		_ = c.Post(c.drain) // which may have waited for this
	}
	if c.in != nil && c.state == connOpen && !c.paused {
		c.deliver(nil)
	}
}

// Buffered is how many written bytes the kernel has not taken yet.
func (c *Conn) Buffered() int {
	n := c.out.len()
	if s := c.service.tls; s != nil && s.plain != nil {
		n += s.plain.w
	}
	return n
}

// SetContext keeps a value of the handler's with the connection.
func (c *Conn) SetContext(v any) { c.context = v }

// Context is what SetContext was given, nil before that.
func (c *Conn) Context() any { return c.context }

// SetOptions sets options of the socket; those left zero stay as they are.
// Errors: ErrClosed, ErrOption, errors.ErrUnsupported, and the kernel's.
func (c *Conn) SetOptions(o SocketOptions) error {
	if c.fd < 0 {
		return fmt.Errorf("reactor: options of %v: %w", c.name(), ErrClosed)
	}
	if err := o.apply(int(c.fd), c.service.kind(c.ip)); err != nil {
		return fmt.Errorf("reactor: options of %v: %w", c.name(), err)
	}
	return nil
}

// Credentials are those of the process at the other end of a Unix socket, when it
// connected or listened: SO_PEERCRED (unix(7)) and its like. Errors: ErrClosed;
// ENOTSUP and errors.ErrUnsupported where the system does not tell.
func (c *Conn) Credentials() (Credentials, error) {
	if c.fd < 0 {
		return Credentials{}, fmt.Errorf("reactor: credentials of %v: %w", c.name(), ErrClosed)
	}
	cred, errno := sys.PeerCredentials(int(c.fd))
	if errno != 0 {
		return cred, fmt.Errorf("reactor: credentials of %v: %w", c.name(), errno)
	}
	return cred, nil
}

// RemoteAddr is the peer's address; of a Unix socket's peer, which has none, that
// of the server. It stays known after the end.
func (c *Conn) RemoteAddr() net.Addr {
	if c.service.unix != "" {
		return c.service.unixAddr
	}
	return net.TCPAddrFromAddrPort(c.peer())
}

// peer is the address of an internet peer.
func (c *Conn) peer() netip.AddrPort { return netip.AddrPortFrom(c.ip, c.port) }

// name is the peer in messages.
func (c *Conn) name() string { return c.service.name(c.peer()) }

// LocalAddr is this side's address, nil once the connection is closed.
func (c *Conn) LocalAddr() net.Addr {
	if c.fd < 0 {
		return nil
	}
	if c.service.unix != "" {
		return c.service.unixAddr
	}
	addr, errno := sys.Getsockname(int(c.fd))
	if errno != 0 {
		return nil
	}
	return net.TCPAddrFromAddrPort(addr)
}

// Loop is the loop that c belongs to. Any goroutine may call it.
func (c *Conn) Loop() *Loop { return c.shared().loop }

// Post has f run on c's loop, in c's name: should it panic, c is closed. It may
// run after c has closed; a Write then answers ErrClosed. Any goroutine may call
// it. ErrClosed: the loop has ended, and f will not run.
func (c *Conn) Post(f func()) error { return c.Loop().post(posted{c, f}) }

// panicked ends the connection whose callback did not return.
func (c *Conn) panicked(err error) { c.finish(err) }
