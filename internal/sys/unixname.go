//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// BindUnix is bind(2) of a Unix socket to name: a path or, on Linux, "@" and an
// abstract name, any bytes; "" lets Linux choose an abstract name. ENAMETOOLONG:
// it does not fit in a socket address. EINVAL: a NUL in a path. ENOTSUP: an
// abstract name on a system that has none.
func BindUnix(fd int, name string) Errno {
	call := func(*Call) (int, Errno) { return bindUnix(fd, name) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpBind, FD: fd, Args: strconv.Quote(name)}, call)
		return e
	}
	_, e := call(nil)
	return e
}

// ConnectUnix is connect(2) to a name as [BindUnix] takes it. It is over at once
// or fails. EAGAIN: the listener's queue is full. ECONNREFUSED: nobody listens.
// EPROTOTYPE: a socket of another type is there.
func ConnectUnix(fd int, name string) Errno {
	call := func(*Call) (int, Errno) { return connectUnix(fd, name) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpConnect, FD: fd, Args: strconv.Quote(name)}, call)
		return e
	}
	_, e := call(nil)
	return e
}

// UnixName is getsockname(2) of a Unix socket: its name as [BindUnix] takes it,
// "" where it has none or is no Unix socket.
func UnixName(fd int) (name string, errno Errno) {
	call := func(c *Call) (int, Errno) {
		name, errno = getUnixName(fd)
		if c != nil && errno == 0 {
			c.Out = strconv.Quote(name)
		}
		return result(errno)
	}
	if h := hooks.Load(); h != nil {
		_, errno = h.do(Call{Op: OpGetsockname, FD: fd}, call)
	} else {
		_, errno = call(nil)
	}
	return name, errno
}

// MaxUnixName is how many bytes a name of a Unix socket may have: the path, or
// what follows the "@" of an abstract name.
const MaxUnixName = len(unix.RawSockaddrUnix{}.Path) - 1
