//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"
	"strings"
	"time"
)

// Kevent is struct kevent in a form that is the same on every system; the file
// of the system translates. Udata is left out: its type differs, and the
// descriptor in Ident is all the poller needs.
type Kevent struct {
	Ident  int
	Filter KFilter
	Flags  KFlags
	Fflags uint32
	Data   int64
}

// KFilter is a kqueue filter, by our own number: NetBSD's differ from the rest.
type KFilter int8

// The filters iomux uses.
const (
	FilterRead  KFilter = -1
	FilterWrite KFilter = -2
)

// KFlags are the EV_* flags, which have one value on all systems.
type KFlags uint16

// The flags iomux uses.
const (
	EvAdd     KFlags = 0x1
	EvDelete  KFlags = 0x2
	EvOneShot KFlags = 0x10
	EvClear   KFlags = 0x20
	EvError   KFlags = 0x4000
	EvEOF     KFlags = 0x8000
)

// KqueueCalls is the seam below the kqueue poller: all it asks of a kernel.
// The BSDs and darwin fill it with their system calls; on Linux a test may put
// an implementation of its own here, see [SetKqueue].
type KqueueCalls struct {
	Kqueue func() (int, Errno)
	// Kevent applies changes in order and stops at the first that fails,
	// whose errno it returns. With events it then waits for at most timeout:
	// Forever (math.MaxInt64) without end, 0 not at all.
	Kevent func(kq int, changes, events []Kevent, timeout time.Duration) (int, Errno)
	Close  func(kq int) Errno
	// Pollable: the number that Kqueue returned is a descriptor which other
	// pollers can watch.
	Pollable bool
}

// The calls of the kqueue backend.
const (
	OpKqueue Op = "kqueue"
	OpKevent Op = "kevent"
)

// NewKqueue is kqueue(2).
func NewKqueue() (int, Errno) {
	if h := hooks.Load(); h != nil {
		return h.do(Call{Op: OpKqueue, FD: -1}, func(*Call) (int, Errno) { return kqueueCalls.Kqueue() })
	}
	return kqueueCalls.Kqueue()
}

// KeventWait is kevent(2): see [KqueueCalls.Kevent].
func KeventWait(kq int, changes, events []Kevent, timeout time.Duration) (int, Errno) {
	if h := hooks.Load(); h != nil {
		args := fmt.Sprintf("[%s], %d, %s", keventList(changes), len(events), timeoutText(timeout))
		c := Call{Op: OpKevent, FD: kq, Args: args, Size: len(events), Timeout: timeout, Asked: keventWatches(changes)}
		return h.do(c, func(c *Call) (int, Errno) {
			n, e := kqueueCalls.Kevent(kq, changes, events, timeout)
			if n > 0 {
				c.Out, c.Found = keventList(events[:n]), keventWatches(events[:n])
			}
			return n, e
		})
	}
	return kqueueCalls.Kevent(kq, changes, events, timeout)
}

// CloseKqueue closes what NewKqueue opened.
func CloseKqueue(kq int) Errno {
	if h := hooks.Load(); h != nil {
		_, e := h.do(Call{Op: OpClose, FD: kq}, func(*Call) (int, Errno) { return result(kqueueCalls.Close(kq)) })
		return e
	}
	return kqueueCalls.Close(kq)
}

// KqueuePollable is [KqueueCalls.Pollable] of the kqueue in force.
func KqueuePollable() bool { return kqueueCalls.Pollable }

func keventList(list []Kevent) string {
	var s []string
	for _, k := range list {
		s = append(s, fmt.Sprintf("%d:%s data=%d", k.Ident, k.names(), k.Data))
	}
	return strings.Join(s, " ")
}

// names are filter and flags, such as "READ|EOF".
func (k *Kevent) names() string {
	name := "READ"
	if k.Filter == FilterWrite {
		name = "WRITE"
	}
	for _, f := range []struct {
		bit  KFlags
		name string
	}{{EvAdd, "ADD"}, {EvDelete, "DELETE"}, {EvOneShot, "ONESHOT"}, {EvClear, "CLEAR"}, {EvError, "ERROR"}, {EvEOF, "EOF"}} {
		if k.Flags&f.bit != 0 {
			name += "|" + f.name
		}
	}
	return name
}

// keventWatches is the list as the hooks have it.
func keventWatches(list []Kevent) (watches []Watch) {
	for _, k := range list {
		watches = append(watches, Watch{FD: k.Ident, Bits: k.names(), Data: k.Data})
	}
	return watches
}
