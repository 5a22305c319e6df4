// Package ipaddr computes with IP addresses and networks on top of net/netip,
// which has no broadcast address, no netmask, no count and no iteration.
//
// The rules are those of Python's ipaddress module, version 3.11: what is parsed
// and what is refused, which addresses of a network are hosts, what is private,
// how a v4-mapped address is written. Tests compare with the Python that is
// installed. Two things differ: a network has no zone here (an address has, and
// an [Interface]), and what Python answers with an exception is an error.
//
// Addresses are netip.Addr throughout. All functions may be called from any
// goroutine; all types are values that compare with ==.
package ipaddr
