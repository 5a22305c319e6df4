//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// SetsockoptInt is setsockopt(2) with an int value.
func SetsockoptInt(fd, level, opt, value int) Errno {
	call := func(*Call) (int, Errno) { return ret(0, unix.SetsockoptInt(fd, level, opt, value)) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpSetsockopt, FD: fd, Args: fmt.Sprintf("%d, %d, %d", level, opt, value)}, call)
		return e
	}
	_, e := call(nil)
	return e
}

// setsockopt is setsockopt(2) with a value that is no int, which text writes
// out for the hooks and set hands over.
func setsockopt(fd, level, opt int, text func() string, set func() error) Errno {
	call := func(*Call) (int, Errno) { return ret(0, set()) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpSetsockopt, FD: fd, Args: fmt.Sprintf("%d, %d, %s", level, opt, text())}, call)
		return e
	}
	_, e := call(nil)
	return e
}

// GetsockoptInt is getsockopt(2) of an int value.
func GetsockoptInt(fd, level, opt int) (value int, errno Errno) {
	call := func(c *Call) (int, Errno) {
		value, errno = getsockoptInt(fd, level, opt)
		if c != nil && errno == 0 {
			c.Out = fmt.Sprint(value)
		}
		return result(errno)
	}
	if h := hooks.Load(); h != nil {
		_, errno = h.do(Call{Op: OpGetsockopt, FD: fd, Args: fmt.Sprintf("%d, %d", level, opt)}, call)
	} else {
		_, errno = call(nil)
	}
	return value, errno
}

// SocketError is getsockopt(2) with SO_ERROR: how a connect ended, or what else
// happened to the socket since it was asked last. It is also the errno of that
// call, if it failed itself.
func SocketError(fd int) Errno {
	pending, e := GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if e != 0 {
		return e
	}
	return Errno(pending)
}

// SetLinger is setsockopt(2) with SO_LINGER on: a close keeps trying for so many
// seconds to deliver what was written. With 0 it throws that away and resets the
// connection.
func SetLinger(fd, seconds int) Errno {
	return setsockopt(fd, unix.SOL_SOCKET, lingerSeconds,
		func() string { return fmt.Sprintf("{1, %d}", seconds) },
		func() error {
			return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, lingerSeconds, &unix.Linger{Onoff: 1, Linger: int32(seconds)})
		})
}

// SocketKind says what fd is: family and type as [Socket] takes them, and
// whether it listens. It makes up to three calls. ENOTSOCK: it is no socket.
func SocketKind(fd int) (family, typ int, listening bool, errno Errno) {
	if typ, errno = GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE); errno != 0 {
		return 0, 0, false, errno
	}
	if family, errno = socketFamily(fd); errno != 0 {
		return 0, 0, false, errno
	}
	if listening, errno = socketListens(fd, typ); errno != 0 {
		return 0, 0, false, errno
	}
	return family, typ, listening, 0
}
