package ipaddr

import "net/netip"

// private4 and private6 are what Python 3.11.7 takes for private of the special
// purpose registries of IANA.
var (
	private4 = prefixes(
		"0.0.0.0/8",          // this network
		"10.0.0.0/8",         // private use, RFC 1918
		"127.0.0.0/8",        // loopback
		"169.254.0.0/16",     // link-local
		"172.16.0.0/12",      // private use
		"192.0.0.0/29",       // between both ends of DS-Lite
		"192.0.0.170/31",     // discovery of NAT64
		"192.0.2.0/24",       // documentation
		"192.168.0.0/16",     // private use
		"198.18.0.0/15",      // benchmarks
		"198.51.100.0/24",    // documentation
		"203.0.113.0/24",     // documentation
		"240.0.0.0/4",        // reserved
		"255.255.255.255/32", // limited broadcast
	)
	private6 = prefixes(
		"::1/128",       // loopback
		"::/128",        // unspecified
		"::ffff:0:0/96", // v4-mapped: of networks, addresses go by the IPv4 address
		"100::/64",      // discard
		"2001::/23",     // protocol assignments
		"2001:db8::/32", // documentation
		"2001:10::/28",  // ORCHID, withdrawn
		"fc00::/7",      // unique local
		"fe80::/10",     // link-local
	)
)

func prefixes(list ...string) []netip.Prefix {
	p := make([]netip.Prefix, len(list))
	for i, s := range list {
		p[i] = netip.MustParsePrefix(s)
	}
	return p
}

// IsPrivate reports whether an address is private as Python 3.11.7 understands it,
// which is more than netip.Addr.IsPrivate does: not only the networks of RFC 1918 and
// RFC 4193, but also loopback, link-local, documentation and reserved addresses. Of a
// v4-mapped address the IPv4 address counts. Shared address space (100.64.0.0/10),
// multicast and fec0::/10 are not private, though no public host has them.
//
// Python 3.12.4, 3.13 and later security releases of older versions follow newer
// registries. There 192.0.0.0/24 (but for .9 and .10), 64:ff9b:1::/48 and 2002::/16
// are private too, and these parts of 2001::/23 are not: 2001:1::1, 2001:1::2,
// 2001:3::/32, 2001:4:112::/48, 2001:20::/28 and 2001:30::/28.
func IsPrivate(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	for _, p := range privates(a) {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// IsPrivate reports whether one of the networks behind the function [IsPrivate]
// holds the whole network. Unlike an address, a network of v4-mapped addresses
// always is.
func (n Network) IsPrivate() bool {
	for _, p := range privates(n.Addr()) {
		if p.Bits() <= n.prefix.Bits() && p.Contains(n.Addr()) {
			return true
		}
	}
	return false
}

func privates(a netip.Addr) []netip.Prefix {
	if a.Is4() {
		return private4
	}
	return private6
}
