//go:build linux || dragonfly || freebsd || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

func recvmsg(fd int, p, control []byte) (n, size, flags int, err error) {
	n, size, flags, _, err = unix.Recvmsg(fd, p, control, unix.MSG_CMSG_CLOEXEC)
	return n, size, flags, err
}
