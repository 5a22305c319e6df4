//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"
	"sync/atomic"
	"syscall"
	"time"
)

// Errno is the kernel's error number; 0 means success. It is syscall.Errno, so
// errors.Is works against os.ErrPermission, errors.ErrUnsupported and so on.
type Errno = syscall.Errno

// Op names a system call as the kernel does.
type Op string

// Call is one system call as the hooks see it.
type Call struct {
	Op   Op
	FD   int    // the descriptor it acts on, -1 where there is none
	Args string // the arguments behind FD, decoded; "" where there are none

	// What Args says, for those who work with it.
	Verb    string        // ADD, MOD or DEL of epoll_ctl
	Size    int           // of a read or write: bytes offered; of a wait: room for what is ready
	Timeout time.Duration // of a wait; math.MaxInt64 is for ever
	Asked   []Watch       // what a wait or a change of an interest is about

	// Only the trace hook sees these.
	Result   int           // what the call returned, -1 when it failed
	Errno    Errno         // why it failed, 0 when it did not
	Out      string        // what the kernel wrote back, decoded
	Found    []Watch       // what a wait found, or the ends of a pipe
	Injected bool          // the fault hook answered; the kernel was not asked
	Start    time.Time     // when the call began
	Took     time.Duration // how long it lasted
}

// Watch is a descriptor in the list of a wait, or in a change of one.
type Watch struct {
	FD   int
	Bits string // such as IN|RDHUP; of select r, w and x; of kqueue READ|ADD
	Data int64  // of kqueue: how many bytes, or connections, there are
}

// String writes the call on one line, in the manner of strace.
func (c Call) String() string {
	s := string(c.Op) + "("
	switch {
	case c.FD >= 0 && c.Args != "":
		s += fmt.Sprintf("%d, %s", c.FD, c.Args)
	case c.FD >= 0:
		s += fmt.Sprint(c.FD)
	default:
		s += c.Args
	}
	s += fmt.Sprintf(") = %d", c.Result)
	if c.Out != "" {
		s += " [" + c.Out + "]"
	}
	if c.Errno != 0 {
		s += " " + errnoName(c.Errno)
	}
	if c.Injected {
		s += " (injected)"
	}
	return s
}

// Hooks watch and break system calls, of the whole process at once. Both
// functions are called on the goroutine that makes the call; they must not
// make system calls through this package themselves.
type Hooks struct {
	// Trace is told of each call after it returned. nil: no trace.
	Trace func(Call)
	// Fault is asked before each call. A non-zero answer becomes the call's
	// result and the kernel is not asked. nil: no faults.
	Fault func(Call) Errno
}

var hooks atomic.Pointer[Hooks]

// SetHooks installs h in place of what was there, which restore brings back.
// nil removes all hooks. Any goroutine may call it.
func SetHooks(h *Hooks) (restore func()) {
	old := hooks.Swap(h)
	return func() { hooks.Store(old) }
}

// do makes the call c by fn, which may describe what came back in Call.Out.
func (h *Hooks) do(c Call, fn func(*Call) (int, Errno)) (int, Errno) {
	if h.Fault != nil {
		c.Errno = h.Fault(c)
	}
	c.Start = time.Now()
	if c.Errno != 0 {
		c.Result, c.Injected = -1, true
	} else {
		c.Result, c.Errno = fn(&c)
		c.Took = time.Since(c.Start)
	}
	if h.Trace != nil {
		h.Trace(c)
	}
	return c.Result, c.Errno
}
