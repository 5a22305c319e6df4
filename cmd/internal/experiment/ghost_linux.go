package experiment

import (
	"fmt"

	"golang.org/x/sys/unix"
)

var ghost = Experiment{
	Name:    "ghost",
	Shows:   "a closed descriptor that epoll goes on to report, since a dup keeps it open",
	Expects: "reported after close, could not be removed by the old number nor by the new one, gone with the last close",
	run: func(l *lab) string {
		l.step("a is watched; a2 is a second number for the same open file description")
		a, b := l.pair("a", "b")
		ep := l.epoll("ep")
		l.add(ep, a, unix.EPOLLIN)
		fd, err := unix.FcntlInt(uintptr(a.fd), unix.F_DUPFD_CLOEXEC, 0)
		l.must("dup", err)
		l.call("dup(a)", "a2")
		a2 := l.own(fd, "a2")

		l.step("a is closed, without telling epoll: is it gone?")
		l.close(a)
		l.send(b, "boo")
		reported := l.wait(ep, 8)
		l.note("it is not, and every wait returns at once from now on")
		again := l.wait(ep, 8)

		l.step("what was not removed before cannot be removed now: entries go by number and description")
		byOld := l.ctl(ep, unix.EPOLL_CTL_DEL, a, 0)
		byNew := l.ctl(ep, unix.EPOLL_CTL_DEL, a2, 0)

		l.step("the last number is closed, and with it goes the description")
		l.close(a2)
		gone := l.wait(ep, 8)
		if len(reported) == 1 && len(again) == 1 && errnoName(byOld) == "EBADF" && errnoName(byNew) == "ENOENT" && len(gone) == 0 {
			return "reported after close, could not be removed by the old number nor by the new one, gone with the last close"
		}
		return fmt.Sprintf("%d and %d reports after close; removals: %s, %s; %d reports at the end", len(reported), len(again), errnoName(byOld), errnoName(byNew), len(gone))
	},
}
