package sys

import (
	"math"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The C library stops at FD_SETSIZE, the system call does not.
const selectMax = 0

func selectCall(n int, r, w, x FDSet, timeout time.Duration) (int, Errno) {
	var ts *unix.Timespec
	if timeout != math.MaxInt64 {
		t := unix.NsecToTimespec(int64(timeout)) // the kernel writes the rest of the time into it
		ts = &t
	}
	if timeout == 0 {
		return ret3(unix.RawSyscall6(unix.SYS_PSELECT6, uintptr(n), r.address(), w.address(), x.address(), uintptr(unsafe.Pointer(ts)), 0))
	}
	return ret3(unix.Syscall6(unix.SYS_PSELECT6, uintptr(n), r.address(), w.address(), x.address(), uintptr(unsafe.Pointer(ts)), 0))
}

// address is where the kernel finds the set. The caller keeps s alive and on
// the heap across the call: the poller's sets are fields of it.
func (s FDSet) address() uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(s))) }
