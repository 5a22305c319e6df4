package experiment

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/iomux"
)

var timers = Experiment{
	Name:    "timers",
	Shows:   "a timer is the time-out of a wait, and a wait counts in milliseconds",
	Expects: "rounded down the wait spun, rounded up it was 1 ms; epoll_pwait2 and iomux did not return early; the timerfd fired once",
	run: func(l *lab) string {
		const ask = 300 * time.Microsecond
		l.step("the next timer is due in 0.3 ms, and the time-out of epoll_wait is in whole milliseconds")
		ep := l.epoll("ep")

		l.step("rounded down that is 0: the wait does not wait, and the loop asks again and again")
		calls := 0
		for begin := time.Now(); time.Since(begin) < 50*time.Millisecond; calls++ {
			_, err := epollWait(ep.fd, 8, 0)
			l.must("epoll_wait", err)
		}
		spun := calls > 1
		l.call("epoll_wait(ep, events, 8, 0), until 50 ms have passed", "0, more than once: "+yes(spun))

		l.step("rounded up it is 1 ms, which is too late, but never too early")
		begin := time.Now()
		_, err := epollWait(ep.fd, 8, 1)
		l.must("epoll_wait", err)
		up := time.Since(begin) >= time.Millisecond
		l.call("epoll_wait(ep, events, 8, 1)", "0, after at least 1 ms: "+yes(up))

		l.step("epoll_pwait2, since Linux 5.11, counts in nanoseconds")
		begin = time.Now()
		l.pwait2(ep, ask)
		exact := time.Since(begin) >= ask
		l.call("epoll_pwait2(ep, events, 8, {0.000300000}, NULL)", "0, after at least 0.3 ms: "+yes(exact))

		l.step("iomux.Poller takes a time.Duration, and uses what there is")
		p, err := iomux.Open(iomux.Epoll)
		l.must("iomux.Open", err)
		defer p.Close()
		begin = time.Now()
		n, err := p.Wait(make([]iomux.Ready, 8), ask)
		l.must("Wait", err)
		ours := n == 0 && time.Since(begin) >= ask
		l.call("Wait(ready, 300*time.Microsecond)", "0, nil, after at least 0.3 ms: "+yes(ours))

		l.step("a timer can also be a descriptor: then it is an event among others")
		fired := l.timerfd(ep, ask)
		if spun && up && exact && ours && fired == 1 {
			return "rounded down the wait spun, rounded up it was 1 ms; epoll_pwait2 and iomux did not return early; the timerfd fired once"
		}
		return fmt.Sprintf("spun: %v, not early: %v, %v, %v; fired %d times", spun, up, exact, ours, fired)
	},
}

// pwait2 waits in vain.
func (l *lab) pwait2(ep file, timeout time.Duration) {
	var events [8]unix.EpollEvent
	for end := time.Now().Add(timeout); ; {
		ts := unix.NsecToTimespec(int64(max(0, time.Until(end))))
		n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(ep.fd), uintptr(unsafe.Pointer(&events)), 8, uintptr(unsafe.Pointer(&ts)), 0, 0)
		switch {
		case errno == unix.EINTR:
		case errno != 0:
			l.fail("epoll_pwait2: %w", errno)
		case n != 0:
			l.fail("epoll_pwait2 found %d events where there are none", n)
		default:
			return
		}
	}
}

// timerfd has a timer fire once, and says how often it did.
func (l *lab) timerfd(ep file, after time.Duration) uint64 {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	l.must("timerfd_create", err)
	l.call("timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)", "t")
	t := l.own(fd, "t")
	l.must("timerfd_settime", unix.TimerfdSettime(fd, 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(after))}, nil))
	l.call("timerfd_settime(t, 0, {0.000300000}, NULL)", "0")
	l.add(ep, t, unix.EPOLLIN)
	l.waitLong(ep, 8)
	return l.count(t)
}
