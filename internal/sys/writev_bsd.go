//go:build dragonfly || freebsd || netbsd

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func writev(fd int, pieces [][]byte) (int, Errno) {
	var v iovecs
	n := v.fill(pieces)
	r, _, e := unix.Syscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&v)), uintptr(n))
	if e != 0 {
		return -1, e
	}
	return int(r), 0
}
