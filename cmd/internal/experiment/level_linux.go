package experiment

import (
	"fmt"

	"golang.org/x/sys/unix"
)

var level = Experiment{
	Name:    "level",
	Shows:   "level-triggered epoll reports what is left unread, again and again",
	Expects: "reported with 10 bytes there, reported again with 6 left, not reported when empty",
	run: func(l *lab) string {
		l.step("a is registered once; the kernel remembers it")
		a, b := l.pair("a", "b")
		l.nonblock(a)
		ep := l.epoll("ep")
		l.add(ep, a, unix.EPOLLIN)
		l.wait(ep, 8)

		l.step("10 bytes come")
		l.send(b, "0123456789")
		first := l.wait(ep, 8)

		l.step("4 of them are read: there is still something to read, so it is still reported")
		l.read(a, 4)
		second := l.wait(ep, 8)

		l.step("the rest is read")
		l.read(a, 16)
		third := l.wait(ep, 8)
		if len(first) == 1 && len(second) == 1 && len(third) == 0 {
			return "reported with 10 bytes there, reported again with 6 left, not reported when empty"
		}
		return fmt.Sprintf("%d, %d and %d reports", len(first), len(second), len(third))
	},
}

var edge = Experiment{
	Name:    "edge",
	Shows:   "edge-triggered epoll reports that something came, once",
	Expects: "one report for 10 bytes, none for the 6 left, one when more came, one when asked anew with EPOLL_CTL_MOD",
	run: func(l *lab) string {
		l.step("as before, but with EPOLLET")
		a, b := l.pair("a", "b")
		l.nonblock(a)
		ep := l.epoll("ep")
		l.add(ep, a, unix.EPOLLIN|unix.EPOLLET)

		l.step("10 bytes come")
		l.send(b, "0123456789")
		came := l.wait(ep, 8)

		l.step("4 of them are read. 6 are there, and epoll is silent: a program that waits now waits for ever")
		l.read(a, 4)
		left := l.wait(ep, 8)

		l.step("more comes: that is an edge. The program reads until EAGAIN, and may wait again")
		l.send(b, "ab")
		more := l.wait(ep, 8)
		l.read(a, 16)
		l.read(a, 16)

		l.step("what was reported is left unread once more; then the program asks anew, and is told how things are")
		l.send(b, "cd")
		l.wait(ep, 8)
		silent := l.wait(ep, 8)
		l.must("epoll_ctl", l.ctl(ep, unix.EPOLL_CTL_MOD, a, unix.EPOLLIN|unix.EPOLLET))
		anew := l.wait(ep, 8)
		if len(came) == 1 && len(left) == 0 && len(more) == 1 && len(silent) == 0 && len(anew) == 1 {
			return "one report for 10 bytes, none for the 6 left, one when more came, one when asked anew with EPOLL_CTL_MOD"
		}
		return fmt.Sprintf("%d, %d, %d, %d and %d reports", len(came), len(left), len(more), len(silent), len(anew))
	},
}
