//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"math"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func selectCall(n int, r, w, x FDSet, timeout time.Duration) (int, Errno) {
	var tv *unix.Timeval
	if timeout != math.MaxInt64 {
		// The kernels refuse more than 10^8 seconds; three years are cut there
		// and waited for again by the caller.
		timeout = min(timeout, 1e8*time.Second)
		t := unix.NsecToTimeval(int64((timeout + time.Microsecond - 1).Truncate(time.Microsecond)))
		tv = &t
	}
	return ret(unix.Select(n, fdSet(r), fdSet(w), fdSet(x), tv))
}

// fdSet lends a bitmap to x/sys, whose type has the classic length; the kernel
// reads as much of it as n says.
func fdSet(s FDSet) *unix.FdSet { return (*unix.FdSet)(unsafe.Pointer(unsafe.SliceData(s))) }
