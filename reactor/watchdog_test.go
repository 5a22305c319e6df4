//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"example.com/iomux/internal/leaktest"
)

// holdUp is a callback whose name a stack trace must show.
func holdUp(release <-chan struct{}) { <-release }

// A callback that runs too long is logged once, with the stack that shows where it
// is, while it runs; one that does not is not.
func TestSlowCallback(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.SlowCallback = 20 * time.Millisecond
		release := make(chan struct{})
		slow := true
		g, ln, log := serve(t, o, handler{data: func(c *Conn, p []byte) int {
			if slow {
				slow = false
				holdUp(release)
			}
			_, _ = c.Write(p) // the client reads it
			return len(p)
		}})
		c := dial(t, ln)
		if _, err := io.WriteString(c, "slow"); err != nil {
			t.Fatal(err)
		}
		for log.count("holdUp") == 0 {
			time.Sleep(time.Millisecond) // the log line is what is waited for
		}
		close(release)
		expect(t, c, "slow")
		for range 100 {
			roundTrip(t, c, "fast")
		}
		if n := log.count("a callback holds its loop up"); n != 1 {
			t.Errorf("logged %d times, want once", n)
		}
		if n := g.Stats().Slow; n != 1 {
			t.Errorf("Stats tells of %d slow callbacks, want 1", n)
		}
	})
}

// The watchdog sleeps while all loops wait, and wakes when one works.
func TestWatchdogSleeps(t *testing.T) {
	leaktest.Check(t)
	g, ln, _ := serve(t, Options{Loops: 2, SlowCallback: 2 * time.Millisecond}, echo)
	c := dial(t, ln)
	for range 20 {
		roundTrip(t, c, "work")
		for !g.dog.asleep.Load() {
			time.Sleep(time.Millisecond) // its own pace
		}
	}
}

// Without a limit there is no watchdog, and nothing is counted.
func TestNoWatchdog(t *testing.T) {
	leaktest.Check(t)
	g, ln, _ := serve(t, Options{Loops: 1, SlowCallback: -1}, echo)
	roundTrip(t, dial(t, ln), "work")
	if g.dog != nil {
		t.Error("there is a watchdog")
	}
}

// What is counted is what happened.
func TestStats(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, _ := serve(t, o, echo)
		c := dial(t, ln)
		for range 10 {
			roundTrip(t, c, "12345678")
		}
		other := dial(t, ln)
		roundTrip(t, other, "x")
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		for g.Stats().Closed == 0 {
			time.Sleep(time.Millisecond) // for the loop to see the end
		}
		onLoop(t, g.loops[0], func() { g.loops[0].After(time.Hour, func() {}) })
		onLoop(t, g.loops[0], func() { panic("on purpose") })
		onLoop(t, g.loops[0], func() {})
		onLoop(t, g.loops[0], func() {})
		s := g.Stats()
		for _, f := range []struct {
			name      string
			got       uint64
			low, high uint64
		}{
			{"BytesIn", s.BytesIn, 81, 81}, {"BytesOut", s.BytesOut, 81, 81},
			{"Opened", s.Opened, 2, 2}, {"Closed", s.Closed, 1, 1}, {"Conns", s.Conns, 1, 1},
			{"Writes", s.Writes, 11, 11}, {"Reads", s.Reads, 12, 30}, {"Accepts", s.Accepts, 2, 6},
			{"Panics", s.Panics, 1, 1}, {"Timers", s.Timers, 1, 1}, {"Buffered", s.Buffered, 0, 0},
			{"Turns", s.Turns, 14, 200}, {"Events", s.Events, 14, 60}, {"Posted", s.Posted, 3, 4},
			{"Watches", s.Watches, 2, 4}, {"Waits", s.Waits, 14, 400},
		} {
			if f.got < f.low || f.got > f.high {
				t.Errorf("%s is %d, want %d to %d", f.name, f.got, f.low, f.high)
			}
		}
	})
}

// With Crash a panic still closes its connection and is logged, and then ends the
// process, which a test sees as far as the panic itself.
func TestCrash(t *testing.T) {
	leaktest.Check(t)
	o := Options{OnPanic: Crash}
	l, _ := turnByHand(t, o, handler{})
	c := l.conns[0]
	l.phase, l.current = phaseDispatch, c
	func() {
		defer func() {
			if v := recover(); v != "on purpose" {
				t.Errorf("recovered %v", v)
			}
		}()
		l.caught("on purpose")
	}()
	if c.state != connDead || !errors.Is(c.reason(), ErrPanic) {
		t.Errorf("state %v, reason %v", c.state, c.reason())
	}
	if _, err := Open(Options{OnPanic: "maybe"}); !errors.Is(err, ErrOption) || !strings.Contains(err.Error(), "crash") {
		t.Errorf("got %v, want ErrOption", err)
	}
}
