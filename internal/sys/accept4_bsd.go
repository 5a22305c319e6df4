//go:build dragonfly || freebsd

package sys

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

func accept(fd int) (int, netip.AddrPort, Errno) {
	conn, sa, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	n, e := ret(conn, err)
	return n, addrPort(sa), e
}
