package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const lingerSeconds = unix.SO_LINGER

func getsockoptInt(fd, level, opt int) (int, Errno) {
	var value int32
	e := getsockopt(fd, level, opt, unsafe.Pointer(&value), unsafe.Sizeof(value))
	return int(value), e
}

// getsockopt lets the kernel write size bytes to p.
func getsockopt(fd, level, opt int, p unsafe.Pointer, size uintptr) Errno {
	n := uint32(size)
	_, _, e := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(opt), uintptr(p), uintptr(unsafe.Pointer(&n)), 0)
	return e
}
