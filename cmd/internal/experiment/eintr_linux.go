package experiment

import (
	"fmt"
	"os"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/iomux"
)

var eintr = Experiment{
	Name:    "eintr",
	Shows:   "a signal ends a wait with EINTR, and Go's runtime sends some of its own",
	Expects: "EINTR for epoll_wait, by our signal and by Go's own; a read was begun again; iomux.Poller waited on to its time",
	run: func(l *lab) string {
		l.step("a thread sleeps in a wait, and gets a signal whose handler does nothing that matters")
		ep := l.epoll("ep")
		t := l.thread(func() (string, error) { return rawWait(ep.fd, unix.Syscall6) })
		l.asleep(t, unix.SYS_EPOLL_PWAIT)
		l.signal(t)
		_, ours := t.wait(l)
		l.call("epoll_wait(ep, events, 1, -1)", number(0, ours))
		l.note("its handler was installed with SA_RESTART, which is for other calls: see signal(7)")

		l.step("a read is another call: the kernel begins it again, and the program does not notice")
		a, b := l.pair("a", "b")
		t = l.thread(func() (string, error) {
			var buf [16]byte
			n, err := unix.Read(a.fd, buf[:])
			return string(buf[:max(n, 0)]), err
		})
		l.asleep(t, unix.SYS_READ)
		l.signal(t)
		l.send(b, "hello")
		text, err := t.wait(l)
		l.call("read(a, buf, 16)", bytesRead([]byte(text), len(text), err))

		l.step("nobody sends a signal; the call is made so that Go's runtime takes it for a computation")
		t = l.thread(func() (string, error) { return rawWait(ep.fd, unix.RawSyscall6) })
		_, theirs := t.wait(l)
		l.call("epoll_wait(ep, events, 1, -1), by RawSyscall6", number(0, theirs))
		l.note("after 10 ms the runtime wants the processor back, and sends SIGURG to the thread")

		l.step("iomux.Poller, under a rain of signals, is asked to wait for 0.1 s")
		p, err := iomux.Open(iomux.Epoll)
		l.must("iomux.Open", err)
		defer p.Close()
		const ask = 100 * time.Millisecond
		var took time.Duration
		t = l.thread(func() (string, error) {
			begin := time.Now()
			n, err := p.Wait(make([]iomux.Ready, 8), ask)
			took = time.Since(begin)
			return fmt.Sprint(n), err
		})
		n, perr := l.rain(t)
		l.call("Wait(ready, 100*time.Millisecond)", fmt.Sprintf("%s, %v, after at least 0.1 s: %s", n, perr, yes(took >= ask)))
		if errnoName(ours) == "EINTR" && text == "hello" && err == nil && errnoName(theirs) == "EINTR" && n == "0" && perr == nil && took >= ask {
			return "EINTR for epoll_wait, by our signal and by Go's own; a read was begun again; iomux.Poller waited on to its time"
		}
		return fmt.Sprintf("%s, %q %s, %s, then %s %v after %v", errnoName(ours), text, errnoName(err), errnoName(theirs), n, perr, took)
	},
}

// rawWait waits without going on after a signal. With unix.Syscall6 the runtime knows
// that the thread may sleep; with unix.RawSyscall6 it does not.
func rawWait(ep int, call func(trap, a1, a2, a3, a4, a5, a6 uintptr) (uintptr, uintptr, unix.Errno)) (string, error) {
	events := make([]unix.EpollEvent, 1)
	n, _, errno := call(unix.SYS_EPOLL_PWAIT, uintptr(ep), uintptr(unsafe.Pointer(unsafe.SliceData(events))), 1, uintptr(patience.Milliseconds()), 0, 0)
	runtime.KeepAlive(events)
	if errno != 0 {
		return "", errno
	}
	return fmt.Sprint(n), nil
}

// signal sends SIGURG, for which Go's runtime has a handler in every program.
func (l *lab) signal(t *thread) {
	l.must("tgkill", unix.Tgkill(os.Getpid(), t.id, unix.SIGURG))
	l.call("tgkill(pid, TID, SIGURG)", "0")
}

// rain sends signals to a thread until it returns.
func (l *lab) rain(t *thread) (string, error) {
	l.call("tgkill(pid, TID, SIGURG), every millisecond", "0")
	for {
		select {
		case <-t.done:
			return t.text, t.err
		case <-time.After(time.Millisecond):
			// The thread may have ended by now, and its number be nobody's.
			_ = unix.Tgkill(os.Getpid(), t.id, unix.SIGURG)
		}
	}
}
