package sys

import "golang.org/x/sys/unix"

func unsent(fd int) (int, Errno) {
	return getsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NWRITE)
}
