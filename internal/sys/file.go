//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Close is close(2). The descriptor is gone whatever it answers: a second
// close after EINTR would hit whoever was given the number in between.
func Close(fd int) Errno {
	call := func(*Call) (int, Errno) { return ret(0, unix.Close(fd)) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpClose, FD: fd}, call)
		return e
	}
	_, e := call(nil)
	return e
}

// IsOpen reports whether fd is an open descriptor: fcntl(2) with F_GETFD.
func IsOpen(fd int) bool {
	call := func(*Call) (int, Errno) { return ret(unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpFcntl, FD: fd, Args: "F_GETFD"}, call)
		return e == 0
	}
	_, e := call(nil)
	return e == 0
}

// Dup is fcntl(2) with F_DUPFD_CLOEXEC: another number for the same description.
func Dup(fd int) (int, Errno) {
	call := func(*Call) (int, Errno) { return ret(unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)) }
	if h := hooks.Load(); h != nil {
		return h.do(Call{Op: OpFcntl, FD: fd, Args: "F_DUPFD_CLOEXEC, 0"}, call)
	}
	return call(nil)
}

// SetNonblock is fcntl(2) with F_SETFL and O_NONBLOCK.
func SetNonblock(fd int) Errno {
	call := func(*Call) (int, Errno) { return ret(0, unix.SetNonblock(fd, true)) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpFcntl, FD: fd, Args: "F_SETFL, O_NONBLOCK"}, call)
		return e
	}
	_, e := call(nil)
	return e
}

// OpenNull opens /dev/null, close-on-exec: a descriptor to hold in reserve.
func OpenNull() (int, Errno) {
	call := func(*Call) (int, Errno) { return ret(unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)) }
	if h := hooks.Load(); h != nil {
		return h.do(Call{Op: OpOpen, FD: -1, Args: fmt.Sprintf("%q, O_RDONLY|O_CLOEXEC", "/dev/null")}, call)
	}
	return call(nil)
}
