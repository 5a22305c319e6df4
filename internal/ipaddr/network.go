package ipaddr

import (
	"fmt"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
)

// Network is all addresses that begin with the same bits. The zero Network is
// none: it contains nothing, and its addresses are not valid.
type Network struct {
	prefix netip.Prefix // masked, and without a zone
}

// NetworkOf makes a Network of the network that p is in; a zone is left out. It is
// the zero Network if p is not valid.
func NetworkOf(p netip.Prefix) Network { return Network{p.Masked()} }

// ParseNetwork reads a network such as 10.9.0.0/24 or fdfd:1::/64. Behind the
// slash stands the length of the prefix, or, for IPv4, the netmask 255.255.255.0 or
// the hostmask 0.0.0.255; 0.0.0.0 is the netmask. Without a slash the network is one address.
//
// An address other than the network's own is an ErrHostBits: where it is meant, as
// in 10.9.0.6/24, [ParseInterface] reads it. Anything else is an ErrNetwork.
func ParseNetwork(s string) (Network, error) {
	a, bits, ok := parsePrefix(s)
	if !ok || a.Zone() != "" {
		return Network{}, fmt.Errorf("ipaddr: %w: %q", ErrNetwork, s)
	}
	n := NetworkOf(netip.PrefixFrom(a, bits))
	if n.Addr() != a {
		return Network{}, fmt.Errorf("ipaddr: %w in %q: its network is %v", ErrHostBits, s, n)
	}
	return n, nil
}

// parsePrefix reads an address, and the length of the prefix behind it.
func parsePrefix(s string) (a netip.Addr, bits int, ok bool) {
	text, mask, masked := strings.Cut(s, "/")
	a, err := Parse(text)
	if err != nil {
		return netip.Addr{}, 0, false
	}
	if !masked {
		return a, a.BitLen(), true
	}
	bits, ok = parseMask(mask, a.BitLen())
	return a, bits, ok
}

// parseMask reads what stands behind the slash of a network whose addresses have
// so many bits.
func parseMask(s string, of int) (bits int, ok bool) {
	if strings.Trim(s, "0123456789") == "" && s != "" {
		n, err := strconv.Atoi(s)
		return n, err == nil && n <= of
	}
	m, err := netip.ParseAddr(s)
	if err != nil || !m.Is4() || of != bits4 {
		return 0, false
	}
	for bits := range bits4 + 1 {
		if m == mask(bits, bits4, 0xff) {
			return bits, true
		}
	}
	for bits := range bits4 + 1 {
		if m == mask(bits, bits4, 0) {
			return bits, true
		}
	}
	return 0, false
}

// mask is the address whose first bits are those of fill, 0 or 0xff, and the others
// the opposite.
func mask(bits, of int, fill byte) netip.Addr {
	var b [bits6 / 8]byte
	for i := range b {
		ones := min(max(bits-8*i, 0), 8) // of this byte, from the left
		b[i] = fill ^ byte(0xff>>ones)
	}
	if of == bits4 {
		return netip.AddrFrom4([bits4 / 8]byte(b[:bits4/8]))
	}
	return netip.AddrFrom16(b)
}

// Prefix is the network as netip has it, with the network's own address.
func (n Network) Prefix() netip.Prefix { return n.prefix }

// Addr is the network's own address, the first.
func (n Network) Addr() netip.Addr { return n.prefix.Addr() }

// Last is the last address, for IPv4 the broadcast address.
func (n Network) Last() netip.Addr {
	if !n.prefix.IsValid() {
		return netip.Addr{}
	}
	b, host := n.Addr().AsSlice(), n.Hostmask().AsSlice()
	for i := range b {
		b[i] |= host[i]
	}
	last, _ := netip.AddrFromSlice(b) // it has the length of an address
	return last
}

// Netmask has the bits of the prefix.
func (n Network) Netmask() netip.Addr { return n.mask(0xff) }

// Hostmask has the bits behind the prefix.
func (n Network) Hostmask() netip.Addr { return n.mask(0) }

func (n Network) mask(fill byte) netip.Addr {
	if !n.prefix.IsValid() {
		return netip.Addr{}
	}
	return mask(n.prefix.Bits(), n.Addr().BitLen(), fill)
}

// Size is the number of addresses, hosts or not: a power of two, up to 2^128.
func (n Network) Size() *big.Int {
	if !n.prefix.IsValid() {
		return new(big.Int)
	}
	return new(big.Int).Lsh(big.NewInt(1), uint(n.Addr().BitLen()-n.prefix.Bits()))
}

// Contains reports whether an address is in the network, whatever its zone. An
// address of the other version never is, a v4-mapped one in an IPv4 network
// neither.
func (n Network) Contains(a netip.Addr) bool { return n.prefix.Contains(a.WithZone("")) }

// String is the network with the length of its prefix, as in 10.9.0.0/24.
func (n Network) String() string { return withBits(n.Addr(), n.prefix) }

// WithNetmask is the network with its netmask, as in 10.9.0.0/255.255.255.0.
func (n Network) WithNetmask() string { return withMask(n.Addr(), n.Netmask()) }

// WithHostmask is the network with its hostmask, as in 10.9.0.0/0.0.0.255.
func (n Network) WithHostmask() string { return withMask(n.Addr(), n.Hostmask()) }

func withBits(a netip.Addr, p netip.Prefix) string {
	if !p.IsValid() {
		return p.String()
	}
	return String(a) + "/" + strconv.Itoa(p.Bits())
}

func withMask(a, mask netip.Addr) string { return String(a) + "/" + String(mask) }
