//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"net"
	"net/netip"
)

// Peer is the other side of a datagram: who sent it, or is to get it.
type Peer struct {
	// Addr is the address of a UDP peer; a zone is the number of an interface.
	Addr netip.AddrPort
	// Name is that of a Unix socket: a path, or "@" and an abstract name
	// (Linux). A sender that is not bound has none, and cannot be answered.
	Name string
}

// String is the peer in messages.
func (p Peer) String() string {
	switch {
	case p.Addr.IsValid():
		return p.Addr.String()
	case p.Name != "":
		return p.Name
	}
	return "nobody"
}

// addr is p as package net has it.
func (p Peer) addr() net.Addr {
	if p.Addr.IsValid() {
		return net.UDPAddrFromAddrPort(p.Addr)
	}
	return &net.UnixAddr{Name: p.Name, Net: "unixgram"}
}
