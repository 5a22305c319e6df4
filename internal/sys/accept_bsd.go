//go:build darwin || netbsd || openbsd

package sys

import (
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// x/sys has no accept4 for these systems, so a fork of os/exec is kept out
// until the flags are set.
func accept(fd int) (int, netip.AddrPort, Errno) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	conn, sa, err := unix.Accept(fd)
	n, e := guard(conn, err)
	return n, addrPort(sa), e
}

// guard gives a new descriptor the flags the system could not set in the call
// that made it.
func guard(fd int, err error) (int, Errno) {
	if err != nil {
		return ret(fd, err)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd) // the error at hand says more
		return ret(fd, err)
	}
	return fd, 0
}
