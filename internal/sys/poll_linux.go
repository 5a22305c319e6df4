package sys

import (
	"math"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// pollRdHup is POLLRDHUP, which only Linux has.
const pollRdHup = unix.POLLRDHUP

func poll(fds []unix.PollFd, timeout time.Duration) (int, Errno) {
	var ts *unix.Timespec
	if timeout != math.MaxInt64 {
		t := unix.NsecToTimespec(int64(timeout)) // the kernel writes the rest of the time into it
		ts = &t
	}
	if timeout == 0 {
		return ret3(unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(unsafe.SliceData(fds))), uintptr(len(fds)), uintptr(unsafe.Pointer(ts)), 0, 0, 0))
	}
	return ret3(unix.Syscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(unsafe.SliceData(fds))), uintptr(len(fds)), uintptr(unsafe.Pointer(ts)), 0, 0, 0))
}

// HoldForRead waits until fd is readable, for at most timeout, while the
// goroutine keeps its processor: no other goroutine runs on it meanwhile. A
// signal ends it with EINTR, the runtime's own (it preempts by SIGURG) among
// them, after which the caller should yield.
func HoldForRead(fd int, timeout time.Duration) Errno {
	if h := hooks.Load(); h != nil {
		args := "[IN], " + timeoutText(timeout)
		c := Call{Op: OpPoll, FD: fd, Args: args, Size: 1, Timeout: timeout, Asked: []Watch{{FD: fd, Bits: "IN"}}}
		_, e := h.do(c, func(*Call) (int, Errno) { return holdForRead(fd, timeout) })
		return e
	}
	_, e := holdForRead(fd, timeout)
	return e
}

func holdForRead(fd int, timeout time.Duration) (int, Errno) {
	fds := unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	ts := unix.NsecToTimespec(int64(timeout))
	return ret3(unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds)), 1, uintptr(unsafe.Pointer(&ts)), 0, 0, 0))
}
