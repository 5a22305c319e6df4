//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"crypto/tls"
	"net"
	"net/netip"
)

// service is how a loop serves the connections of one listener, or of one dial:
// what they have in common, so that each of them needs but a pointer. But for
// derived, which is the loop's, it does not change. A connection with TLS has one of
// its own, so that those without need no room for that.
type service struct {
	loop      *Loop
	listener  *Listener // nil of what was dialled
	handler   Handler
	half      HalfCloser // nil if the handler is none; likewise the next three
	drainer   Drainer
	timeouter Timeouter
	threaded  *threaded
	timeouts  Timeouts
	timed     bool     // there are timeouts
	packets   bool     // messages have bounds: unixpacket
	whole     bool     // and what is not used of one is not kept
	unix      string   // the URL, of connections over Unix sockets; else ""
	unixAddr  net.Addr // the same
	base      *service // what it was made of by with; nil: it was not
	derived   *service // the last that with made of it

	config *tls.Config // nil: no TLS
	dial   *Dial       // that makes the connection, where there is TLS
	tls    *secure     // of the one connection that this is for; nil: no TLS
}

func newService(l *Loop, ln *Listener, h Handler, t Timeouts, a address) *service {
	s := &service{loop: l, listener: ln, handler: h, timeouts: t, timed: t.any(), packets: a.scheme == "unixpacket"}
	_, blocks := h.(*blocking) // which reads the rest later
	s.whole = s.packets && !blocks
	s.half, _ = h.(HalfCloser)
	s.drainer, _ = h.(Drainer)
	s.timeouter, _ = h.(Timeouter)
	s.threaded, _ = h.(*threaded)
	if a.unix() {
		s.unix = a.String()
		s.unixAddr = &net.UnixAddr{Name: a.name, Net: a.scheme}
	}
	return s
}

// name is a peer in messages.
func (s *service) name(peer netip.AddrPort) string {
	if s.unix != "" {
		return s.unix
	}
	return peer.String()
}

// kind is what the socket of a peer is to SocketOptions.
func (s *service) kind(ip netip.Addr) socketKind {
	unix := s.unix != ""
	return socketKind{tcp: !unix, v6: !unix && !ip.Is4(), unix: unix}
}

// with is s with other timeouts. Connections that ask for the same ones in a row
// share one. Only the listener's own knows such a one, and only the last: others go
// with their connections.
func (s *service) with(t Timeouts) *service {
	if s.tls != nil { // it is the connection's own
		s.timeouts, s.timed = t, t.any()
		return s
	}
	base := s
	if s.base != nil {
		base = s.base
	}
	if t == base.timeouts {
		return base
	}
	if base.derived == nil || base.derived.timeouts != t {
		other := *base
		other.timeouts, other.timed, other.base, other.derived = t, t.any(), base, nil
		base.derived = &other
	}
	return base.derived
}
