//go:build linux && cgo && libkqueue

package libkqueue

/*
#cgo pkg-config: libkqueue
#include <errno.h>
#include <sys/event.h>
#include <time.h>

// The timeout comes in parts because a pointer to it would have to be made for
// every wait.
static int wait_kevent(int kq, struct kevent *list, int room, int forever, long sec, long nsec) {
	struct timespec ts = { sec, nsec };
	return kevent(kq, 0, 0, list, room, forever ? 0 : &ts);
}

static int submit_kevent(int kq, struct kevent *change) {
	struct timespec none = { 0, 0 };
	return kevent(kq, change, 1, 0, 0, &none);
}
*/
import "C"

import (
	"math"
	"sync"
	"time"

	"example.com/iomux/internal/sys"
)

func init() {
	sys.SetKqueue(sys.KqueueCalls{Kqueue: kqueue, Kevent: kevent, Close: sys.Close})
}

// errnoOf is 0 for a call that succeeded: C may leave an old errno standing.
func errnoOf(n C.int, err error) sys.Errno {
	if n >= 0 {
		return 0
	}
	return err.(sys.Errno)
}

func kqueue() (int, sys.Errno) {
	kq, err := C.kqueue()
	return int(kq), errnoOf(kq, err)
}

func kevent(kq int, changes, events []sys.Kevent, timeout time.Duration) (int, sys.Errno) {
	for _, c := range changes {
		k := C.struct_kevent{ident: C.uintptr_t(c.Ident), filter: C.short(c.Filter), flags: C.ushort(c.Flags)}
		if n, err := C.submit_kevent(C.int(kq), &k); n < 0 {
			return -1, errnoOf(n, err)
		}
	}
	if len(events) == 0 {
		return 0, 0
	}
	return wait(kq, events, timeout)
}

// lists holds *[]C.struct_kevent: one is needed only while a wait lasts.
var lists = sync.Pool{New: func() any { return new([]C.struct_kevent) }}

func wait(kq int, events []sys.Kevent, timeout time.Duration) (int, sys.Errno) {
	buf := lists.Get().(*[]C.struct_kevent)
	defer lists.Put(buf)
	if len(*buf) < len(events) {
		*buf = make([]C.struct_kevent, len(events))
	}
	list := (*buf)[:len(events)]
	var forever C.int
	if timeout == math.MaxInt64 {
		forever = 1
	}
	n, err := C.wait_kevent(C.int(kq), &list[0], C.int(len(list)), forever,
		C.long(timeout/time.Second), C.long(timeout%time.Second))
	for i := range max(n, 0) {
		k := &list[i]
		events[i] = sys.Kevent{
			Ident:  int(k.ident),
			Filter: sys.KFilter(k.filter),
			Flags:  sys.KFlags(k.flags),
			Fflags: uint32(k.fflags),
			Data:   int64(k.data),
		}
	}
	return int(n), errnoOf(n, err)
}
