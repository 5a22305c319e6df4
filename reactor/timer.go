//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"container/heap"
	"time"
)

// Timer calls a function on a loop, once or again and again. Its methods are for
// the loop's goroutine alone. Timers end with their loop, and do not keep it from
// ending.
type Timer struct {
	loop  *Loop
	at    time.Time
	every time.Duration // 0: once
	f     func()
	index int // in the loop's heap; waitsNot when it is not in it
}

const waitsNot = -1

// After has f called once, d from now or as soon after that as the loop comes to
// it: never earlier, and later only by what callbacks take. A d of zero or less
// means the turn at hand or the next. Only on the loop's goroutine; other
// goroutines Post a function that calls it. A panic of f is logged.
func (l *Loop) After(d time.Duration, f func()) *Timer {
	t := &Timer{loop: l, f: f, index: waitsNot}
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
	t := &Timer{loop: l, every: d, f: f, index: waitsNot}
	t.Reset(d)
	return t
}

// Stop keeps the timer from calling its function again, and reports whether it
// would have.
func (t *Timer) Stop() bool {
	if t.index == waitsNot {
		return false
	}
	heap.Remove(&t.loop.timers, t.index)
	return true
}

// Reset has the function called d from now, whether the timer still waited, was
// stopped or had fired; one that repeats goes on from there. It reports whether
// it still waited.
func (t *Timer) Reset(d time.Duration) bool {
	waited := t.index != waitsNot
	t.at = t.loop.now().Add(max(d, 0))
	if !t.at.After(t.loop.fired) { // the clock has not moved since
		t.at = t.loop.fired.Add(1)
	}
	if waited {
		heap.Fix(&t.loop.timers, t.index)
	} else {
		heap.Push(&t.loop.timers, t)
	}
	return waited
}

// again moves a timer that repeats to its next time, which is after now.
func (t *Timer) again(now time.Time) {
	t.at = t.at.Add(t.every)
	if late := now.Sub(t.at); late >= 0 {
		t.at = t.at.Add(late - late%t.every + t.every)
	}
	heap.Fix(&t.loop.timers, t.index)
}

// timers is a loop's heap of those that wait, the earliest first.
type timers []*Timer

// next is when the earliest is due.
func (h timers) next() (at time.Time, ok bool) {
	if len(h) == 0 {
		return at, false
	}
	return h[0].at, true
}

// fire calls what was due when the phase began, at l.fired. What is set meanwhile
// is for later than that, see Reset, so this ends, also when a call panics and
// the phase is entered again. A timer is moved on before its call, which may not
// return.
func (l *Loop) fire() {
	for len(l.timers) > 0 && !l.timers[0].at.After(l.fired) {
		t := l.timers[0]
		if t.every > 0 {
			t.again(l.fired)
		} else {
			heap.Pop(&l.timers)
		}
		t.f()
	}
}

// Len, Less, Swap, Push and Pop are what container/heap wants.
func (h timers) Len() int           { return len(h) }
func (h timers) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h timers) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timers) Push(x any) {
	t := x.(*Timer)
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timers) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = waitsNot
	return t
}
