// Package proxyheader reads the header by which a proxy tells whom it speaks for: the
// PROXY protocol, versions 1 and 2, as HAProxy has defined it in
// https://www.haproxy.org/download/1.8/doc/proxy-protocol.txt.
package proxyheader

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// ErrHeader: what came is no such header.
var ErrHeader = errors.New("no PROXY header")

const (
	// maxText is how long a header of version 1 may be, with its end.
	maxText = 107
	// maxBinary bounds what version 2 may add behind the addresses.
	maxBinary = 4 << 10
	// binaryHead is what comes before a length: a signature, version and command, and
	// family.
	binaryHead = 16
)

var signature = []byte("\r\n\r\n\x00\r\nQUIT\n")

// Parse reads the header at the beginning of p. source is the client's address, the zero
// value where the proxy speaks for itself or does not tell; used is how many bytes the
// header has, 0 that it is not whole yet. What version 2 has behind the addresses is not
// looked at. Errors: ErrHeader, as soon as p cannot become a header.
func Parse(p []byte) (source netip.AddrPort, used int, err error) {
	switch {
	case bytes.HasPrefix(p, signature[:min(len(p), len(signature))]) && len(p) > 0:
		return parseBinary(p)
	case bytes.HasPrefix(p, []byte("PROXY ")[:min(len(p), 6)]):
		return parseText(p)
	}
	return source, 0, fmt.Errorf("%w: it begins with %.16q", ErrHeader, p[:min(len(p), 16)])
}

func parseText(p []byte) (source netip.AddrPort, used int, err error) {
	line, _, whole := bytes.Cut(p[:min(len(p), maxText)], []byte("\n"))
	if !whole {
		if len(p) >= maxText {
			return source, 0, fmt.Errorf("%w: a line longer than %d bytes", ErrHeader, maxText)
		}
		return source, 0, nil
	}
	line, whole = bytes.CutSuffix(line, []byte("\r"))
	if !whole {
		return source, 0, fmt.Errorf("%w: %q ends with LF, want CR LF", ErrHeader, line)
	}
	used = len(line) + 2
	bad := fmt.Errorf("%w: %q", ErrHeader, line)
	words := strings.Split(string(line), " ") // two at least
	switch words[1] {
	case "UNKNOWN":
		return source, used, nil
	case "TCP4", "TCP6":
	default:
		return source, 0, bad
	}
	if len(words) != 6 {
		return source, 0, bad
	}
	var ends [2]netip.AddrPort
	for i := range ends {
		a, err := netip.ParseAddr(words[2+i])
		if err != nil || a.Is4() != (words[1] == "TCP4") || a.Zone() != "" {
			return source, 0, bad
		}
		port, err := strconv.ParseUint(words[4+i], 10, 16)
		if err != nil || len(words[4+i]) > 1 && words[4+i][0] == '0' {
			return source, 0, bad
		}
		ends[i] = netip.AddrPortFrom(a, uint16(port))
	}
	return ends[0], used, nil
}

func parseBinary(p []byte) (source netip.AddrPort, used int, err error) {
	if len(p) < binaryHead {
		return source, 0, nil
	}
	version, command, family := p[12]>>4, p[12]&15, p[13]
	size := int(binary.BigEndian.Uint16(p[14:]))
	switch {
	case version != 2 || command > 1:
		return source, 0, fmt.Errorf("%w: version %d, command %d", ErrHeader, version, command)
	case size > maxBinary:
		return source, 0, fmt.Errorf("%w: %d bytes of addresses, at most %d", ErrHeader, size, maxBinary)
	case len(p) < binaryHead+size:
		return source, 0, nil
	}
	used = binaryHead + size
	body := p[binaryHead:used]
	if command == 0 { // LOCAL
		return source, used, nil
	}
	size, known := addresses[family]
	switch {
	case !known:
		return source, 0, fmt.Errorf("%w: family and protocol %#02x", ErrHeader, family)
	case len(body) < size:
		return source, 0, fmt.Errorf("%w: %d bytes for two addresses, want %d", ErrHeader, len(body), size)
	}
	switch family {
	case 0x11: // TCP over IPv4
		source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(body)), binary.BigEndian.Uint16(body[8:]))
	case 0x21: // TCP over IPv6
		source = netip.AddrPortFrom(netip.AddrFrom16([16]byte(body)), binary.BigEndian.Uint16(body[32:]))
	}
	return source, used, nil
}

// addresses is, by family and protocol, how many bytes two addresses have. All that the
// definition knows are here; one that has no address of TCP is as if none were told.
var addresses = map[byte]int{
	0x00: 0, 0x01: 0, 0x02: 0, // not specified
	0x10: 12, 0x11: 12, 0x12: 12, // IPv4
	0x20: 36, 0x21: 36, 0x22: 36, // IPv6
	0x30: 216, 0x31: 216, 0x32: 216, // Unix
}
