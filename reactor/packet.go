//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// PacketHandler is what a server does with datagrams. One value serves all loops
// at once: what belongs to a socket goes into PacketConn.SetContext. No method may
// block. A panic is logged, and the socket goes on with the next datagram.
//
// A handler may have the method of [PacketErrors] too.
type PacketHandler interface {
	// Packet brings one datagram, whole; it may be empty. p is the loop's and
	// good during the call only. from is where an answer goes with WriteTo; the
	// address may be a lie, as any of UDP may be.
	Packet(s *PacketConn, p []byte, from Peer)
}

// PacketErrors is a PacketHandler that wants to know what went wrong with
// datagrams. Without this method it is counted, see Stats, and that is all.
type PacketErrors interface {
	// PacketError is told, soon after it happened, of an error of the network
	// that came back to a connected socket, such as ECONNREFUSED (the peer's
	// port is closed: udp(7)); of a datagram that could not be sent, with the
	// kernel's errno; of one that did not fit and is lost, with ErrTruncated.
	// The socket goes on after all of these. Of an error that ends it, which
	// answers ErrClosed too, it is told last. Of a storm of errors some are
	// counted only.
	PacketError(s *PacketConn, err error)
}

// PacketConn is a socket for datagrams on one loop: one of a [PacketListener], or
// one that Loop.DialPacket made. Its methods may be called on that loop's
// goroutine alone, but for Post, Loop, LocalAddr and LocalAddrPort.
type PacketConn struct {
	loop    *Loop
	handler PacketHandler
	errors  PacketErrors // nil if the handler is none
	context any
	local   Peer
	remote  Peer           // of a connected socket
	out     *sys.SendBatch // what is to be sent; nil for nothing
	full    error          // ErrWriteLimit, made when it is first needed

	fd        int // -1 once closed; changes with loop.packets.mu held
	budget    int // batches that a drain may still receive
	untold    int // errors that are posted and not told yet
	interest  iomux.Events
	state     packetState
	unix      bool
	connected bool
	v6        bool // an internet socket of the IPv6 family
	gso       bool // several datagrams may be one message, see sys.SendBatch
	draining  bool // the loop ends: close when there is no more input
	blocked   bool // the kernel took less than it was given: wait until Writable
	roomy     bool // it has just said that there is room
	again     bool // the first datagram of out has failed once
	dirty     bool // in loop.dirty
	held      bool // nothing is received, see ListenOptions.Gate
	gate      Gate // may be nil
}

type packetState uint8

const (
	packetOpen    packetState = iota
	packetClosing             // Close was called; the end of the turn is the socket's
	packetDead                // out of the selector, to be closed at the end of the turn
	packetGone                // closed
)

func newPacketConn(l *Loop, fd int, h PacketHandler) *PacketConn {
	s := &PacketConn{loop: l, handler: h, fd: fd, interest: iomux.Readable}
	s.errors, _ = h.(PacketErrors)
	return s
}

// ready is called with what the selector found. What waits is sent before more is
// received, for it makes room for answers.
func (s *PacketConn) ready(events iomux.Events, _ iomux.Raw) {
	if s.state >= packetDead {
		return // an earlier callback of this batch ended it
	}
	s.loop.current = s
	if events&iomux.Writable != 0 && s.blocked {
		s.blocked, s.roomy = false, true
		s.flush()
	}
	if events&iomux.Readable != 0 {
		for range readsPerEvent {
			if !s.receive() {
				break
			}
		}
	}
	s.settle()
}

// receive takes a batch of what has arrived to the handler, and sends what that
// wrote. It reports whether there may be more.
func (s *PacketConn) receive() (more bool) {
	l := s.loop
	l.packets.resume()
	l.current = s
	if s.state != packetOpen {
		return false
	}
	in := l.packets.input()
	most := sys.BatchSize
	if s.gate != nil {
		if most = min(most, s.gate.Room()); most <= 0 {
			s.held = true
			return false
		}
	}
	l.counts.Recvs++
	n, errno := in.Recv(s.fd, most)
	switch {
	case errno == unix.EAGAIN:
		l.counts.Again++
		return false
	case errno == unix.EINTR:
		return true
	case errno != 0:
		return s.receiveFailed(errno)
	}
	if s.gate != nil {
		s.gate.Took(n)
	}
	l.packets.arrived(s, n)
	s.deliver()
	s.flush()
	return n == most
}

// deliver gives the rest of the batch at hand, which is this socket's, to the
// handler. The cursor moves first: what a panic leaves is delivered by resume.
func (s *PacketConn) deliver() {
	in := &s.loop.packets
	for in.next < in.arrivals && s.state == packetOpen {
		i := in.next
		in.next++
		s.packet(i)
	}
	if s.gate != nil && in.next < in.arrivals {
		s.gate.Took(in.next - in.arrivals) // the socket has ended before
	}
	in.owner, in.next, in.arrivals = nil, 0, 0
}

// packet gives one datagram to the handler.
func (s *PacketConn) packet(i int) {
	l := s.loop
	p, cut := l.packets.in.Packet(i)
	l.counts.PacketsIn++
	l.counts.BytesIn += uint64(len(p))
	from := s.remote
	switch {
	case s.connected: // the kernel lets nobody else through
	case s.unix:
		from = Peer{Name: l.packets.in.FromUnix(i)}
	default:
		from = Peer{Addr: l.packets.in.From(i)}
	}
	if cut {
		l.counts.PacketsTruncated++
		s.tell("receive from", from, errCut)
		if s.gate != nil {
			s.gate.Took(-1)
		}
		return
	}
	l.watched.step()
	s.handler.Packet(s, p, from)
}

