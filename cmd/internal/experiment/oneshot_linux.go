package experiment

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

var oneshot = Experiment{
	Name:    "oneshot",
	Shows:   "EPOLLONESHOT: one report, then silence until it is armed again",
	Expects: "of 2 waiting threads 1 got the report; new bytes gave none; armed again, there was 1",
	run: func(l *lab) string {
		const interest = unix.EPOLLIN | unix.EPOLLONESHOT
		l.step("a is registered with EPOLLONESHOT; two threads wait on the one ep")
		a, b := l.pair("a", "b")
		l.nonblock(a)
		ep := l.epoll("ep")
		stop, release := l.stopper(ep)
		l.add(ep, a, interest)
		threads := []*thread{l.waiter(ep), l.waiter(ep)}
		for _, t := range threads {
			l.asleep(t, unix.SYS_EPOLL_PWAIT)
		}
		l.note("epoll_wait(ep, events, 1, -1) does not return, in either")

		l.step("b sends: it is one thread's to read")
		l.send(b, "one")
		l.await("a report", func() bool { return reports(threads, "a") > 0 })
		release() // the other is let go, by a descriptor of its own
		for _, t := range threads {
			_, err := t.wait(l)
			l.must("epoll_wait", err)
		}
		woken := reports(threads, "a")
		l.call("threads to which a was reported", fmt.Sprint(woken))
		l.must("epoll_ctl", unix.EpollCtl(ep.fd, unix.EPOLL_CTL_DEL, stop.fd, nil))

		l.step("while that thread still works on a, more comes: nobody is told")
		l.send(b, "two")
		muted := l.wait(ep, 8)

		l.step("it has finished, and arms a again: what has come meanwhile is reported at once")
		l.must("epoll_ctl", l.ctl(ep, unix.EPOLL_CTL_MOD, a, interest))
		armed := l.wait(ep, 8)
		l.read(a, 16)
		return fmt.Sprintf("of 2 waiting threads %d got the report; new bytes gave %s; armed again, there was %d", woken, none(len(muted)), len(armed))
	},
}

func none(n int) string {
	if n == 0 {
		return "none"
	}
	return fmt.Sprint(n)
}

// stopper is a descriptor that ends, once set, all waits on ep. It is not in the
// transcript.
func (l *lab) stopper(eps ...file) (f file, set func()) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	l.must("eventfd", err)
	f = l.own(fd, "stop")
	for _, ep := range eps {
		err := unix.EpollCtl(ep.fd, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: token("stop")})
		l.must("epoll_ctl", err)
	}
	return f, func() {
		_, err := unix.Write(fd, []byte{7: 1})
		l.must("write", err)
	}
}

// waiter is a thread that waits on ep for one report; its text is what the wait returned.
func (l *lab) waiter(ep file) *thread {
	return l.thread(func() (string, error) {
		list, err := epollPwait(ep.fd)
		return eventList(list), err
	})
}

// reports counts the threads that have returned with a report of a name.
func reports(threads []*thread, name string) (n int) {
	for _, t := range threads {
		select {
		case <-t.done:
			if strings.HasPrefix(t.text, "1: "+name+" ") {
				n++
			}
		default:
		}
	}
	return n
}
