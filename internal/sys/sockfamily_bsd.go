//go:build darwin || dragonfly || netbsd

package sys

import "golang.org/x/sys/unix"

// socketFamily asks for the socket's name: these systems have no SO_DOMAIN.
func socketFamily(fd int) (family int, errno Errno) {
	call := func(c *Call) (int, Errno) {
		sa, err := unix.Getsockname(fd)
		if err != nil {
			return ret(0, err)
		}
		switch sa.(type) {
		case *unix.SockaddrInet4:
			family = unix.AF_INET
		case *unix.SockaddrInet6:
			family = unix.AF_INET6
		case *unix.SockaddrUnix:
			family = unix.AF_UNIX
		}
		if c != nil {
			c.Out = familyName(family)
		}
		return 0, 0
	}
	if h := hooks.Load(); h != nil {
		_, errno = h.do(Call{Op: OpGetsockname, FD: fd}, call)
	} else {
		_, errno = call(nil)
	}
	return family, errno
}
