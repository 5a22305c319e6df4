//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

func connect(fd int, addr netip.AddrPort) (int, Errno) {
	return ret(0, unix.Connect(fd, sockaddr(addr)))
}

func getsockname(fd int) (netip.AddrPort, Errno) {
	sa, err := unix.Getsockname(fd)
	_, e := ret(0, err)
	return addrPort(sa), e
}

func getpeername(fd int) (netip.AddrPort, Errno) {
	sa, err := unix.Getpeername(fd)
	_, e := ret(0, err)
	return addrPort(sa), e
}
