//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
)

// fakeClock moves when it is told to.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *fakeClock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// pass moves the clock and has the loop look at it.
func (c *fakeClock) pass(t *testing.T, l *Loop, d time.Duration) {
	t.Helper()
	c.mu.Lock()
	c.now = c.now.Add(d)
	c.mu.Unlock()
	onLoop(t, l, func() {})
	onLoop(t, l, func() {}) // timers come behind posted functions: now they are over
}

// clocked is a loop with a clock of its own.
func clocked(t *testing.T) (*Loop, *fakeClock) {
	t.Helper()
	leaktest.Check(t)
	c := &fakeClock{now: time.Unix(1_000_000, 0)}
	g, _, _ := serve(t, Options{Loops: 1, clock: c.read}, NopHandler{})
	return g.loops[0], c
}

func TestAfter(t *testing.T) {
	l, c := clocked(t)
	var fired []string
	add := func(name string, d time.Duration) {
		l.After(d, func() { fired = append(fired, name) })
	}
	onLoop(t, l, func() {
		add("c", 3*time.Second)
		add("a", time.Second)
		add("b", 2*time.Second)
	})
	c.pass(t, l, time.Second-1)
	onLoop(t, l, func() {
		if len(fired) > 0 {
			t.Errorf("%q fired a nanosecond early", fired)
		}
	})
	for i, want := range []string{"a", "b", "c"} {
		if i == 0 {
			c.pass(t, l, 1)
		} else {
			c.pass(t, l, time.Second)
		}
		onLoop(t, l, func() {
			if len(fired) != i+1 || fired[i] != want {
				t.Errorf("after %d s: %q", i+1, fired)
			}
		})
	}
}

// TestAfterNow: a timer for now fires though the clock stands still, and one that
// sets itself again for now lets the loop go on.
func TestAfterNow(t *testing.T) {
	l, c := clocked(t)
	n := 0
	var again func()
	again = func() { n++; l.After(0, again) }
	onLoop(t, l, func() { l.After(-time.Hour, again) })
	for range 5 {
		c.pass(t, l, 1)
	}
	onLoop(t, l, func() {
		if n < 2 || n > 20 {
			t.Errorf("fired %d times in 5 ticks", n)
		}
	})
}

func TestStopAndReset(t *testing.T) {
	l, c := clocked(t)
	n := 0
	var timer *Timer
	check := func(what string, got, want any) {
		if got != want {
			t.Errorf("%s: %v, want %v", what, got, want)
		}
	}
	onLoop(t, l, func() {
		timer = l.After(time.Second, func() { n++ })
		check("Stop", timer.Stop(), true)
		check("second Stop", timer.Stop(), false)
	})
	c.pass(t, l, 2*time.Second)
	onLoop(t, l, func() {
		check("calls of a stopped timer", n, 0)
		check("Reset after Stop", timer.Reset(time.Second), false)
		check("Reset of one that waits", timer.Reset(3*time.Second), true)
	})
	c.pass(t, l, 2*time.Second)
	onLoop(t, l, func() { check("calls before its new time", n, 0) })
	c.pass(t, l, time.Second)
	onLoop(t, l, func() {
		check("calls", n, 1)
		check("Stop after the call", timer.Stop(), false)
		check("Reset after the call", timer.Reset(0), false)
	})
	c.pass(t, l, 1)
	onLoop(t, l, func() { check("calls", n, 2) })
}

// TestEvery: calls stay at multiples; those missed are left out; a call may stop
// its own timer.
func TestEvery(t *testing.T) {
	l, c := clocked(t)
	var at []time.Duration
	start := c.read()
	var timer *Timer
	onLoop(t, l, func() {
		timer = l.Every(10*time.Second, func() {
			at = append(at, c.read().Sub(start))
			if len(at) == 4 {
				timer.Stop()
			}
		})
	})
	for _, seconds := range []int{10, 5, 5, 37, 2, 1, 100} { // at 10, 15, 20, 57, 59, 60, 160 s
		c.pass(t, l, time.Duration(seconds)*time.Second)
	}
	want := []time.Duration{10 * time.Second, 20 * time.Second, 57 * time.Second, 60 * time.Second}
	onLoop(t, l, func() {
		if !slices.Equal(at, want) {
			t.Errorf("called at %v, want %v", at, want)
		}
	})
}

