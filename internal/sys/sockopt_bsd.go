//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

func getsockoptInt(fd, level, opt int) (int, Errno) {
	value, err := unix.GetsockoptInt(fd, level, opt)
	_, e := ret(0, err)
	return value, e
}
