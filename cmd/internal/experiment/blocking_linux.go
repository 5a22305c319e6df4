package experiment

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

var blocking = Experiment{
	Name:    "blocking",
	Shows:   "a read of what is not there yet keeps its thread",
	Expects: `the thread slept in read until b was written to, and could do nothing else`,
	run: func(l *lab) string {
		l.step("two connected sockets; they are in blocking mode, as all sockets are at first")
		a, b := l.pair("a", "b")

		l.step("a thread reads from a, to which nothing was sent")
		t := l.thread(func() (string, error) {
			buf := make([]byte, 16)
			n, err := read(a.fd, buf)
			return string(buf[:max(n, 0)]), err
		})
		slept := l.asleep(t, unix.SYS_READ)
		l.note("read(a, buf, 16) does not return")
		l.call("state of the thread in /proc/self/task/TID/status", slept)

		l.step("another thread, this one, writes to b")
		l.send(b, "hello")

		l.step("now the read returns")
		text, err := t.wait(l)
		l.must("read", err)
		l.call("read(a, buf, 16)", fmt.Sprintf("%d: %q", len(text), text))
		if slept == "S (sleeping)" && text == "hello" {
			return "the thread slept in read until b was written to, and could do nothing else"
		}
		return fmt.Sprintf("the thread was in state %s and read %q", slept, text)
	},
}

// thread is one of the kernel's that makes a call which may wait.
type thread struct {
	id   int
	done chan struct{}
	text string
	err  error
}

// thread starts one that runs f.
func (l *lab) thread(f func() (string, error)) *thread {
	t := &thread{done: make(chan struct{})}
	started := make(chan int)
	go func() {
		defer close(t.done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		started <- unix.Gettid()
		t.text, t.err = f()
	}()
	t.id = <-started
	return t
}

// wait is until f has returned.
func (t *thread) wait(l *lab) (string, error) {
	l.await("a thread to return", func() bool {
		select {
		case <-t.done:
			return true
		default:
			return false
		}
	})
	return t.text, t.err
}

// asleep waits until the thread sleeps in the system call of a number, and returns
// its state in the kernel's words: S (sleeping).
func (l *lab) asleep(t *thread, call int) (state string) {
	l.await("a thread to sleep", func() bool {
		in, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/syscall", t.id))
		if err == nil && !strings.HasPrefix(string(in), fmt.Sprint(call, " ")) {
			return false // a kernel may not tell (ENOENT, EPERM): then the state must do
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/self/task/%d/status", t.id))
		l.must("/proc", err)
		_, rest, _ := strings.Cut(string(status), "\nState:\t")
		state, _, _ = strings.Cut(rest, "\n")
		return strings.HasPrefix(state, "S")
	})
	return state
}
