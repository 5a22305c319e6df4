//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
)

const day = 24 * time.Hour

// spans are times at which others' clocks have gone wrong: 2^31 and 2^32
// milliseconds (24.8 and 49.7 days), 2^32 seconds, half an hour (libuv #922), what
// does not fit, and what lies in the past.
var spans = []time.Duration{
	math.MinInt64, -day, -1, 0, 1, 999_999, time.Millisecond, time.Second,
	30 * time.Minute, 31 * time.Minute, day,
	1<<31*time.Millisecond - 1, 1 << 31 * time.Millisecond, 1<<31*time.Millisecond + 1,
	1<<32*time.Millisecond - 1, 1 << 32 * time.Millisecond, 1<<32*time.Millisecond + 1,
	50 * day, 365 * day, 1 << 32 * time.Second / 2,
}

// No timer is early by a nanosecond or late by more than the turn in which its time
// comes, however far that is: P4.
func TestTimersOfAllLengths(t *testing.T) {
	l, c := clocked(t)
	for _, d := range spans {
		for _, every := range []bool{false, true} {
			if every && d <= 0 {
				continue
			}
			calls := 0
			var timer *Timer
			onLoop(t, l, func() {
				if every {
					timer = l.Every(d, func() { calls++ })
				} else {
					timer = l.After(d, func() { calls++ })
				}
			})
			check := func(when string, want int) {
				t.Helper()
				onLoop(t, l, func() {
					if calls != want {
						t.Errorf("a timer of %v (repeats: %v) was called %d times %s, want %d", d, every, calls, when, want)
					}
				})
			}
			if d > 1 { // less is the turn at hand, or the next
				c.pass(t, l, d-1)
				check("a nanosecond before", 0)
			}
			c.pass(t, l, 1)
			check("when its time had come", 1)
			if every {
				c.pass(t, l, d)
				check("when it had come again", 2)
			}
			onLoop(t, l, func() { timer.Stop() })
		}
	}
	// Beyond what a clock can say, it is never.
	l, c = clocked(t)
	c.pass(t, l, time.Hour)
	onLoop(t, l, func() {
		for _, d := range []time.Duration{math.MaxInt64, math.MaxInt64 - 1, 200 * 365 * day} {
			timer := l.After(d, func() { t.Errorf("a timer of %v was called", d) })
			if timer.at < 99*365*day {
				t.Errorf("a timer of %v is due at %v", d, timer.at)
			}
		}
	})
	c.pass(t, l, 1<<32*time.Millisecond)
}

// However far the next timer is, the loop sleeps until then; what a wait can say is
// less than what a timer can.
func TestFarTimersLetTheLoopSleep(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := serve(t, o, NopHandler{})
		l := g.loops[0]
		for _, d := range append(slices.Clone(spans[9:]), math.MaxInt64) {
			var timer *Timer
			onLoop(t, l, func() { timer = l.After(d, func() { t.Errorf("a timer of %v was called", d) }) })
			quiet(t, l, 20*time.Millisecond)
			onLoop(t, l, func() { timer.Stop() })
		}
	})
}

// The loop's own clock is the one that nobody sets, and where it is another, tests
// set it a day back and forth: no timer is early, none comes twice.
func TestTheClockIsSet(t *testing.T) {
	leaktest.Check(t)
	g, _, _ := serve(t, Options{Loops: 1}, NopHandler{})
	if !strings.Contains(g.loops[0].epoch.String(), " m=") {
		t.Error("the loop's time is not monotonic")
	}
	l, c := clocked(t)
	var fired []string
	onLoop(t, l, func() {
		for _, d := range []time.Duration{time.Second, time.Minute, day} {
			l.After(d, func() { fired = append(fired, fmt.Sprint(d)) })
		}
		l.Every(time.Hour, func() { fired = append(fired, "every") })
	})
	step := func(d time.Duration, want ...string) {
		t.Helper()
		fired = nil
		c.pass(t, l, d)
		onLoop(t, l, func() {
			if !slices.Equal(fired, want) {
				t.Errorf("the clock went by %v: %q were called, want %q", d, fired, want)
			}
		})
	}
	step(time.Second, "1s")
	step(-day)
	step(day - time.Second)
	step(time.Minute - 1)
	step(1, "1m0s")
	step(day-2*time.Minute, "every") // once for 23 times
	step(-2 * day)
	step(2*day + time.Minute - 1)
	step(1, "24h0m0s", "every")
}

// Timers that are due at the same moment are called in the order in which they were
// set: P4.
func TestTimersOfOneMoment(t *testing.T) {
	l, c := clocked(t)
	const n = 1000
	var got []int
	onLoop(t, l, func() {
		at := l.now() + time.Hour
		var again *Timer
		for i := range n {
			timer := l.After(at-l.now(), func() { got = append(got, i) })
			if i == 0 {
				again = timer
			}
		}
		again.Reset(time.Hour) // which makes it the last
	})
	c.pass(t, l, time.Hour)
	onLoop(t, l, func() {
		if len(got) != n {
			t.Fatalf("%d of %d were called", len(got), n)
		}
		for i, k := range got {
			if k != (i+1)%n {
				t.Fatalf("number %d was called as the %dth", k, i)
			}
		}
	})
}
