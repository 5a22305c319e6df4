//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
)

// resolve turns "tcp://HOST:PORT" into the address to bind. HOST is an address
// or a name, of which the first IPv4 address is taken, else the first; PORT is a
// number, 0 for one of the kernel's choice.
func resolve(ctx context.Context, address string) (netip.AddrPort, error) {
	bad := func(why string, args ...any) (netip.AddrPort, error) {
		return netip.AddrPort{}, fmt.Errorf("reactor: %w %q: %s", ErrAddress, address, fmt.Sprintf(why, args...))
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Scheme == "" || u.Host == "":
		return bad("want tcp://HOST:PORT, such as tcp://127.0.0.1:7000")
	case u.Scheme != "tcp":
		return bad("scheme %q is not supported, want tcp://HOST:PORT", u.Scheme)
	case u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "":
		return bad("there is more than HOST:PORT in it")
	case u.Port() == "":
		return bad("it has no port; 0 lets the kernel choose one")
	case u.Hostname() == "":
		return bad("it has no host: 127.0.0.1 serves this machine only, 0.0.0.0 every network")
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	if err != nil {
		return bad("port %s is not between 0 and 65535", u.Port())
	}
	ip, err := netip.ParseAddr(u.Hostname())
	if err != nil {
		ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("reactor: %w %q: host %q does not resolve: %w", ErrAddress, address, u.Hostname(), err)
		}
		ip = ips[0]
		if i := slices.IndexFunc(ips, func(ip netip.Addr) bool { return ip.Unmap().Is4() }); i > 0 {
			ip = ips[i]
		}
	}
	ip = ip.Unmap()
	if zone := ip.Zone(); zone != "" {
		index, err := net.InterfaceByName(zone)
		if err == nil {
			ip = ip.WithZone(strconv.Itoa(index.Index))
		} else if _, err := strconv.ParseUint(zone, 10, 32); err != nil {
			return bad("there is no network interface %q", zone)
		}
	}
	return netip.AddrPortFrom(ip, uint16(port)), nil
}
