//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"example.com/iomux/internal/sys"
)

// address is a parsed URL of one of these forms:
//
//	tcp://HOST:PORT     and tcp4, tcp6, udp, udp4, udp6
//	unix:///PATH        and unixpacket, unixgram; unix:/PATH is the same
//	unix:PATH           relative to the working directory
//	unix:@NAME          abstract, a name without a file, unix(7); unix://@NAME is the same
//
// HOST is a name or a number: IPv6 in brackets, the % before a zone written %25
// (RFC 6874). PORT is a number. In PATH and NAME %XX stands for the byte XX
// (RFC 3986). The zero address is none.
type address struct {
	scheme string // in small letters
	host   string // of an internet address, without brackets, a zone behind a single %
	port   uint16
	name   string // of a unix one: a path, or @ and an abstract name; "./@x" is a path
}

var schemes = []string{"tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "unix", "unixpacket", "unixgram"}

// parseAddress reads a URL. The error is an ErrAddress and says on one line what
// is wrong, and what would be right.
func parseAddress(s string) (address, error) {
	scheme, rest, _ := strings.Cut(s, ":")
	a := address{scheme: strings.ToLower(scheme)}
	var err error
	switch known := slices.Contains(schemes, a.scheme); {
	case !known && strings.HasPrefix(rest, "//"):
		err = fmt.Errorf("scheme %q is not supported, want one of %s", scheme, strings.Join(schemes, ", "))
	case !known:
		err = errors.New("want tcp://HOST:PORT, such as tcp://127.0.0.1:7000, or unix:///PATH")
	case a.unix():
		a.name, err = parseName(a.scheme, rest)
	default:
		a.host, a.port, err = parseHostPort(a.scheme, rest)
	}
	if err != nil {
		return address{}, fmt.Errorf("reactor: %w %q: %w", ErrAddress, s, err)
	}
	return a, nil
}

// parseHostPort reads what stands behind the colon of an internet scheme.
func parseHostPort(scheme, s string) (host string, port uint16, err error) {
	want := "want " + scheme + "://HOST:PORT"
	s, ok := strings.CutPrefix(s, "//")
	i := strings.LastIndexByte(s, ':')
	switch {
	case !ok || s == "":
		return "", 0, fmt.Errorf("%s, such as %s://127.0.0.1:7000", want, scheme)
	case strings.ContainsAny(s, "/?#@"):
		return "", 0, fmt.Errorf("there is more than HOST:PORT in it, %s", want)
	case i < 0 || i < strings.LastIndexByte(s, ']') || i == len(s)-1:
		return "", 0, errors.New("it has no port; 0 lets the kernel choose one")
	case i == 0:
		return "", 0, errors.New("it has no host: 127.0.0.1 serves this machine only, 0.0.0.0 every network")
	}
	n, err := strconv.ParseUint(s[i+1:], 10, 16)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return "", 0, fmt.Errorf("port %q is not between 0 and 65535", s[i+1:])
	case err != nil:
		return "", 0, fmt.Errorf("port %q is not a number, %s", s[i+1:], want)
	}
	if host, err = parseHost(s[:i]); err != nil {
		return "", 0, fmt.Errorf("%w, %s", err, want)
	}
	return host, uint16(n), nil
}

// parseHost reads a name, an IPv4 address, or an IPv6 address in brackets.
func parseHost(s string) (string, error) {
	if !strings.HasPrefix(s, "[") {
		switch {
		case strings.Contains(s, ":"):
			return "", fmt.Errorf("an IPv6 address stands in brackets: [%s]", strings.Trim(strconv.Quote(s), `"`))
		case strings.ContainsFunc(s, notInName):
			return "", fmt.Errorf("host %q has a character that no host name has", s)
		}
		return s, nil
	}
	host, zone, zoned := strings.Cut(strings.TrimSuffix(s[1:], "]"), "%")
	if zoned {
		// The rare interface whose name has other characters has a number, too.
		zone, ok := strings.CutPrefix(zone, "25")
		if !ok || zone == "" || strings.ContainsFunc(zone, notInName) {
			return "", errors.New("a zone is the name or number of an interface, the % before it is written %25: [fe80::1%25eth0]")
		}
		host += "%" + zone
	}
	if ip, err := netip.ParseAddr(host); err != nil || !ip.Is6() || !strings.HasSuffix(s, "]") {
		return "", fmt.Errorf("%q is no IPv6 address in brackets", s)
	}
	return host, nil
}

// notInName reports whether no host name has such a character: Go's resolver
// does not ask for a name with one.
func notInName(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '.' || r == '_')
}

