//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// Socket is socket(2), non-blocking and close-on-exec. family is unix.AF_INET,
// AF_INET6 or AF_UNIX, typ is unix.SOCK_STREAM, SOCK_DGRAM or SOCK_SEQPACKET.
func Socket(family, typ int) (int, Errno) {
	call := func(*Call) (int, Errno) { return socket(family, typ) }
	if h := hooks.Load(); h != nil {
		args := familyName(family) + ", " + typeName(typ) + "|NONBLOCK|CLOEXEC"
		return h.do(Call{Op: OpSocket, FD: -1, Args: args}, call)
	}
	return call(nil)
}

// Family is the address family that a socket for addr needs.
func Family(addr netip.AddrPort) int {
	if addr.Addr().Is4() || addr.Addr().Is4In6() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func familyName(family int) string {
	switch family {
	case unix.AF_INET:
		return "INET"
	case unix.AF_INET6:
		return "INET6"
	case unix.AF_UNIX:
		return "UNIX"
	}
	return strconv.Itoa(family)
}

func typeName(typ int) string {
	switch typ {
	case unix.SOCK_STREAM:
		return "STREAM"
	case unix.SOCK_DGRAM:
		return "DGRAM"
	case unix.SOCK_SEQPACKET:
		return "SEQPACKET"
	}
	return strconv.Itoa(typ)
}

// Bind is bind(2).
func Bind(fd int, addr netip.AddrPort) Errno {
	call := func(*Call) (int, Errno) { return ret(0, unix.Bind(fd, sockaddr(addr))) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpBind, FD: fd, Args: addr.String()}, call)
		return e
	}
	_, e := call(nil)
	return e
}

// Connect is connect(2) on a non-blocking socket: EINPROGRESS means that it is
// under way, and [SocketError] says how it ended once the socket is writable.
func Connect(fd int, addr netip.AddrPort) Errno {
	call := func(*Call) (int, Errno) { return connect(fd, addr) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpConnect, FD: fd, Args: addr.String()}, call)
		return e
	}
	_, e := call(nil)
	return e
}

// Listen is listen(2).
func Listen(fd, backlog int) Errno {
	call := func(*Call) (int, Errno) { return ret(0, unix.Listen(fd, backlog)) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpListen, FD: fd, Args: fmt.Sprint(backlog)}, call)
		return e
	}
	_, e := call(nil)
	return e
}

// Accept is accept4(2) with SOCK_NONBLOCK and SOCK_CLOEXEC, or accept(2) and
// fcntl(2) where that is all there is. peer is the zero AddrPort where it is
// not an internet address.
func Accept(fd int) (conn int, peer netip.AddrPort, errno Errno) {
	call := func(c *Call) (int, Errno) {
		conn, peer, errno = accept(fd)
		if c != nil && errno == 0 {
			c.Out = peer.String()
		}
		return conn, errno
	}
	if h := hooks.Load(); h != nil {
		conn, errno = h.do(Call{Op: OpAccept, FD: fd, Args: "NONBLOCK|CLOEXEC"}, call)
		return conn, peer, errno
	}
	conn, errno = call(nil)
	return conn, peer, errno
}

// ShutdownWrite is shutdown(2) with SHUT_WR: the peer gets what was written and
// then the end of file.
func ShutdownWrite(fd int) Errno {
	call := func(*Call) (int, Errno) { return ret(0, unix.Shutdown(fd, unix.SHUT_WR)) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpShutdown, FD: fd, Args: "SHUT_WR"}, call)
		return e
	}
	_, e := call(nil)
	return e
}

// Getsockname is getsockname(2): the address fd is bound to, the zero AddrPort
// where that is no internet address.
func Getsockname(fd int) (addr netip.AddrPort, errno Errno) {
	call := func(c *Call) (int, Errno) {
		addr, errno = getsockname(fd)
		if c != nil && errno == 0 {
			c.Out = addr.String()
		}
		return result(errno)
	}
	if h := hooks.Load(); h != nil {
		_, errno = h.do(Call{Op: OpGetsockname, FD: fd}, call)
	} else {
		_, errno = call(nil)
	}
	return addr, errno
}

// Getpeername is getpeername(2): the address at the other end, the zero AddrPort
// where that is no internet address. ENOTCONN: there is no other end.
func Getpeername(fd int) (addr netip.AddrPort, errno Errno) {
	call := func(c *Call) (int, Errno) {
		addr, errno = getpeername(fd)
		if c != nil && errno == 0 {
			c.Out = addr.String()
		}
		return result(errno)
	}
	if h := hooks.Load(); h != nil {
		_, errno = h.do(Call{Op: OpGetpeername, FD: fd}, call)
	} else {
		_, errno = call(nil)
	}
	return addr, errno
}

// sockaddr is addr in the form x/sys wants. An address mapped into IPv6 is
// taken for the IPv4 address it is.
func sockaddr(addr netip.AddrPort) unix.Sockaddr {
	ip := addr.Addr().Unmap()
	if ip.Is4() {
		return &unix.SockaddrInet4{Port: int(addr.Port()), Addr: ip.As4()}
	}
	return &unix.SockaddrInet6{Port: int(addr.Port()), Addr: ip.As16(), ZoneId: zoneOf(ip)}
}

// zoneOf is the zone as the kernel wants it. The packages above give zones as
// numbers; what is no number is no zone.
func zoneOf(ip netip.Addr) uint32 {
	if ip.Zone() == "" {
		return 0 // as with nearly every address; parsing that would allocate an error
	}
	zone, _ := strconv.ParseUint(ip.Zone(), 10, 32)
	return uint32(zone)
}

func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(addr6(sa.Addr, sa.ZoneId), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

func addr6(ip [16]byte, zone uint32) netip.Addr {
	a := netip.AddrFrom16(ip).Unmap()
	if zone != 0 {
		a = a.WithZone(strconv.FormatUint(uint64(zone), 10))
	}
	return a
}
