package experiment

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// herdSize is how many threads wait for one listener.
const herdSize = 4

var herd = Experiment{
	Name:    "herd",
	Shows:   "one client wakes every waiting thread, unless they have asked for EPOLLEXCLUSIVE",
	Expects: "without EPOLLEXCLUSIVE all 4 woke for one client; with it at least one did, and not all",
	run: func(l *lab) string {
		plain := l.herd("epoll as it is", unix.EPOLLIN)
		exclusive := l.herd("the same with EPOLLEXCLUSIVE", unix.EPOLLIN|unix.EPOLLEXCLUSIVE)
		return fmt.Sprintf("without EPOLLEXCLUSIVE %s woke for one client; with it %s did, and not all", plain, exclusive)
	},
}

// herd has threads wait, each with an epoll of its own, for a client, and says how many
// of them its coming woke.
func (l *lab) herd(text string, interest uint32) string {
	l.step("%s: a listener, and %d threads, each with an epoll instance of its own", text, herdSize)
	ln, address := l.listener("ln")
	var eps []file
	for range herdSize {
		fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		l.must("epoll_create1", err)
		ep := l.own(fd, "ep")
		l.must("epoll_ctl", unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, ln.fd, &unix.EpollEvent{Events: interest, Fd: token("ln")}))
		eps = append(eps, ep)
	}
	l.call("epoll_ctl(ep, EPOLL_CTL_ADD, ln, "+epollNames(interest)+")", fmt.Sprintf("0, in each of the %d", herdSize))
	_, stop := l.stopper(eps...)
	var threads []*thread
	for _, ep := range eps {
		threads = append(threads, l.waiter(ep))
	}
	for _, t := range threads {
		l.asleep(t, unix.SYS_EPOLL_PWAIT)
	}
	l.note("epoll_wait(ep, events, 1, -1) does not return, in any")

	l.step("one client connects, and nobody accepts it yet")
	l.dial("cl", address)
	// Who was not woken by then is not going to be: the one call that wakes has done so.
	// Those that are woken here all wake, since the listener stays readable.
	want := 1
	if interest&unix.EPOLLEXCLUSIVE == 0 {
		want = herdSize
	}
	l.await("the threads to wake", func() bool { return reports(threads, "ln") >= want })
	stop() // now the others return as well, and say that it was for this
	for _, t := range threads {
		_, err := t.wait(l)
		l.must("epoll_wait", err)
	}
	woken := "at least one"
	switch n := reports(threads, "ln"); n {
	case herdSize:
		woken = fmt.Sprintf("all %d", n)
	case 0:
		woken = "none"
	}
	l.call("threads that it woke", woken)
	return woken
}
