package ipaddr

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Pton is the address of a text by the rules of inet_pton(3): no short forms, no
// leading zeros in IPv4, no zone. Its bytes are those of AsSlice. The error is an
// ErrAddress.
func Pton(s string) (netip.Addr, error) {
	a, err := Parse(s)
	if err == nil && a.Zone() != "" {
		return netip.Addr{}, fmt.Errorf("ipaddr: %w of four or sixteen bytes, it has a zone: %q", ErrAddress, s)
	}
	return a, err
}

// Ntop writes the 4 or 16 bytes of an address as inet_ntop(3) does: with the last
// four in decimal where an IPv6 address begins with 96 zeros (but for addresses
// such as ::1) or is v4-mapped. Another number of bytes is an ErrAddress.
func Ntop(p []byte) (string, error) {
	a, ok := netip.AddrFromSlice(p)
	if !ok {
		return "", fmt.Errorf("ipaddr: %w: %d bytes, want 4 or 16", ErrAddress, len(p))
	}
	if a.Is6() && !a.Is4In6() && [12]byte(p) == [12]byte{} && (p[12] != 0 || p[13] != 0) {
		return "::" + netip.AddrFrom4([4]byte(p[12:])).String(), nil
	}
	return a.String(), nil
}

// Aton reads what inet_aton(3) of the GNU C library takes for an IPv4 address: one
// to four numbers, decimal, octal behind a 0 or hexadecimal behind 0x, of which the
// last fills the bytes that are left; behind a blank anything may stand. So
// 127.1, 0x7f.1 and 2130706433 all are 127.0.0.1, and 010.0.0.1 is 8.0.0.1.
//
// It is here to show that. Never take it to check what somebody has typed: a
// filter that reads an address in another way than the program behind it is none.
// The error is an ErrAddress.
func Aton(s string) (netip.Addr, error) {
	text := s
	if i := strings.IndexAny(s, " \t\n\v\f\r"); i >= 0 {
		text = s[:i]
	}
	fields := strings.Split(text, ".")
	value, ok := uint64(0), len(fields) <= 4
	for i, f := range fields {
		if !ok {
			break
		}
		bits := 8
		if i == len(fields)-1 {
			bits = 8 * (4 - i)
		}
		var n uint64
		n, ok = parseC(f, bits)
		value = value<<bits | n
	}
	if !ok {
		return netip.Addr{}, fmt.Errorf("ipaddr: %w, not even a loose one: %q", ErrAddress, s)
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), nil
}

// parseC reads a number of at most so many bits as C writes it. ParseUint with base
// 0 would take 0b1, 0o7 and 1_0 as well.
func parseC(s string, bits int) (uint64, bool) {
	base := 10
	if len(s) > 1 && s[0] == '0' {
		base = 8
		if s[1] == 'x' || s[1] == 'X' {
			base, s = 16, s[2:]
		}
	}
	n, err := strconv.ParseUint(s, base, bits)
	return n, err == nil
}
