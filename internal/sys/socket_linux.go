package sys

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

func socket(family, typ int) (int, Errno) {
	return ret(unix.Socket(family, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0))
}

// accept decodes the peer's address itself: x/sys would allocate two objects a
// connection for it.
func accept(fd int) (int, netip.AddrPort, Errno) {
	var sa unix.RawSockaddrAny
	size := uint32(unix.SizeofSockaddrAny)
	conn, e := ret3(unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0))
	if e != 0 {
		return conn, netip.AddrPort{}, e
	}
	return conn, rawAddrPort(&sa), 0
}

func connect(fd int, addr netip.AddrPort) (int, Errno) {
	var sa unix.RawSockaddrAny
	size := putAddrPort(&sa, addr)
	return ret3(unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(size)))
}

func getsockname(fd int) (netip.AddrPort, Errno) {
	var sa unix.RawSockaddrAny
	if _, e := socketName(unix.SYS_GETSOCKNAME, fd, &sa); e != 0 {
		return netip.AddrPort{}, e
	}
	return rawAddrPort(&sa), 0
}

func getpeername(fd int) (netip.AddrPort, Errno) {
	var sa unix.RawSockaddrAny
	if _, e := socketName(unix.SYS_GETPEERNAME, fd, &sa); e != 0 {
		return netip.AddrPort{}, e
	}
	return rawAddrPort(&sa), 0
}

// socketName is the call trap, getsockname or getpeername, and returns how many
// bytes of sa it filled. x/sys asks for the protocol as well, a second call, and
// loses what follows a NUL in an abstract name.
func socketName(trap uintptr, fd int, sa *unix.RawSockaddrAny) (size uint32, errno Errno) {
	size = unix.SizeofSockaddrAny
	_, _, errno = unix.RawSyscall(trap, uintptr(fd), uintptr(unsafe.Pointer(sa)), uintptr(unsafe.Pointer(&size)))
	return size, errno
}

// rawAddrPort is what the kernel wrote, the zero AddrPort if that is no internet
// address.
func rawAddrPort(sa *unix.RawSockaddrAny) netip.AddrPort {
	port := func(p *uint16) uint16 { // in network byte order, whatever the machine's
		b := (*[2]byte)(unsafe.Pointer(p))
		return uint16(b[0])<<8 | uint16(b[1])
	}
	switch sa.Addr.Family {
	case unix.AF_INET:
		a := (*unix.RawSockaddrInet4)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), port(&a.Port))
	case unix.AF_INET6:
		a := (*unix.RawSockaddrInet6)(unsafe.Pointer(sa))
		return netip.AddrPortFrom(addr6(a.Addr, a.Scope_id), port(&a.Port))
	}
	return netip.AddrPort{}
}

// putAddrPort writes addr as the kernel wants it and returns the size. An
// address mapped into IPv6 is taken for the IPv4 address it is; a datagram
// socket of IPv6 takes that too, unless it is for IPv6 only.
func putAddrPort(sa *unix.RawSockaddrAny, addr netip.AddrPort) (size uint32) {
	network := [2]byte{byte(addr.Port() >> 8), byte(addr.Port())}
	port := binary.NativeEndian.Uint16(network[:])
	ip := addr.Addr().Unmap()
	if ip.Is4() {
		*(*unix.RawSockaddrInet4)(unsafe.Pointer(sa)) = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: port, Addr: ip.As4()}
		return unix.SizeofSockaddrInet4
	}
	*(*unix.RawSockaddrInet6)(unsafe.Pointer(sa)) = unix.RawSockaddrInet6{
		Family: unix.AF_INET6, Port: port, Addr: ip.As16(), Scope_id: zoneOf(ip),
	}
	return unix.SizeofSockaddrInet6
}
