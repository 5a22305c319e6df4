package experiment

import (
	"fmt"

	"golang.org/x/sys/unix"
)

var halfclose = Experiment{
	Name:    "halfclose",
	Shows:   "one direction of a connection ends, the other goes on",
	Expects: "b read the end, and what it sent afterwards arrived; EPOLLRDHUP for the half, EPOLLHUP for the whole",
	run: func(l *lab) string {
		l.step("a TCP connection")
		a, b := l.tcp("a", "b")
		ep := l.epoll("ep")

		l.step("a sends its last words and says that these were all; it can still read")
		l.send(a, "sort this")
		l.must("shutdown", unix.Shutdown(a.fd, unix.SHUT_WR))
		l.call("shutdown(a, SHUT_WR)", "0")
		l.awaitBits(b, unix.POLLRDHUP)

		l.step("b is told so at once, though there is something to read before")
		l.add(ep, b, unix.EPOLLIN|unix.EPOLLRDHUP)
		half := l.wait(ep, 8)
		l.read(b, 16)
		end, err := l.read(b, 16)

		l.step("b answers, which is why a had kept its other half")
		l.send(b, "iorst hst")
		l.awaitInput(a)
		answer, _ := l.read(a, 16)

		l.step("now b ends its direction as well: that is EPOLLHUP, which comes unasked")
		l.must("shutdown", unix.Shutdown(b.fd, unix.SHUT_WR))
		l.call("shutdown(b, SHUT_WR)", "0")
		l.awaitBits(b, unix.POLLHUP)
		whole := l.wait(ep, 8)
		if end == "" && err == nil && answer == "iorst hst" && bitsOf(half) == "EPOLLIN|EPOLLRDHUP" && bitsOf(whole) == "EPOLLIN|EPOLLHUP|EPOLLRDHUP" {
			return "b read the end, and what it sent afterwards arrived; EPOLLRDHUP for the half, EPOLLHUP for the whole"
		}
		return fmt.Sprintf("end: %q %s, answer: %q, half: %s, whole: %s", end, errnoName(err), answer, bitsOf(half), bitsOf(whole))
	},
}

var reset = Experiment{
	Name:    "reset",
	Shows:   "close with unread input resets the connection, and the peer gets ECONNRESET",
	Expects: "closed after reading: the end; closed with unread bytes: ECONNRESET, once, then the end, and EPIPE for a write",
	run: func(l *lab) string {
		l.step("b sends, a reads it, and closes: a good end")
		a, b := l.tcp("a", "b")
		l.send(b, "a question")
		l.awaitInput(a)
		l.read(a, 16)
		l.close(a)
		l.awaitBits(b, unix.POLLRDHUP)
		good, err := l.read(b, 16)
		goodEnd := good + errnoName(err)

		l.step("another connection; b sends, and a closes without having read it")
		a, b = l.tcp("a", "b")
		l.send(b, "a question")
		l.awaitInput(a)
		l.close(a)
		l.awaitBits(b, unix.POLLERR)

		l.step("what a had not read is lost, and TCP says so, with a reset")
		ep := l.epoll("ep")
		l.add(ep, b, unix.EPOLLIN|unix.EPOLLRDHUP)
		bits := bitsOf(l.wait(ep, 8))
		_, first := l.read(b, 16)

		l.step("the error is told once; who asks again finds the end, and who writes a broken pipe")
		rest, second := l.read(b, 16)
		_, broken := l.write(b, "hello?")
		l.note("(and SIGPIPE, which ends a C program that has not said otherwise)")
		if goodEnd == "" && errnoName(first) == "ECONNRESET" && rest+errnoName(second) == "" && errnoName(broken) == "EPIPE" && bits == "EPOLLIN|EPOLLERR|EPOLLHUP|EPOLLRDHUP" {
			return "closed after reading: the end; closed with unread bytes: ECONNRESET, once, then the end, and EPIPE for a write"
		}
		return fmt.Sprintf("first connection: %q; second: %s, %s, %s%s, %s", goodEnd, bits, errnoName(first), rest, errnoName(second), errnoName(broken))
	},
}

// bitsOf names what the only report has.
func bitsOf(list []event) string {
	if len(list) != 1 {
		return fmt.Sprintf("%d reports", len(list))
	}
	return epollNames(list[0].events)
}

// awaitBits waits until poll says so of f, which TCP may take its time for.
func (l *lab) awaitBits(f file, bits int16) {
	l.await("the other end", func() bool {
		fds := []unix.PollFd{{Fd: int32(f.fd), Events: bits}}
		n, err := unix.Poll(fds, 100)
		return n > 0 && err == nil && fds[0].Revents&bits != 0
	})
}
