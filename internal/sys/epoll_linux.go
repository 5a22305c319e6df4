package sys

import (
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls of the epoll backend. Go's own C-less way is epoll_pwait, on every
// architecture: arm64 and later ones have no epoll_wait.
const (
	OpEpollCreate Op = "epoll_create1"
	OpEpollCtl    Op = "epoll_ctl"
	OpEpollPwait  Op = "epoll_pwait"
	OpEpollPwait2 Op = "epoll_pwait2"
	OpEventfd     Op = "eventfd2"
)

// EpollCreate is epoll_create1(2) with EPOLL_CLOEXEC.
func EpollCreate() (int, Errno) {
	call := func(*Call) (int, Errno) { return ret(unix.EpollCreate1(unix.EPOLL_CLOEXEC)) }
	if h := hooks.Load(); h != nil {
		return h.do(Call{Op: OpEpollCreate, FD: -1, Args: "CLOEXEC"}, call)
	}
	return call(nil)
}

// EpollCtl is epoll_ctl(2); op is unix.EPOLL_CTL_ADD, MOD or DEL.
func EpollCtl(epfd, op, fd int, events uint32) Errno {
	if h := hooks.Load(); h != nil {
		verb, bits := [...]string{"?", "ADD", "DEL", "MOD"}[op&3], EpollBits(events)
		c := Call{Op: OpEpollCtl, FD: epfd, Args: fmt.Sprintf("%s, %d, %s", verb, fd, bits), Verb: verb, Asked: []Watch{{FD: fd, Bits: bits}}}
		_, e := h.do(c, func(*Call) (int, Errno) { return result(epollCtl(epfd, op, fd, events)) })
		return e
	}
	return epollCtl(epfd, op, fd, events)
}

func epollCtl(epfd, op, fd int, events uint32) Errno {
	ev := unix.EpollEvent{Events: events, Fd: int32(fd)}
	_, _, e := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epfd), uintptr(op), uintptr(fd), uintptr(unsafe.Pointer(&ev)), 0, 0)
	return e
}

// noPwait2 is set when the kernel (before 5.11) or a sandbox turned
// epoll_pwait2 down; it does not change back.
var noPwait2 atomic.Bool

// EpollWait is epoll_pwait2(2), or epoll_pwait(2) where that is all there is:
// then the timeout is rounded up to the millisecond and cut at 24 days, so a
// caller must check how much time passed when nothing came. timeout is 0,
// positive, or math.MaxInt64 for ever.
func EpollWait(epfd int, events []unix.EpollEvent, timeout time.Duration) (int, Errno) {
	switch {
	case timeout == 0:
		return epollPwait(epfd, events, 0)
	case timeout == math.MaxInt64:
		return epollPwait(epfd, events, -1)
	case !noPwait2.Load():
		n, e := epollPwait2(epfd, events, timeout)
		// A seccomp filter that does not know the call says EPERM.
		if e != unix.ENOSYS && e != unix.EPERM {
			return n, e
		}
		noPwait2.Store(true)
	}
	return epollPwait(epfd, events, ceilMillis(timeout))
}

func epollPwait(epfd int, events []unix.EpollEvent, ms int) (int, Errno) {
	if h := hooks.Load(); h != nil {
		args := fmt.Sprintf("%d, %d ms", len(events), ms)
		timeout := time.Duration(ms) * time.Millisecond
		if ms < 0 {
			timeout = math.MaxInt64
		}
		return h.do(Call{Op: OpEpollPwait, FD: epfd, Args: args, Size: len(events), Timeout: timeout}, func(c *Call) (int, Errno) {
			n, e := epollPwaitRaw(epfd, events, ms)
			c.Out, c.Found = epollList(events, n)
			return n, e
		})
	}
	return epollPwaitRaw(epfd, events, ms)
}

func epollPwaitRaw(epfd int, events []unix.EpollEvent, ms int) (int, Errno) {
	if ms == 0 {
		return ret3(unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0))
	}
	return ret3(unix.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(epfd), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), uintptr(ms), 0, 0))
}

func epollPwait2(epfd int, events []unix.EpollEvent, timeout time.Duration) (int, Errno) {
	if h := hooks.Load(); h != nil {
		args := fmt.Sprintf("%d, %s", len(events), timeoutText(timeout))
		return h.do(Call{Op: OpEpollPwait2, FD: epfd, Args: args, Size: len(events), Timeout: timeout}, func(c *Call) (int, Errno) {
			n, e := epollPwait2Raw(epfd, events, timeout)
			c.Out, c.Found = epollList(events, n)
			return n, e
		})
	}
	return epollPwait2Raw(epfd, events, timeout)
}

func epollPwait2Raw(epfd int, events []unix.EpollEvent, timeout time.Duration) (int, Errno) {
	// The kernel's struct has 64-bit fields on every architecture.
	ts := struct{ sec, nsec int64 }{int64(timeout / time.Second), int64(timeout % time.Second)}
	return ret3(unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epfd), uintptr(unsafe.Pointer(unsafe.SliceData(events))),
		uintptr(len(events)), uintptr(unsafe.Pointer(&ts)), 0, 0))
}

// EpollBits names the bits of an epoll event, such as "IN|RDHUP".
func EpollBits(bits uint32) string {
	names := []struct {
		bit  uint32
		name string
	}{
		{unix.EPOLLIN, "IN"}, {unix.EPOLLPRI, "PRI"}, {unix.EPOLLOUT, "OUT"}, {unix.EPOLLERR, "ERR"},
		{unix.EPOLLHUP, "HUP"}, {unix.EPOLLRDHUP, "RDHUP"}, {unix.EPOLLET, "ET"},
		{unix.EPOLLONESHOT, "ONESHOT"}, {unix.EPOLLEXCLUSIVE, "EXCLUSIVE"},
	}
	var s []string
	for _, n := range names {
		if bits&n.bit != 0 {
			s = append(s, n.name)
			bits &^= n.bit
		}
	}
	if bits != 0 || s == nil {
		s = append(s, fmt.Sprintf("%#x", bits))
	}
	return strings.Join(s, "|")
}

// epollList is the first n events, in words and as the hooks have them.
func epollList(events []unix.EpollEvent, n int) (text string, list []Watch) {
	var s []string
	for i := 0; i < n; i++ {
		w := Watch{FD: int(events[i].Fd), Bits: EpollBits(events[i].Events)}
		s = append(s, fmt.Sprintf("%d:%s", w.FD, w.Bits))
		list = append(list, w)
	}
	return strings.Join(s, " "), list
}

// Eventfd is eventfd2(2) with EFD_NONBLOCK and EFD_CLOEXEC, counting from 0.
func Eventfd() (int, Errno) {
	call := func(*Call) (int, Errno) { return ret(unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)) }
	if h := hooks.Load(); h != nil {
		return h.do(Call{Op: OpEventfd, FD: -1, Args: "0, NONBLOCK|CLOEXEC"}, call)
	}
	return call(nil)
}
