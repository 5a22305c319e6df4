//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

// SetCloexec is fcntl(2) with F_SETFD and FD_CLOEXEC: a program that this one
// starts does not get fd. Descriptors made here have it from the start; it is
// for those that came from elsewhere.
func SetCloexec(fd int) Errno {
	call := func(*Call) (int, Errno) { return ret(unix.FcntlInt(uintptr(fd), unix.F_SETFD, unix.FD_CLOEXEC)) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpFcntl, FD: fd, Args: "F_SETFD, FD_CLOEXEC"}, call)
		return e
	}
	_, e := call(nil)
	return e
}
