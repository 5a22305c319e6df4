//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package main

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"example.com/iomux/reactor"
)

// isPacket reports whether a URL is for datagrams. What else there may be wrong
// with it is left to who uses it.
func isPacket(url string) bool {
	scheme, _, _ := strings.Cut(strings.ToLower(url), ":")
	return slices.Contains([]string{"udp", "udp4", "udp6", "unixgram"}, scheme)
}

// target is what a client is to connect to, in package net's words.
func target(url string) (network, address string, err error) {
	over := url
	if isTLS(url) {
		over = "tcp" + url[len("tls"):]
	}
	network, address, err = reactor.SplitURL(over)
	if err != nil {
		return "", "", err
	}
	if _, port, err := net.SplitHostPort(address); err == nil && port == "0" && !isUnix(network) {
		return "", "", usagef("bad address %q: port 0 is nobody's, want one between 1 and 65535", url)
	}
	return network, address, nil
}

func isUnix(network string) bool { return strings.HasPrefix(network, "unix") }

// endpoint is where a server can be reached: two addresses that mean the same are
// equal, however they are written.
type endpoint struct {
	kind string         // tcp, udp, unix, unixpacket or unixgram
	inet netip.AddrPort // of tcp and udp
	name string         // of the others
}

// endpointOf finds out what an address means, for which it may look up a name, as
// the reactor does when it listens: IPv4 comes first.
func endpointOf(url string) (e endpoint, err error) {
	network, address, err := reactor.SplitURL(url)
	if err != nil {
		return e, err
	}
	if isUnix(network) {
		return endpoint{kind: network, name: address}, nil
	}
	e.kind = network[:len("tcp")]
	version := network[len("tcp"):]
	a, err := net.ResolveTCPAddr("tcp"+version, address)
	if err != nil {
		return e, err
	}
	inet := a.AddrPort()
	e.inet = netip.AddrPortFrom(inet.Addr().Unmap(), inet.Port())
	return e, nil
}

// free is e without its port.
func (e endpoint) free() endpoint {
	e.inet = netip.AddrPortFrom(e.inet.Addr(), 0)
	return e
}

// anyPort reports whether e leaves its port to the kernel.
func (e endpoint) anyPort() bool { return e.name == "" && e.inet.Port() == 0 }

// private reports whether only this machine can reach an address.
func private(url string) bool {
	e, err := endpointOf(url)
	return err == nil && (e.name != "" || e.inet.Addr().IsLoopback())
}
