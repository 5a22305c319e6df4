//go:build freebsd || netbsd

package sys

import "golang.org/x/sys/unix"

func unsent(fd int) (int, Errno) {
	n, err := unix.IoctlGetInt(fd, fionwrite)
	_, e := ret(0, err)
	return n, e
}
