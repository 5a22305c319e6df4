//go:build linux || freebsd || openbsd

package sys

import "golang.org/x/sys/unix"

func socketFamily(fd int) (int, Errno) {
	return GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
}
