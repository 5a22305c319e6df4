//go:build dragonfly || freebsd || netbsd

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// x/sys has no Writev for these systems.
func writev(fd int, pieces [][]byte) (int, Errno) {
	var iov [MaxPieces]unix.Iovec
	n := 0
	for _, p := range pieces {
		if len(p) == 0 {
			continue
		}
		iov[n].Base = unsafe.SliceData(p)
		iov[n].SetLen(len(p))
		if n++; n == MaxPieces {
			break
		}
	}
	r, _, e := unix.Syscall(unix.SYS_WRITEV, uintptr(fd), uintptr(unsafe.Pointer(&iov)), uintptr(n))
	if e != 0 {
		return -1, e
	}
	return int(r), 0
}
