package experiment

import (
	"fmt"

	"golang.org/x/sys/unix"
)

var stale = Experiment{
	Name:    "stale",
	Shows:   "a report about a socket that is gone, whose number another one has by now",
	Expects: "the report about c was taken for one about n, which had its number; the data of the entry told them apart",
	run: func(l *lab) string {
		l.step("a and c are ready; one wait reports both")
		a, b := l.pair("a", "b")
		c, d := l.pair("c", "d")
		ep := l.epoll("ep")
		l.add(ep, a, unix.EPOLLIN)
		l.add(ep, c, unix.EPOLLIN)
		l.send(b, "throw c out")
		l.send(d, "hello, I am c")
		batch := l.wait(ep, 8)

		l.step("the first report is dealt with: c is closed, and then a new connection comes, with bytes to read")
		l.read(a, 16)
		l.close(c)
		n, m := l.pairAt("n", "m", c.fd)
		l.send(m, "hello, I am n")
		l.call("the number of n is that of c", yes(n.fd == c.fd))

		l.step("the second report is dealt with, by the number that c had: it reads what is for n")
		text, err := l.read(file{c.fd, c.name}, 16)
		l.must("read", err)

		l.step("the entry's data knows better, if it is not just the number: it was c's, and c is closed")
		second := ""
		if len(batch) == 2 {
			second = batch[1].name
		}
		l.call("events[1].data", second)
		if text == "hello, I am n" && n.fd == c.fd && second == "c" {
			return "the report about c was taken for one about n, which had its number; the data of the entry told them apart"
		}
		return fmt.Sprintf("%d reports, the second of %q; read %q, same number: %v", len(batch), second, text, n.fd == c.fd)
	},
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// pairAt is pair, where a gets a number that was just closed. It is the lowest that is
// free, as a rule, and the kernel takes it; but another thread may have closed a lower
// one meanwhile.
func (l *lab) pairAt(a, b string, fd int) (file, file) {
	x, y := l.pair(a, b)
	if x.fd == fd {
		return x, y
	}
	l.must("dup3", unix.Dup3(x.fd, fd, unix.O_CLOEXEC))
	l.disown(x)
	l.must("close", unix.Close(x.fd))
	return l.own(fd, a), y
}
