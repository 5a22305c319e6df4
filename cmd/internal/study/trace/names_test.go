//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package trace

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// Where the waker is a pipe, both ends are the waker: a poll of one alone is a wait, and
// what is written to the other a wake-up.
func TestThePipeIsTheWaker(t *testing.T) {
	p := newTape()
	elsewhere(func() {
		p.call(sys.Call{Op: sys.OpPipe, FD: -1, Args: "NONBLOCK|CLOEXEC", Found: []sys.Watch{{FD: 3, Bits: "read"}, {FD: 4, Bits: "write"}}})
	})
	pipe, poll := Style{}.Name(&Record{Op: sys.OpPipe}), Style{}.Name(&Record{Op: sys.OpPoll})
	if got, want := (Style{}).Line(p.list[0]), pipe+"(NONBLOCK|CLOEXEC) = 0 [3<waker>: read, 4<waker>: write]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	w := sys.Call{Op: sys.OpPoll, FD: -1, Size: 1, Timeout: forever, Asked: watch(3, "IN"), Found: watch(3, "IN"), Result: 1}
	p.begin(&w)
	if s := p.State(); !s.Waiting || s.Waits != 1 {
		t.Errorf("it is no wait: %+v", s)
	}
	elsewhere(func() { p.call(sys.Call{Op: sys.OpWrite, FD: 4, Args: "8", Size: 8, Result: 8}) })
	if s := p.State(); s.Wakes != 1 {
		t.Errorf("it is no wake-up: %+v", s)
	}
	p.end(&w)
	p.call(sys.Call{Op: sys.OpRead, FD: 3, Args: "64", Size: 64, Result: 8})
	if s := p.State(); s.Wakes != 0 {
		t.Errorf("it is not taken in: %+v", s)
	}
	p.call(sys.Call{Op: sys.OpClose, FD: 3})
	p.call(sys.Call{Op: sys.OpClose, FD: 4})
	elsewhere(func() {
		p.call(sys.Call{Op: sys.OpPipe, FD: -1, Found: []sys.Watch{{FD: 3, Bits: "read"}, {FD: 4, Bits: "write"}}})
	})
	p.want(t,
		"setup "+pipe+"(NONBLOCK|CLOEXEC) = 0 [<waker>: read, <waker>: write]",
		"outside write(<waker>, 8) = 8",
		"wait "+poll+"([<waker>: IN], forever) = 1 [<waker>: IN]",
		"wait read(<waker>, 64) = 8",
		"close close(<waker>) = 0",
		"close close(<waker>) = 0",
		"outside "+pipe+"() = 0 [<waker 2>: read, <waker 2>: write]",
	)
}

// A socket has its name until it listens; the next one does not count it.
func TestTwoListenersInARow(t *testing.T) {
	p := newTape()
	for fd := 5; fd < 7; fd++ {
		p.call(sys.Call{Op: sys.OpSocket, FD: -1, Args: "INET, STREAM", Result: fd})
		p.call(sys.Call{Op: sys.OpBind, FD: fd, Args: "127.0.0.1:0"})
		p.call(sys.Call{Op: sys.OpListen, FD: fd, Args: "128"})
		p.call(sys.Call{Op: sys.OpGetsockname, FD: fd, Out: "127.0.0.1:4711"})
	}
	p.want(t,
		"setup socket(INET, STREAM) = <socket>",
		"setup bind(<socket>, 127.0.0.1:0) = 0",
		"setup listen(<socket>, 128) = 0",
		"setup getsockname(<listener>) = 0 [127.0.0.1:PORT]",
		"setup socket(INET, STREAM) = <socket>",
		"setup bind(<socket>, 127.0.0.1:0) = 0",
		"setup listen(<socket>, 128) = 0",
		"setup getsockname(<listener 2>) = 0 [127.0.0.1:PORT]",
	)
}

// Of a socket that was inherited no listen is seen. It says that it listens, or accepts.
func TestInheritedListeners(t *testing.T) {
	p := newTape()
	ask := fmt.Sprintf("%d, %d", unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	for fd, out := range map[int]string{10: "0", 11: "2"} { // a BSD answers with the option's bit
		p.call(sys.Call{Op: sys.OpFcntl, FD: 3, Args: "F_DUPFD_CLOEXEC, 0", Result: fd})
		p.call(sys.Call{Op: sys.OpGetsockopt, FD: fd, Args: ask, Out: out})
	}
	p.list = nil
	p.call(sys.Call{Op: sys.OpSetsockopt, FD: 10, Args: "1, 1, 1"})
	p.call(sys.Call{Op: "epoll_ctl", FD: 20, Verb: "ADD", Asked: watch(11, "IN")})
	p.call(sys.Call{Op: sys.OpAccept, FD: 10, Args: "NONBLOCK", Result: 12, Out: "127.0.0.1:4711"})
	p.call(sys.Call{Op: sys.OpAccept, FD: 11, Args: "NONBLOCK", Result: 13, Out: "127.0.0.1:4711"})
	if got, want := (Style{}).Call(p.list[0]), "setsockopt(10<copy of fd 3>, 1, 1, 1)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	p.list = p.list[1:]
	p.want(t,
		"setup epoll_ctl(<fd>, ADD, <listener>, IN) = 0",
		"setup "+acceptName+"(<listener 2>, NONBLOCK) = <conn 1> [127.0.0.1:PORT]",
		"setup "+acceptName+"(<listener>, NONBLOCK) = <conn 2> [127.0.0.1:PORT]",
	)
}
