package ipaddr

import "net/netip"

// Site is what counts as one address where connections are counted: of IPv6 the first 64
// bits, for a single customer has at least that many; a v4-mapped address is the IPv4 one.
func Site(a netip.Addr) netip.Addr {
	if a = a.Unmap(); !a.Is6() {
		return a
	}
	return netip.PrefixFrom(a.WithZone(""), 64).Masked().Addr()
}
