package sys

import (
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
