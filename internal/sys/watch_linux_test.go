package sys

import (
	"fmt"
	"math"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What a call asks and finds is also there for those who work with it: all of it, where
// the text for people is cut.
func TestWatches(t *testing.T) {
	a, b := unixPair(t)
	if _, e := Write(b, []byte("x")); e != 0 {
		t.Fatal(e)
	}
	epfd, e := EpollCreate()
	ok(t, e)
	t.Cleanup(func() { _ = unix.Close(epfd) })
	var calls []Call
	t.Cleanup(SetHooks(&Hooks{Trace: func(c Call) { calls = append(calls, c) }}))
	ok(t, EpollCtl(epfd, unix.EPOLL_CTL_ADD, a, unix.EPOLLIN|unix.EPOLLRDHUP|unix.EPOLLET))
	events := make([]unix.EpollEvent, 7)
	for _, timeout := range []time.Duration{math.MaxInt64, 0, time.Millisecond} {
		ok(t, EpollCtl(epfd, unix.EPOLL_CTL_MOD, a, unix.EPOLLIN|unix.EPOLLOUT))
		_, e := EpollWait(epfd, events, timeout)
		ok(t, e)
	}
	ok(t, EpollCtl(epfd, unix.EPOLL_CTL_DEL, a, 0))
	fds := []unix.PollFd{{Fd: int32(a), Events: unix.POLLIN | unix.POLLRDHUP}, {Fd: -1, Events: unix.POLLIN}, {Fd: int32(epfd), Events: unix.POLLOUT}}
	_, e = Poll(fds, time.Second)
	ok(t, e)
	for range 30 {
		fds = append(fds, fds[0])
	}
	_, e = Poll(fds, 0)
	ok(t, e)
	var r, w, x FDSet
	for _, s := range []*FDSet{&r, &w, &x} {
		s.Grow(max(a, epfd))
	}
	r.Set(a)
	r.Set(epfd)
	w.Set(a)
	x.Set(epfd)
	_, e = Select(max(a, epfd)+1, r, w, x, 0)
	ok(t, e)
	ok(t, HoldForRead(a, time.Second))
	_, e = Read(a, make([]byte, 9))
	ok(t, e)
	_, e = Write(a, make([]byte, 5))
	ok(t, e)
	_, e = Writev(a, [][]byte{make([]byte, 3), make([]byte, 4)})
	ok(t, e)

	one := func(fd int, bits string) []Watch { return []Watch{{FD: fd, Bits: bits}} }
	both := one(a, "IN|OUT")
	wants := []Call{
		{Verb: "ADD", Asked: one(a, "IN|RDHUP|ET")},
		{Verb: "MOD", Asked: both}, {Size: 7, Timeout: math.MaxInt64, Found: both},
		{Verb: "MOD", Asked: both}, {Size: 7, Found: both},
		{Verb: "MOD", Asked: both}, {Size: 7, Timeout: time.Millisecond, Found: both},
		{Verb: "DEL", Asked: one(a, "0x0")},
		{Size: 3, Timeout: time.Second, Asked: append(one(a, "IN|RDHUP"), one(epfd, "OUT")...), Found: one(a, "IN")},
		{Size: 33}, // looked at below
		{Size: max(a, epfd) + 1, Found: one(a, "rw")},
		{Size: 1, Timeout: time.Second, Asked: one(a, "IN")},
		{Size: 9}, {Size: 5}, {Size: 7},
	}
	if len(calls) != len(wants) {
		t.Fatalf("%d calls, want %d: %v", len(calls), len(wants), calls)
	}
	for i, c := range calls {
		want := wants[i]
		if c.Op == OpPoll && c.Size == 33 {
			if len(c.Asked) != 32 || len(c.Found) != 31 || c.Asked[31] != one(a, "IN|RDHUP")[0] {
				t.Errorf("%v: asked of %d, found %d", c, len(c.Asked), len(c.Found))
			}
			continue
		}
		if c.Op == OpSelect {
			want.Asked = []Watch{{FD: a, Bits: "rw"}, {FD: epfd, Bits: "rx"}}
			if epfd < a {
				want.Asked[0], want.Asked[1] = want.Asked[1], want.Asked[0]
			}
		}
		got := fmt.Sprint(c.Verb, c.Size, c.Timeout, c.Asked, c.Found)
		if text := fmt.Sprint(want.Verb, want.Size, want.Timeout, want.Asked, want.Found); got != text {
			t.Errorf("%v: %s, want %s", c, got, text)
		}
	}
	list := keventWatches([]Kevent{{Ident: 4, Filter: FilterWrite, Flags: EvAdd | EvClear}, {Ident: 5, Filter: FilterRead, Flags: EvEOF, Data: 9}})
	if want := []Watch{{4, "WRITE|ADD|CLEAR", 0}, {5, "READ|EOF", 9}}; fmt.Sprint(list) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", list, want)
	}
}

// SetKqueue gives back what was there.
func TestSetKqueueReturnsTheOld(t *testing.T) {
	first := SetKqueue(KqueueCalls{Kqueue: func() (int, Errno) { return 77, 0 }})
	t.Cleanup(func() { SetKqueue(first) })
	second := SetKqueue(KqueueCalls{})
	if HasKqueue() {
		t.Error("it was not taken out")
	}
	if n, e := second.Kqueue(); n != 77 || e != 0 {
		t.Errorf("%d, %v", n, e)
	}
}
