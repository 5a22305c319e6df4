//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import "time"

// Timer calls a function on a loop, once or again and again. Its methods are for
// the loop's goroutine alone. Timers end with their loop, and do not keep it from
// ending.
type Timer struct {
	loop  *Loop
	at    time.Duration // since the loop's epoch
	every time.Duration // 0: once
	f     func()
	index int32  // in the loop's heap
	order uint64 // of being set
}

// After has f called once, d from now or as soon after that as the loop comes to
// it: never earlier, and later only by what callbacks take; timers of one moment in the
// order in which they were set. A d of zero or less means the turn at hand or the next. Only on the loop's goroutine; other
// goroutines Post a function that calls it. A panic of f is logged.
func (l *Loop) After(d time.Duration, f func()) *Timer {
	t := &Timer{loop: l, f: f, index: notSet}
	t.Reset(d)
	return t
}

// Every has f called each time d has passed, until Stop. When the loop was too
// busy for one or several calls, they are left out: the calls stay at multiples of
// d from now. d must be positive. Otherwise as After.
func (l *Loop) Every(d time.Duration, f func()) *Timer {
	if d <= 0 {
		panic("reactor: Every wants a positive duration")
	}
	t := &Timer{loop: l, every: d, f: f, index: notSet}
	t.Reset(d)
	return t
}

// Stop keeps the timer from calling its function again, and reports whether it
// would have.
func (t *Timer) Stop() bool {
	if t.index == notSet {
		return false
	}
	t.loop.alarms.remove(t.index)
	return true
}

// Reset has the function called d from now, whether the timer still waited, was
// stopped or had fired; one that repeats goes on from there. It reports whether
// it still waited.
func (t *Timer) Reset(d time.Duration) bool {
	waited := t.index != notSet
	t.at = t.loop.later(d)
	t.order = t.loop.nextOrder()
	t.loop.alarms.set(t.index, t, t.at)
	return waited
}

// later is d from now, and in any case after what is being fired: the clock may
// not have moved since.
func (l *Loop) later(d time.Duration) time.Duration {
	now := l.now()
	at := now + max(d, 0)
	if at < now { // some three hundred years: never
		at = now + never
	}
	return max(at, l.fired+1)
}

// never is farther than a loop lives.
const never = 100 * 365 * 24 * time.Hour

// ring moves a timer that repeats to its next time, which is after now, and calls
// the function, which may not return.
func (t *Timer) ring(now time.Duration) {
	if t.every > 0 {
		t.at += t.every
		if late := now - t.at; late >= 0 {
			t.at += late - late%t.every + t.every
		}
		t.order = t.loop.nextOrder()
		t.loop.alarms.set(notSet, t, t.at)
	}
	t.f()
}

func (t *Timer) turn() uint64 { return t.order }

// nextOrder numbers timers as they are set.
func (l *Loop) nextOrder() uint64 {
	l.order++
	return l.order
}

func (t *Timer) moved(index int32) { t.index = index }
