//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

const (
	// packetCost is what a waiting datagram counts beside its bytes, for its
	// address and its place: or else the limit would let any number of empty
	// ones wait.
	packetCost = 128
	// packetFlush is how many bytes are gathered before they go out in the
	// middle of a callback: more would only leave the cache.
	packetFlush = 128 << 10
)

// WriteTo sends p to a peer, or keeps a copy of what cannot be sent yet: it
// neither blocks nor holds on to p. Datagrams are gathered and go out by one
// sendmmsg(2), where there is one, when the callback is over; those in a row that
// have one length and go to one peer are one message to the kernel (GSO, Linux
// 4.18), which costs much less. To a connected socket's own peer it is Write.
//
// ErrWriteLimit: Options.WriteLimit is full of datagrams that the kernel does not
// take; this one is dropped. Other errors: ErrClosed; EDESTADDRREQ, no peer is
// given; EISCONN, the socket is connected to another one. What the kernel finds
// wrong with a datagram later, PacketErrors is told.
func (s *PacketConn) WriteTo(p []byte, to Peer) error {
	switch {
	case s.state != packetOpen:
		return s.errClosed("send on")
	case s.connected && to != s.remote:
		return fmt.Errorf("reactor: send to %v: %w %v", to, unix.EISCONN, s.remote)
	case s.connected:
		to = Peer{}
	case s.unix && to.Name == "" || !s.unix && !to.Addr.IsValid():
		return fmt.Errorf("reactor: send on %v: %w", s.name(), unix.EDESTADDRREQ)
	}
	return s.enqueue(p, to)
}

// Write sends p to the peer of a connected socket, as WriteTo does, and returns
// len(p), or 0 and an error. Each call is a datagram. EDESTADDRREQ: the socket is
// not connected.
func (s *PacketConn) Write(p []byte) (int, error) {
	if err := s.WriteTo(p, s.remote); err != nil {
		return 0, err
	}
	return len(p), nil
}

// enqueue puts a datagram behind those that wait.
func (s *PacketConn) enqueue(p []byte, to Peer) error {
	if !s.fits(p) {
		if s.flush(); s.state != packetOpen {
			return s.errClosed("send on")
		}
	}
	if len(p) > max(s.loop.options.WriteLimit, packetSize) {
		return fmt.Errorf("reactor: send on %v: %w (%d bytes)", s.name(), ErrMessageSize, len(p))
	}
	if s.out == nil {
		s.out = s.loop.packets.output(s.loop.options.WriteLimit)
	}
	if !s.fits(p) || !s.out.Add(p, to.Addr, to.Name) {
		s.loop.counts.PacketsDropped++
		return s.errFull()
	}
	if s.out.Len() >= sys.BatchSize || s.out.Size() >= packetFlush {
		s.flush()
	}
	s.touch()
	return nil
}

// fits reports whether p may wait with the others. When nothing waits it may,
// whatever the limit.
func (s *PacketConn) fits(p []byte) bool {
	return s.out == nil || s.out.Len() == 0 ||
		s.out.Size()+len(p)+(s.out.Len()+1)*packetCost <= s.loop.options.WriteLimit
}

// errFull is the same value each time: it is returned when there is no time to
// make one.
func (s *PacketConn) errFull() error {
	if s.full == nil {
		s.full = fmt.Errorf("reactor: send on %v: %w (%d bytes); the datagram is dropped", s.name(), ErrWriteLimit, s.loop.options.WriteLimit)
	}
	return s.full
}

// flush gives the kernel what waits, in order. A datagram that it does not want is
// dropped, and the next one is tried. No callback runs in here.
func (s *PacketConn) flush() {
	counts := &s.loop.counts
	gso := s.gso
	for s.out != nil && s.out.Len() > 0 && !s.blocked {
		size := s.out.Size()
		counts.Sends++
		sent, errno := s.out.Send(s.fd, gso)
		switch {
		case sent > 0:
			counts.PacketsOut += uint64(sent)
			counts.BytesOut += uint64(size - s.out.Size())
			s.again, s.roomy = false, false // from here on the socket itself may be full
			gso = s.gso
			// If it took fewer than there are, the next call says why.
		case errno == unix.EINTR:
		case gso && s.out.RefusedGSO(errno):
			gso = false               // for those at hand: the next ones may go another way
			s.gso = errno != unix.EIO // mostly the device: to ask it each time would cost a call
			if s.connected && errno == unix.EMSGSIZE {
				s.tell("send to", s.remote, errno) // it may be about an earlier one, see sendFailed
			}
		default:
			s.sendFailed(errno)
		}
	}
	s.roomy = false
	if s.out != nil && s.out.Len() == 0 {
		s.loop.packets.emptied(s.out)
		s.out = nil
	}
}

// sendFailed deals with an error of the kernel about the first datagram that
// waits.
func (s *PacketConn) sendFailed(errno sys.Errno) {
	switch {
	case errno == unix.EAGAIN && s.roomy && s.unix && !s.connected:
		// The socket said that it has room, so it is the receiver whose queue
		// is full. The others need not wait for it, and no event would tell
		// when it has room.
		s.dropFirst(errno)
	case errno == unix.EAGAIN:
		s.loop.counts.Again++
		s.blocked = true
	case broken(errno):
		s.end("send on", errno)
	case s.connected && !s.again:
		// It may be about an earlier datagram, whose error this call has
		// taken away: ECONNREFUSED, see udp(7).
		s.again = true
		s.tell("send to", s.remote, errno)
	default:
		s.dropFirst(errno)
	}
}

// dropFirst gives up the first datagram that waits.
func (s *PacketConn) dropFirst(errno sys.Errno) {
	s.out.Drop()
	s.loop.counts.PacketsDropped++
	if s.again {
		s.again = false // it is told already
		return
	}
	s.tell("send on", s.local, errno)
}

// dropOutput gives up all that waits.
func (s *PacketConn) dropOutput() {
	if s.out != nil {
		s.loop.counts.PacketsDropped += uint64(s.out.Len())
		s.out = nil
	}
}
