//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package echo

import (
	"net/netip"

	"example.com/iomux/reactor"
)

// Packets sends back each datagram. It holds nothing, so one value serves any
// number of sockets. An answer is as long as what it answers, so that whoever
// forges an address gains nothing by it; and some are not answered, lest one
// forged datagram has two servers answer each other for ever (CVE-2024-2169): those
// from a port below 1024, where the servers are that answer anything (echo, time,
// chargen, DNS, TFTP), from port 0, which cannot be answered, and from the port
// number that this server has itself, on whatever machine. What cannot be sent
// is dropped, as the network may do anyway.
type Packets struct{}

// Packet sends p back.
func (Packets) Packet(s *reactor.PacketConn, p []byte, from reactor.Peer) {
	if answers(s.LocalAddrPort(), from) {
		_ = s.WriteTo(p, from) // a sender without a name, or no room: the socket's Stats count
	}
}

// privileged is where the ports begin that any user may have.
const privileged = 1024

// answers reports whether a peer gets answers from a server at local.
func answers(local netip.AddrPort, from reactor.Peer) bool {
	if !from.Addr.IsValid() {
		return true // over a Unix socket nobody forges an address
	}
	port := from.Addr.Port()
	return port >= privileged && port != local.Port()
}