// TestEveryAfterPanic: a call that panics is logged, and the next comes.
func TestEveryAfterPanic(t *testing.T) {
	leaktest.Check(t)
	c := &fakeClock{now: time.Unix(1_000_000, 0)}
	g, _, log := serve(t, Options{Loops: 1, clock: c.read}, NopHandler{})
	l := g.loops[0]
	n := 0
	onLoop(t, l, func() { l.Every(time.Second, func() { n++; panic("on purpose") }) })
	for range 3 {
		c.pass(t, l, time.Second)
	}
	onLoop(t, l, func() {
		if n != 3 {
			t.Errorf("called %d times, want 3", n)
		}
	})
	if n := log.count(`msg="handler panicked"`); n != 3 {
		t.Errorf("%d panics logged, want 3", n)
	}
}

// TestPanicsDoNotKeepALoop: a timer that sets itself for now and panics is called
// once a turn, whatever time that takes.
func TestPanicsDoNotKeepALoop(t *testing.T) {
	leaktest.Check(t)
	var now atomic.Int64 // moves with every look
	clock := func() time.Time { return time.Unix(1_000_000, now.Add(1_000_000)) }
	g, _, log := serve(t, Options{Loops: 1, clock: clock}, NopHandler{})
	l := g.loops[0]
	over := false
	var again func()
	again = func() {
		if !over {
			l.After(0, again)
			panic("on purpose")
		}
	}
	onLoop(t, l, func() { l.After(0, again) })
	onLoop(t, l, func() {}) // it comes to this
	onLoop(t, l, func() { over = true })
	if log.count(`msg="handler panicked"`) == 0 {
		t.Error("no panic logged")
	}
}

// TestManyTimers: a hundred thousand, a third of which is stopped and a third set
// anew, fire in order, each once and none early.
func TestManyTimers(t *testing.T) {
	l, c := clocked(t)
	const n = 100_000
	random := rand.New(rand.NewPCG(1, 2))
	due := make([]time.Time, n)
	calls := make([]int, n)
	var last time.Time
	onLoop(t, l, func() {
		all := make([]*Timer, n)
		set := func(i int) time.Duration {
			d := time.Duration(random.Int64N(int64(time.Minute)))
			due[i] = c.read().Add(d)
			return d
		}
		for i := range all {
			all[i] = l.After(set(i), func() {
				calls[i]++
				if now := c.read(); now.Before(due[i]) || due[i].Before(last) {
					t.Errorf("timer %d: due %v, called %v, behind one due %v", i, due[i], now, last)
				}
				last = due[i]
			})
		}
		for i, timer := range all {
			switch i % 3 {
			case 0:
				timer.Stop()
			case 1:
				timer.Reset(set(i))
			}
		}
	})
	for range 61 {
		c.pass(t, l, time.Second)
	}
	onLoop(t, l, func() {
		for i, k := range calls {
			want := min(i%3, 1)
			if k != want {
				t.Fatalf("timer %d: called %d times, want %d", i, k, want)
			}
		}
		if len(l.alarms) != 0 {
			t.Errorf("%d timers left", len(l.alarms))
		}
	})
}

// TestTimersDoNotKeepALoop: a group with timers still to come shuts down.
func TestTimersDoNotKeepALoop(t *testing.T) {
	leaktest.Check(t)
	g, _, _ := serve(t, Options{Loops: 1}, NopHandler{})
	onLoop(t, g.loops[0], func() {
		g.loops[0].After(time.Hour, func() { t.Error("an hour has passed") })
		g.loops[0].Every(time.Hour, func() { t.Error("an hour has passed") })
	}) // serve shuts the group down
}
