package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

func unsent(fd int) (int, Errno) {
	var n int32
	_, _, e := unix.RawSyscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCOUTQ, uintptr(unsafe.Pointer(&n)))
	return int(n), e
}
