package ipaddr

import (
	"fmt"
	"net/netip"
)

// Interface is an address and the network it is in, as a network interface has
// them. The zero Interface has neither.
type Interface struct {
	addr netip.Addr
	net  Network
}

// ParseInterface reads an address with its network, such as 10.9.0.6/24, in the
// forms that [ParseNetwork] knows. The address may be any in the network, and have
// a zone. The error is an ErrNetwork.
func ParseInterface(s string) (Interface, error) {
	a, bits, ok := parsePrefix(s)
	if !ok {
		return Interface{}, fmt.Errorf("ipaddr: %w: %q", ErrNetwork, s)
	}
	return Interface{a, NetworkOf(netip.PrefixFrom(a, bits))}, nil
}

// Addr is the address, with its zone.
func (i Interface) Addr() netip.Addr { return i.addr }

// Network is the network, which has no zone.
func (i Interface) Network() Network { return i.net }

// String is the address with the length of the prefix, as in 10.9.0.6/24.
func (i Interface) String() string { return withBits(i.addr, i.net.prefix) }

// WithNetmask is the address, without its zone, with the netmask.
func (i Interface) WithNetmask() string { return withMask(i.addr.WithZone(""), i.net.Netmask()) }

// WithHostmask is the address, without its zone, with the hostmask.
func (i Interface) WithHostmask() string { return withMask(i.addr.WithZone(""), i.net.Hostmask()) }
