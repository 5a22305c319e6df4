//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// LockDir opens a directory and takes flock(2)'s exclusive lock on it, which
// [Close] gives back, as does the end of the process. It does not wait:
// EWOULDBLOCK means that somebody holds it. ENOLCK, EOPNOTSUPP, ENOSYS or EBADF:
// the file system has no such locks.
func LockDir(path string) (fd int, errno Errno) {
	fd, errno = openDir(path)
	if errno != 0 {
		return -1, errno
	}
	if errno = flock(fd); errno != 0 {
		Close(fd)
		return -1, errno
	}
	return fd, 0
}

func openDir(path string) (int, Errno) {
	call := func(*Call) (int, Errno) {
		return ret(unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0))
	}
	if h := hooks.Load(); h != nil {
		return h.do(Call{Op: OpOpen, FD: -1, Args: strconv.Quote(path) + ", O_RDONLY|O_DIRECTORY|O_CLOEXEC"}, call)
	}
	return call(nil)
}

func flock(fd int) Errno {
	call := func(*Call) (int, Errno) { return ret(0, unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)) }
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpFlock, FD: fd, Args: "LOCK_EX|LOCK_NB"}, call)
		return e
	}
	_, e := call(nil)
	return e
}
