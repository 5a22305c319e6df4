//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package iomux_test

import (
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// timeoutClauses say how long a wait lasts. The lower bounds
// are exact, and there are no upper ones but generous: what the kernel is asked
// for shows whether too much was asked.
var timeoutClauses = []clause{
	{"zero and less poll", func(f *fixture) {
		a, b := f.pair()
		f.update(a, 0, R)
		for _, timeout := range []time.Duration{0, -1, -time.Millisecond, -time.Hour, -iomux.Forever, -iomux.Forever - 1} {
			asked := f.asking(func() {
				if got := f.wait(8, timeout); len(got) != 0 {
					f.Errorf("%v: %v", timeout, got)
				}
			})
			if len(asked) != 1 || !strings.HasSuffix(asked[0], ", 0s") && !strings.HasSuffix(asked[0], ", 0 ms") {
				f.Errorf("Wait(%v) asked the kernel for %q, want one poll", timeout, asked)
			}
		}
		f.write(b, "x")
		for _, timeout := range []time.Duration{0, -1, -iomux.Forever - 1} {
			f.expectOf(f.wait(8, timeout), R, interest{a: R})
		}
	}},

	{"never early", func(f *fixture) {
		a, _ := f.pair()
		for _, watched := range []bool{false, true} {
			if watched {
				f.update(a, 0, R)
			}
			for _, timeout := range []time.Duration{
				1, time.Microsecond, 50 * time.Microsecond, 300 * time.Microsecond, 999999,
				time.Millisecond, 1100 * time.Microsecond, 1999999, 2500 * time.Microsecond, 30100 * time.Microsecond,
			} {
				for range 3 {
					start := time.Now()
					got := f.wait(8, timeout)
					if took := time.Since(start); took < timeout || len(got) != 0 {
						f.Errorf("Wait(%v) ended after %v with %v", timeout, took, got)
					} else if took > generous {
						f.Errorf("Wait(%v) took %v", timeout, took)
					}
				}
			}
		}
	}},

	{"the kernel is asked for no more and no less", func(f *fixture) {
		a, _ := f.pair()
		f.update(a, 0, R)
		for _, timeout := range []time.Duration{1500, 300 * time.Microsecond, 1100 * time.Microsecond, 2 * time.Millisecond} {
			want := ", " + timeout.String()
			if f.b == iomux.Epoll && withoutPwait2 { // to the millisecond, upwards
				want = map[time.Duration]string{1500: ", 1 ms", 300 * time.Microsecond: ", 1 ms",
					1100 * time.Microsecond: ", 2 ms", 2 * time.Millisecond: ", 2 ms"}[timeout]
			}
			asked := f.asking(func() { f.wait(8, timeout) })
			if len(asked) == 0 || !strings.HasSuffix(asked[0], want) {
				f.Errorf("Wait(%v) asked the kernel for %q", timeout, asked)
			}
			// Once does; signals may make it more. A kernel that is asked for too
			// little would be asked without end until the time is up.
			if len(asked) > 20 {
				f.Errorf("Wait(%v) asked the kernel %d times", timeout, len(asked))
			}
		}
	}},

	{"what is ready is worth no waiting", func(f *fixture) {
		a, _ := f.pair()
		f.update(a, 0, W)
		for _, timeout := range []time.Duration{1, time.Millisecond, time.Hour, iomux.Forever} {
			f.expectOf(f.wait(8, timeout), W, interest{a: W})
		}
	}},

	{"longer than any kernel counts", func(f *fixture) {
		a, b := f.pair()
		f.update(a, 0, R)
		for _, timeout := range []time.Duration{
			24 * 24 * time.Hour, 25 * 24 * time.Hour, 365 * 24 * time.Hour, 200 * 365 * 24 * time.Hour, iomux.Forever - 1,
		} {
			f.expectOf(f.during(timeout, func() { f.write(b, "x") }), R, interest{a: R})
			f.drain(a)
		}
	}},

	{"EINTR does not end a wait", func(f *fixture) {
		a, b := f.pair()
		f.update(a, 0, R)

		// Interrupted seven times over; then the timeout has its way.
		const timeout = 5 * time.Millisecond
		start := time.Now()
		asked := f.interrupted(7, func() {
			if got := f.wait(8, timeout); len(got) != 0 {
				f.Errorf("found %v", got)
			}
		})
		if took := time.Since(start); took < timeout {
			f.Errorf("Wait(%v) ended after %v", timeout, took)
		}
		if asked < 8 {
			f.Errorf("the kernel was asked %d times, want 8", asked)
		}

		// For ever: only what comes ends it.
		f.write(b, "x")
		f.interrupted(20, func() { f.expectOf(f.wait(8, iomux.Forever), R, interest{a: R}) })
		f.drain(a)

		// A poll that is interrupted has found nothing, or something the second
		// time: no error in any case.
		f.interrupted(1, func() { f.wait(8, 0) })

		// And a wait that is interrupted all the time ends when it should.
		start = time.Now()
		f.interrupted(1<<30, func() {
			if got := f.wait(8, timeout); len(got) != 0 {
				f.Errorf("found %v", got)
			}
		})
		if took := time.Since(start); took < timeout || took > generous {
			f.Errorf("Wait(%v) ended after %v", timeout, took)
		}
	}},

	{"EINTR on every second wait loses nothing", func(f *fixture) {
		a, b := f.pair()
		f.update(a, 0, R)
		var calls atomic.Int64
		defer sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
			if f.isItsWait(c) && calls.Add(1)%2 == 1 {
				return unix.EINTR
			}
			return 0
		}})()
		const messages = 500
		for range messages {
			f.write(b, "x")
			f.expectOf(f.wait(8, generous), R, interest{a: R})
			f.drain(a)
		}
		if n := calls.Load(); n != 2*messages {
			f.Errorf("%d waits for %d messages, want two each", n, messages)
		}
	}},
}

// withoutPwait2: the kernel is made to look like one before 5.11.
var withoutPwait2 bool

// asking collects what waits the kernel was asked for during do.
func (f *fixture) asking(do func()) (asked []string) {
	defer sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) {
		if f.isItsWait(c) {
			asked = append(asked, c.Args)
		}
	}})()
	do()
	return asked
}

// interrupted fails the first waits during do with EINTR, and returns how many
// there were in all.
func (f *fixture) interrupted(first int, do func()) (asked int) {
	defer sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		if !f.isItsWait(c) {
			return 0
		}
		if asked++; asked <= first {
			return unix.EINTR
		}
		return 0
	}})()
	do()
	return asked
}
