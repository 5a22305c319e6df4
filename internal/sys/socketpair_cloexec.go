//go:build linux || dragonfly || freebsd || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

func socketpair() (a, b int, errno Errno) {
	p, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	_, errno = ret(0, err)
	return p[0], p[1], errno
}
