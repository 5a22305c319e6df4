package ipaddr

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"net/netip"
	"strings"
)

// The errors of this package; they come wrapped with the text or the number that
// is wrong.
var (
	// ErrAddress: not an IP address.
	ErrAddress = errors.New("not an IP address")
	// ErrNetwork: not an address with a prefix length, a netmask or a hostmask.
	ErrNetwork = errors.New("not an IP network")
	// ErrHostBits: an address within a network where the network's own was wanted.
	ErrHostBits = errors.New("host bits are set")
	// ErrRange: a number that no address has, or an index beyond a network.
	ErrRange = errors.New("out of range")
)

const (
	bits4 = 32  // of an IPv4 address
	bits6 = 128 // of an IPv6 address
)

// Parse reads an IPv4 address, four decimal numbers without leading zeros, or an
// IPv6 address, which may have a zone behind a %. The error is an ErrAddress.
func Parse(s string) (netip.Addr, error) {
	a, err := netip.ParseAddr(s)
	// netip takes any zone; one with a % or a / could be something else's beginning.
	if err != nil || strings.ContainsAny(a.Zone(), "%/") {
		return netip.Addr{}, fmt.Errorf("ipaddr: %w: %q", ErrAddress, s)
	}
	return a, nil
}

// String writes an address as Python does: in the compressed form, and a v4-mapped
// one in hexadecimal like any other, ::ffff:102:304. (Python 3.13 has gone over
// to ::ffff:1.2.3.4, which is what netip writes.)
func String(a netip.Addr) string {
	if !a.Is4In6() {
		return a.String()
	}
	b := a.As16()
	s := fmt.Sprintf("::ffff:%x:%x", uint(b[12])<<8|uint(b[13]), uint(b[14])<<8|uint(b[15]))
	if zone := a.Zone(); zone != "" {
		s += "%" + zone
	}
	return s
}

// Version is 4 or 6; 0 for the zero Addr. A v4-mapped address is of version 6.
func Version(a netip.Addr) int {
	switch a.BitLen() {
	case bits4:
		return 4
	case bits6:
		return 6
	}
	return 0
}

// Packed is an address in network byte order, as hexadecimal digits: 8 or 32.
func Packed(a netip.Addr) string { return hex.EncodeToString(a.AsSlice()) }

// Integer is an address as a number, the most significant byte first.
func Integer(a netip.Addr) *big.Int { return new(big.Int).SetBytes(a.AsSlice()) }

// FromInteger is the address of a number: an IPv4 address below 2^32, else an
// IPv6 address. The error, for a negative number or one from 2^128, is an
// ErrRange.
func FromInteger(n *big.Int) (netip.Addr, error) {
	switch {
	case n.Sign() < 0 || n.BitLen() > bits6:
		return netip.Addr{}, fmt.Errorf("ipaddr: %v is no address: %w", n, ErrRange)
	case n.BitLen() > bits4:
		return fromInteger(n, bits6), nil
	}
	return fromInteger(n, bits4), nil
}

// fromInteger is the address of a number that has at most bits.
func fromInteger(n *big.Int, bits int) netip.Addr {
	var b [bits6 / 8]byte
	if bits == bits4 {
		n.FillBytes(b[:bits4/8])
		return netip.AddrFrom4([bits4 / 8]byte(b[:bits4/8]))
	}
	n.FillBytes(b[:])
	return netip.AddrFrom16(b)
}
