//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"math"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// kqueueCalls are the kernel's own.
var kqueueCalls = KqueueCalls{
	Kqueue:   kqueue,
	Kevent:   kevent,
	Close:    func(kq int) Errno { _, e := ret(0, unix.Close(kq)); return e },
	Pollable: true,
}

// kqueue makes a queue that no child process keeps: the flag is set apart from
// the call, so a fork in between is held off.
func kqueue() (int, Errno) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	kq, e := ret(unix.Kqueue())
	if e == 0 {
		unix.CloseOnExec(kq)
	}
	return kq, e
}

// kevent submits and waits in calls of their own: with an event list at hand
// the kernel would report a failing change there, among the events, and go on.
func kevent(kq int, changes, events []Kevent, timeout time.Duration) (int, Errno) {
	if len(changes) > 0 {
		if e := submitKevents(kq, changes); e != 0 {
			return -1, e
		}
	}
	if len(events) == 0 {
		return 0, 0
	}
	return waitKevents(kq, events, timeout)
}

func submitKevents(kq int, changes []Kevent) Errno {
	var few [4]unix.Kevent_t
	list := few[:0]
	for _, c := range changes {
		var k unix.Kevent_t
		filter := unix.EVFILT_READ
		if c.Filter == FilterWrite {
			filter = unix.EVFILT_WRITE
		}
		unix.SetKevent(&k, c.Ident, filter, int(c.Flags)) // the fields' types differ from system to system
		list = append(list, k)
	}
	_, e := ret(unix.Kevent(kq, list, nil, &unix.Timespec{}))
	if e == unix.EINTR {
		return 0 // kevent(2): the changes have all been applied by then
	}
	return e
}

// keventBuffers holds *[]unix.Kevent_t: a wait fills one and needs it no longer
// than it takes to translate.
var keventBuffers = sync.Pool{New: func() any { return new([]unix.Kevent_t) }}

func waitKevents(kq int, events []Kevent, timeout time.Duration) (int, Errno) {
	buf := keventBuffers.Get().(*[]unix.Kevent_t)
	defer keventBuffers.Put(buf)
	if len(*buf) < len(events) {
		*buf = make([]unix.Kevent_t, len(events))
	}
	list := (*buf)[:len(events)]
	n, e := ret(unix.Kevent(kq, nil, list, keventTimeout(timeout)))
	for i := range max(n, 0) {
		k := &list[i]
		filter := FilterRead
		if k.Filter == unix.EVFILT_WRITE {
			filter = FilterWrite
		}
		events[i] = Kevent{
			Ident:  int(k.Ident),
			Filter: filter,
			Flags:  KFlags(k.Flags),
			Fflags: k.Fflags,
			Data:   int64(k.Data),
		}
	}
	return n, e
}

// keventTimeout cuts a long wait at a million seconds, beyond which darwin
// answers EINVAL (the Go runtime does the same); a caller must check how much
// time passed when nothing came.
func keventTimeout(timeout time.Duration) *unix.Timespec {
	if timeout == math.MaxInt64 {
		return nil
	}
	ts := unix.NsecToTimespec(int64(min(timeout, 1e6*time.Second)))
	return &ts
}
