//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package trace

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

func TestLines(t *testing.T) {
	conn, listener := Ref{8, Conn, "conn 1"}, Ref{5, Listener, "listener"}
	waker, unknown := Ref{4, Waker, "waker"}, Ref{9, Other, "fd 9"}
	set := Style{}.Name(&Record{Op: sys.OpSelect})
	poll := Style{}.Name(&Record{Op: sys.OpPoll})
	for _, c := range []struct {
		r            Record
		full, stable string
	}{
		{Record{Op: sys.OpRead, On: conn, Args: "65536", Result: 4}, "read(8<conn 1>, 65536) = 4", "read(<conn 1>, 65536) = 4"},
		{Record{Op: sys.OpRead, On: unknown, Args: "10", Result: -1, Errno: syscall.EBADF}, "read(9, 10) = -1 EBADF", "read(<fd>, 10) = -1 EBADF"},
		{Record{Op: sys.OpRead, On: conn, Args: "10", Result: -1, Errno: 999}, "read(8<conn 1>, 10) = -1 errno 999", "read(<conn 1>, 10) = -1 errno 999"},
		{Record{Op: sys.OpGetsockname, On: listener, Out: "127.0.0.1:4711"}, "getsockname(5<listener>) = 0 [127.0.0.1:4711]", "getsockname(<listener>) = 0 [127.0.0.1:PORT]"},
		{Record{Op: sys.OpBind, On: listener, Args: "127.0.0.1:0"}, "bind(5<listener>, 127.0.0.1:0) = 0", "bind(<listener>, 127.0.0.1:0) = 0"},
		{Record{Op: sys.OpIoctl, On: conn, Args: "OUTQ", Out: "77"}, "ioctl(8<conn 1>, OUTQ) = 0 [77]", "ioctl(<conn 1>, OUTQ) = 0 [N]"},
		{
			Record{Op: "epoll_ctl", On: Ref{3, Epoll, "epoll"}, Verb: "MOD", Asked: []Ready{{conn, "IN|OUT", 0}}},
			"epoll_ctl(3<epoll>, MOD, 8<conn 1>, IN|OUT) = 0", "epoll_ctl(<epoll>, MOD, <conn 1>, IN|OUT) = 0",
		},
		{
			Record{Op: "epoll_pwait2", On: Ref{3, Epoll, "epoll"}, Size: 512, Timeout: 1500 * time.Microsecond},
			"epoll_pwait2(3<epoll>, 512 events, 1.5ms) = 0", "epoll_pwait2(<epoll>, 512 events, TIME) = 0",
		},
		{
			Record{Op: sys.OpPoll, On: Ref{FD: -1}, Asked: []Ready{{waker, "IN", 0}, {conn, "OUT", 0}}, Found: []Ready{{conn, "OUT", 0}}, Result: 1, Timeout: forever},
			poll + "([4<waker>: IN, 8<conn 1>: OUT], forever) = 1 [8<conn 1>: OUT]", poll + "([<waker>: IN, <conn 1>: OUT], forever) = 1 [<conn 1>: OUT]",
		},
		{
			Record{Op: sys.OpSelect, On: Ref{FD: -1}, Size: 9, Asked: []Ready{{waker, "r", 0}, {conn, "rw", 0}}},
			set + "(9, read [4<waker> 8<conn 1>], write [8<conn 1>], except [], 0) = 0", set + "(N, read [<waker> <conn 1>], write [<conn 1>], except [], 0) = 0",
		},
		{
			Record{Op: sys.OpKevent, On: Ref{3, Kqueue, "kqueue"}, Size: 4, Found: []Ready{{conn, "READ|EOF", 3}, {conn, "WRITE", 99}}, Result: 2},
			"kevent(3<kqueue>, 4 events, 0) = 2 [8<conn 1>: READ|EOF data 3, 8<conn 1>: WRITE data 99]",
			"kevent(<kqueue>, 4 events, 0) = 2 [<conn 1>: READ|EOF data 3, <conn 1>: WRITE]",
		},
		{
			Record{Op: sys.OpSetsockopt, On: conn, Args: fmt.Sprintf("%d, %d, 1", unix.SOL_SOCKET, unix.SO_REUSEADDR)},
			"setsockopt(8<conn 1>, SOL_SOCKET, SO_REUSEADDR, 1) = 0", "setsockopt(<conn 1>, SOL_SOCKET, SO_REUSEADDR, 1) = 0",
		},
		{Record{Op: sys.OpSetsockopt, On: conn, Args: "1234, 5678, 1"}, "setsockopt(8<conn 1>, 1234, 5678, 1) = 0", "setsockopt(<conn 1>, 1234, 5678, 1) = 0"},
	} {
		if got := (Style{}).Line(&c.r); got != c.full {
			t.Errorf("%s, want %s", got, c.full)
		}
		if got := (Style{Stable: true}).Line(&c.r); got != c.stable {
			t.Errorf("stable: %s, want %s", got, c.stable)
		}
	}
}

// A line does not grow with the number of clients, but in the style that is for comparing.
func TestLongLists(t *testing.T) {
	for _, c := range []struct{ n, shown int }{{most, most}, {most + 1, most}, {5000, most}} {
		var asked, sets []Ready
		for fd := range c.n {
			ref := Ref{fd, Conn, fmt.Sprintf("conn %d", fd)}
			asked = append(asked, Ready{ref, "IN", 0})
			sets = append(sets, Ready{ref, "rw", 0})
		}
		for _, r := range []*Record{
			{Op: sys.OpPoll, On: Ref{FD: -1}, Asked: asked, Timeout: forever},
			{Op: "epoll_pwait", On: Ref{3, Epoll, "epoll"}, Found: asked, Result: c.n},
			{Op: sys.OpSelect, On: Ref{FD: -1}, Asked: sets, Timeout: forever},
		} {
			lists := 1
			if r.Op == sys.OpSelect {
				lists = 2 // to read, and to write
			}
			line, rest := (Style{}).Line(r), fmt.Sprintf(" … and %d more]", c.n-c.shown)
			if got := strings.Count(line, "<conn "); got != lists*c.shown {
				t.Errorf("%s of %d shows %d: %.999s", r.Op, c.n, got, line)
			}
			if got := strings.Count(line, rest); got != lists && c.n > c.shown || strings.Contains(line, "more") != (c.n > c.shown) {
				t.Errorf("%s of %d has %d times %q: %.999s", r.Op, c.n, got, rest, line)
			}
			if got := strings.Count(Style{Stable: true}.Line(r), "<conn "); got != lists*c.n {
				t.Errorf("stable, %s of %d shows %d", r.Op, c.n, got)
			}
		}
	}
}
