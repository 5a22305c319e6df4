package experiment

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

func descriptorLimit(t *testing.T) (limit unix.Rlimit) {
	t.Helper()
	if err := unix.Prlimit(0, unix.RLIMIT_NOFILE, nil, &limit); err != nil {
		t.Fatal(err)
	}
	return limit
}

// An experiment that fails while the limit of descriptors is low leaves it as it was.
func TestLimitIsRaisedAgain(t *testing.T) {
	leaktest.Check(t)
	before := descriptorLimit(t)
	lowered := false
	e := Experiment{Name: "x", run: func(l *lab) string {
		l.step("a step")
		l.lower()
		lowered = descriptorLimit(t).Cur < before.Cur
		l.must("break", unix.EBADF)
		return ""
	}}
	if _, err := e.Run(); !errors.Is(err, unix.EBADF) || !lowered {
		t.Errorf("lowered: %v, %v", lowered, err)
	}
	if now := descriptorLimit(t); now != before {
		t.Errorf("it is %+v, and was %+v", now, before)
	}
}

// What is written down of a wait is what the wait returned.
func TestWaiterTellsWhatItGot(t *testing.T) {
	leaktest.Check(t)
	e := Experiment{Name: "x", Expects: "1: w EPOLLOUT", run: func(l *lab) string {
		l.step("a step")
		ep := l.epoll("ep")
		_, w := l.pipe("r", "w")
		l.add(ep, w, unix.EPOLLOUT)
		text, err := l.waiter(ep).wait(l)
		l.must("epoll_wait", err)
		return text
	}}
	if _, err := e.Run(); err != nil {
		t.Error(err)
	}
}
