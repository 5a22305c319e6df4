package names

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// SockType is a type of sockets; the zero SockType is any.
type SockType uint8

// The types.
const (
	AnyType SockType = iota
	Stream
	Dgram
)

// String is the name of the constant in C; that of AnyType is 0.
func (t SockType) String() string { return [...]string{"0", "SOCK_STREAM", "SOCK_DGRAM"}[t] }

// Query is what to connect to, and how.
type Query struct {
	Host      string // a name or an address
	Service   string // a name or a port; "" is port 0
	Family    Family
	Type      SockType
	Proto     string // tcp or udp; "" is any
	Canonical bool   // whether the canonical name is wanted
}

// AddrInfo is one way to connect: the arguments of socket(2) and an address.
type AddrInfo struct {
	Family    Family
	Type      SockType
	Proto     Protocol
	Canonical string // of the first result, if it was asked for
	Addr      netip.AddrPort
	Scope     uint32 // the number of the address's zone, an interface
}

// kinds are the sockets that there are, in the order of the results.
var kinds = []struct {
	of    SockType
	proto Protocol
}{{Stream, tcp}, {Dgram, udp}}

// AddrInfo is what to connect to, as getaddrinfo has it: for each address of the
// host, in the resolver's order, first TCP, then UDP. Raw sockets, which Linux
// adds, are left out. A service that has no port over a protocol is left out too.
//
// The error is ErrKind, ErrPort, or one of the methods Host and Service.
func (b *Book) AddrInfo(ctx context.Context, q Query) ([]AddrInfo, error) {
	ways, err := b.ways(q)
	if err != nil {
		return nil, err
	}
	h := Host{}
	if q.Host == "" {
		err = fmt.Errorf("names: %w: %q", ErrName, q.Host)
	} else if q.Canonical {
		h, err = b.Host(ctx, q.Host, q.Family)
	} else {
		h.Addresses, err = b.addresses(ctx, q.Host, q.Family)
	}
	if err != nil {
		return nil, err
	}
	var list []AddrInfo
	for _, a := range h.Addresses {
		family := Inet
		if a.Is6() {
			family = Inet6
		}
		scope, err := scopeOf(a.Zone())
		if err != nil {
			return nil, err
		}
		for _, w := range ways {
			w.Family, w.Scope = family, scope
			w.Addr = netip.AddrPortFrom(a, w.Addr.Port())
			list = append(list, w)
		}
	}
	list[0].Canonical = h.Name // a host without an address is an error
	return list, nil
}

// ways are the results for a host, but for what its addresses say.
func (b *Book) ways(q Query) (list []AddrInfo, err error) {
	fits := false
	for _, k := range kinds {
		if q.Type != AnyType && q.Type != k.of || q.Proto != "" && q.Proto != k.proto.Name {
			continue
		}
		fits = true
		port, err := b.port(q.Service, k.proto.Name)
		if errors.Is(err, ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		list = append(list, AddrInfo{Type: k.of, Proto: k.proto, Addr: netip.AddrPortFrom(netip.Addr{}, port)})
	}
	switch {
	case !fits:
		return nil, fmt.Errorf("names: %w: type %v with protocol %s", ErrKind, q.Type, q.Proto)
	case list == nil:
		_, err = b.Service(q.Service, q.Proto)
		if err == nil { // it is over the protocol of another type
			err = fmt.Errorf("names: service %q for %v: %w", q.Service, q.Type, ErrNotFound)
		}
		return nil, err
	}
	return list, nil
}

// port is that of a service, which may be a number.
func (b *Book) port(service, proto string) (uint16, error) {
	if service == "" {
		return 0, nil
	}
	if isNumber(service) {
		return ParsePort(service)
	}
	s, err := b.Service(service, proto)
	return s.Port, err
}

// scopeOf is the number of a zone: the zone itself, or that of the interface with
// its name.
func scopeOf(zone string) (uint32, error) {
	if zone == "" {
		return 0, nil
	}
	if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
		return uint32(n), nil
	}
	i, err := net.InterfaceByName(zone)
	if err != nil {
		return 0, fmt.Errorf("names: interface %q: %w", zone, ErrNotFound)
	}
	return uint32(i.Index), nil
}