// settle brings the socket in line with what callbacks did to it: flush, finish if
// that was asked for, and tell the selector.
func (s *PacketConn) settle() {
	if s.state >= packetDead {
		return
	}
	s.flush()
	switch s.state {
	case packetClosing:
		s.finish()
	case packetOpen:
		s.watch()
	}
}

// tidy is the end of the turn, and where the socket is finished its own.
func (s *PacketConn) tidy() {
	s.dirty = false
	whole := false
	defer func() {
		if !whole { // another socket's handler has panicked in resume: once more
			s.queue()
		}
	}()
	s.bringInLine()
	whole = true
}

func (s *PacketConn) bringInLine() {
	if s.state == packetDead {
		s.bury()
		return
	}
	l := s.loop
	l.packets.resume()
	for s.draining && s.state == packetOpen && s.budget > 0 {
		s.budget--
		if !s.receive() {
			break
		}
	}
	if s.draining && s.state == packetOpen {
		s.state = packetClosing
	}
	l.current = nil
	s.settle()
}

// touch has the loop settle s at the end of the turn, where s is not the socket
// whose callback runs: that one is settled when it returns.
func (s *PacketConn) touch() {
	if s.loop.current != party(s) {
		s.queue()
	}
}

// queue has the loop tidy s at the end of the turn.
func (s *PacketConn) queue() {
	if !s.dirty {
		s.dirty = true
		s.loop.dirty = append(s.loop.dirty, s)
	}
}

// panicked goes on with the next datagram, at the end of the turn at the latest.
func (s *PacketConn) panicked(error) { s.queue() }

// name is the socket in messages.
func (s *PacketConn) name() string {
	if s.connected {
		return s.remote.String()
	}
	return s.local.String()
}

// watch tells the selector what to look for.
func (s *PacketConn) watch() {
	var want iomux.Events
	if !s.held {
		want = iomux.Readable
	}
	if s.blocked {
		want |= iomux.Writable
	}
	if want == s.interest {
		return
	}
	s.loop.counts.Watches++
	var err error
	switch {
	case want == 0:
		_, err = s.loop.sel.Unregister(s.fd)
	case s.interest == 0:
		_, err = s.loop.sel.Register(s.fd, want, s)
	default:
		_, err = s.loop.sel.SetEvents(s.fd, want)
	}
	if err != nil {
		s.interest = 0 // a selector that refuses has forgotten the descriptor
		s.end("watch", err)
		return
	}
	s.interest = want
}

// hold stops receiving, or goes on.
func (s *PacketConn) hold(on bool) {
	s.held = on // a dead one settles as nothing
}

// Close ends the socket: what was written is still sent if the kernel takes it at
// once, and nothing more is received. Closing twice is fine.
func (s *PacketConn) Close() {
	if s.state == packetOpen {
		s.state = packetClosing
		s.touch()
	}
}

// drain closes the socket as soon as what has arrived is handled.
func (s *PacketConn) drain() {
	if s.state == packetOpen && !s.draining {
		s.draining, s.budget = true, drainBatches
		s.queue()
	}
}

// finish takes the socket out of the selector, so that nothing more is reported of
// it. It is closed at the end of the turn.
func (s *PacketConn) finish() {
	if s.state >= packetDead {
		return
	}
	s.state = packetDead
	if s.interest != 0 {
		s.interest = 0
		if _, err := s.loop.sel.Unregister(s.fd); err != nil {
			s.loop.log.Error("cannot unregister a socket", "socket", s.name(), "err", err)
		}
	}
	s.dropOutput()
	s.queue()
}

// bury closes the descriptor.
func (s *PacketConn) bury() {
	s.state = packetGone
	l := s.loop
	if errno := sys.Close(l.packets.remove(s)); errno != 0 {
		l.log.Debug("cannot close a socket", "socket", s.name(), "err", errno)
	}
	l.descriptorFreed()
}

// errClosed is why a method does nothing.
func (s *PacketConn) errClosed(what string) error {
	return fmt.Errorf("reactor: %s %v: %w", what, s.name(), ErrClosed)
}

// SetContext keeps a value of the handler's with the socket.
func (s *PacketConn) SetContext(v any) { s.context = v }

// Context is what SetContext was given, nil before that.
func (s *PacketConn) Context() any { return s.context }

// LocalAddr is this side's address, a *net.UDPAddr or a *net.UnixAddr. It stays
// known after the end. Any goroutine may call it.
func (s *PacketConn) LocalAddr() net.Addr { return s.local.addr() }

// LocalAddrPort is LocalAddr of a UDP socket, without an allocation; of a Unix
// socket the zero AddrPort. Any goroutine may call it.
func (s *PacketConn) LocalAddrPort() netip.AddrPort { return s.local.Addr }

// Loop is the loop that s belongs to. Any goroutine may call it.
func (s *PacketConn) Loop() *Loop { return s.loop }

// Post has f run on s's loop, in s's name: should it panic, that is logged, and s
// goes on. It may run after s has closed; a WriteTo then answers ErrClosed. Any
// goroutine may call it. ErrClosed: the loop has ended, and f will not run.
func (s *PacketConn) Post(f func()) error { return s.loop.post(posted{s, f}) }
