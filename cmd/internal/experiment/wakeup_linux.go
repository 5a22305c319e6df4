package experiment

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

var wakeup = Experiment{
	Name:    "wakeup",
	Shows:   "how another thread ends a wait: an eventfd, or a pipe",
	Expects: "a write to the eventfd woke the sleeper; 3 more made one count of 3; of the pipe 3 bytes; a full pipe was readable still",
	run: func(l *lab) string {
		l.step("an eventfd is watched like a socket; a thread sleeps in a wait without end")
		fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
		l.must("eventfd", err)
		l.call("eventfd(0, EFD_NONBLOCK)", "e")
		e := l.own(fd, "e")
		ep := l.epoll("ep")
		l.add(ep, e, unix.EPOLLIN)
		sleeper := l.waiter(ep)
		l.asleep(sleeper, unix.SYS_EPOLL_PWAIT)
		l.note("epoll_wait(ep, events, 1, -1) does not return")

		l.step("this thread adds 1 to its counter")
		l.addOne(e)
		woken, err := sleeper.wait(l)
		l.must("epoll_wait", err)
		l.call("epoll_wait(ep, events, 1, -1)", woken)
		l.count(e)

		l.step("three wake-ups before anyone looks: they are one event and one read")
		for range 3 {
			l.addOne(e)
		}
		events := l.wait(ep, 8)
		count := l.count(e)
		l.count(e)

		l.step("a pipe does the same where there is no eventfd; it keeps a byte for each")
		r, w := l.pipe("r", "w")
		l.add(ep, r, unix.EPOLLIN)
		for range 3 {
			l.send(w, "!")
		}
		text, err := l.read(r, 64)
		l.must("read", err)

		l.step("and it can be full: then the write fails, and that is well, for the reader will wake anyway")
		var full error
		for full == nil {
			_, full = unix.Write(w.fd, make([]byte, 4096))
		}
		l.call("write(w, p, 4096), again and again", "in the end "+failed(full))
		still := l.wait(ep, 8)
		if woken == "1: e EPOLLIN" && len(events) == 1 && errnoName(full) == "EAGAIN" && len(still) == 1 {
			return fmt.Sprintf("a write to the eventfd woke the sleeper; 3 more made one count of %d; of the pipe %d bytes; a full pipe was readable still", count, len(text))
		}
		return fmt.Sprintf("woken by %q; %d events, count %d, %d bytes; %s, then %d events", woken, len(events), count, len(text), errnoName(full), len(still))
	},
}

// addOne adds 1 to an eventfd.
func (l *lab) addOne(e file) {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, err := unix.Write(e.fd, one[:])
	l.must("write", err)
	l.call("write("+e.name+", {1}, 8)", "8")
}

// count reads the counter of an eventfd or a timerfd, which makes it 0.
func (l *lab) count(e file) (n uint64) {
	var buf [8]byte
	_, err := read(e.fd, buf[:])
	answer := failed(unix.EAGAIN)
	if errnoName(err) != "EAGAIN" {
		l.must("read", err)
		n = binary.NativeEndian.Uint64(buf[:])
		answer = fmt.Sprintf("8: {%d}", n)
	}
	l.call("read("+e.name+", buf, 8)", answer)
	return n
}