// parseName reads what stands behind the colon of a unix scheme.
func parseName(scheme, s string) (string, error) {
	s, slashes := strings.CutPrefix(s, "//")
	name, err := url.PathUnescape(s)
	switch {
	case strings.ContainsAny(s, "?#"):
		return "", errors.New("there is a ? or # in it, which in a path is written %3F or %23")
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "", errors.New("there is a control character in it, which is written %XX")
	case err != nil:
		return "", errors.New("there is a % in it without two hexadecimal digits; by itself it is written %25")
	case name == "" || name == "@":
		return "", fmt.Errorf("it has no path, want %s:///PATH", scheme)
	case name[0] == '@' && runtime.GOOS != "linux" && runtime.GOOS != "android":
		return "", fmt.Errorf("abstract names are Linux's, want %s:///PATH", scheme)
	case name[0] == '@' && len(name) > 1+sys.MaxUnixName:
		return "", fmt.Errorf("its name has %d bytes; the kernel takes %d", len(name)-1, sys.MaxUnixName)
	case name[0] == '@':
		return name, nil
	case slashes && name[0] != '/':
		return "", fmt.Errorf("want %v or %v", address{scheme: scheme, name: "/" + name}, address{scheme: scheme, name: name})
	case strings.Contains(name, "\x00"):
		return "", errors.New("a path has no NUL")
	case strings.HasSuffix(name, "/"):
		return "", errors.New("it names a directory, want the path of a socket")
	case len(name) > sys.MaxUnixName:
		return "", fmt.Errorf("its path has %d bytes; the kernel takes %d", len(name), sys.MaxUnixName)
	}
	return name, nil
}

// String is the URL again, in ASCII without control characters: parseAddress
// makes the same address of it.
func (a address) String() string {
	path := (&url.URL{Path: a.name}).EscapedPath()
	switch {
	case !a.unix():
		return a.scheme + "://" + net.JoinHostPort(strings.Replace(a.host, "%", "%25", 1), strconv.Itoa(int(a.port)))
	case strings.HasPrefix(path, "/"):
		return a.scheme + "://" + path
	}
	return a.scheme + ":" + path
}

// unix reports whether a is of a unix socket, with a name and no host.
func (a address) unix() bool { return strings.HasPrefix(a.scheme, "unix") }

// packet reports whether a is for datagrams.
func (a address) packet() bool { return strings.HasPrefix(a.scheme, "udp") || a.scheme == "unixgram" }

// SplitURL makes of an address what package net's Dial takes: "tcp6" and
// "[::1]:7000" of tcp6://[::1]:7000, "unixgram" and "@name" of unixgram:@name. No
// name is looked up. Any goroutine may call it. Errors: ErrAddress.
func SplitURL(url string) (network, address string, err error) {
	a, err := parseAddress(url)
	switch {
	case err != nil:
		return "", "", err
	case a.unix():
		return a.scheme, a.name, nil
	}
	return a.scheme, net.JoinHostPort(a.host, strconv.Itoa(int(a.port))), nil
}

// at is a where the kernel has bound it, of which getsockname(2) tells.
func (a address) at(bound netip.AddrPort) address {
	a.host, a.port = bound.Addr().String(), bound.Port()
	return a
}

// lookup is what an internet address stands for, at least one: a number at once;
// of a name all that the resolver knows, which may take a while, and of tcp4,
// tcp6 and the like those of that version. A zone is given by its number, as
// package sys wants it. An IPv4 address mapped into IPv6 is an IPv4 address.
// Errors: ErrAddress.
func (a address) lookup(ctx context.Context) (list []netip.AddrPort, err error) {
	bad := func(why string, args ...any) ([]netip.AddrPort, error) {
		return nil, fmt.Errorf("reactor: %w %q: %w", ErrAddress, a, fmt.Errorf(why, args...))
	}
	version := a.scheme[len("tcp"):] // "", "4" or "6"
	var ips []netip.Addr
	if ip, err := netip.ParseAddr(a.host); err == nil {
		ips = []netip.Addr{ip}
	} else if ips, err = net.DefaultResolver.LookupNetIP(ctx, "ip"+version, a.host); err != nil {
		return bad("host %q does not resolve: %w", a.host, err)
	}
	for _, ip := range ips {
		ip = ip.Unmap()
		if version == "4" && !ip.Is4() || version == "6" && ip.Is4() {
			continue
		}
		if zone := ip.Zone(); zone != "" {
			index, err := net.InterfaceByName(zone)
			if err == nil {
				ip = ip.WithZone(strconv.Itoa(index.Index))
			} else if _, err := strconv.ParseUint(zone, 10, 32); err != nil {
				return bad("there is no network interface %q", zone)
			}
		}
		list = append(list, netip.AddrPortFrom(ip, a.port))
	}
	if list == nil {
		return bad("host %q has no IPv%s address", a.host, version)
	}
	return list, nil
}
