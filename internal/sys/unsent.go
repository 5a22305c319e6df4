//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import "fmt"

// Unsent is how many written bytes the kernel still holds: ioctl(2) with
// SIOCOUTQ, tcp(7), FIONWRITE on FreeBSD and NetBSD, SO_NWRITE on darwin. For
// TCP it counts what the peer has not acknowledged, and the end of the stream as
// one byte more on Linux; for other sockets the kernel's memory, which is more
// than the bytes. EINVAL: a listener. ENOTSUP: this system cannot tell
// (DragonFly, OpenBSD).
func Unsent(fd int) (n int, errno Errno) {
	call := func(c *Call) (int, Errno) {
		n, errno = unsent(fd)
		if c != nil && errno == 0 {
			c.Out = fmt.Sprint(n)
		}
		return result(errno)
	}
	if h := hooks.Load(); h != nil {
		_, errno = h.do(Call{Op: OpIoctl, FD: fd, Args: "OUTQ"}, call)
	} else {
		_, errno = call(nil)
	}
	return n, errno
}
