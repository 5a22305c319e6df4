//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"io"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

func TestYielder(t *testing.T) {
	var y yielder
	const ms = time.Millisecond
	step := func(now time.Duration, want bool) {
		t.Helper()
		if got := y.due(now); got != want {
			t.Errorf("at %v: due %v, want %v", now, got, want)
		}
	}
	step(yieldEvery-1, false)
	step(yieldEvery, true)
	y.yielded(1*ms, 1*ms+contended) // nobody else wanted the processor
	step(2*ms+yieldEvery-1, false)
	step(2*ms+yieldEvery, true)
	y.yielded(10*ms, 20*ms) // somebody computed for 10 ms
	step(30*ms-1, false)    // so the loop has as much
	step(30*ms, true)
	y.yielded(100*ms, 1100*ms) // many did
	step(1100*ms+keepLimit-1, false)
	step(1100*ms+keepLimit, true)
	if got := (&yielder{}).keeps(); got != 0 {
		t.Errorf("a loop that never waited keeps its processor for %v", got)
	}
}

// A loop that keeps its processor still serves, takes posts, and lets the
// collector stop the world, even when it is the only processor.
func TestHold(t *testing.T) {
	for _, procs := range []int{1, 2} {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		everywhere(t, func(t *testing.T, o Options) {
			if o.Wait != Fair {
				return // only that way of waiting has it
			}
			g, ln, _ := serve(t, o, echo)
			l := g.loops[0]
			held := 0
			hook(t, &sys.Hooks{Trace: func(c sys.Call) {
				if c.Op == sys.OpPoll && c.FD >= 0 {
					held++ // on the loop
				}
			}})
			c := dial(t, ln)
			for i := range 20 {
				onLoop(t, l, func() { l.yield.keep = time.Since(l.yield.start) + time.Minute })
				roundTrip(t, c, "hello")
				if i%5 == 0 {
					runtime.GC()
				}
			}
			onLoop(t, l, func() {
				if held == 0 {
					t.Error("the loop never held its processor")
				}
				l.yield.keep = 0
			})
		})
	}
}

// A timer ends a park when it is due, also one that is set while a later one is
// waited for, and not before.
func TestTimersEndAPark(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := serve(t, o, NopHandler{})
		l := g.loops[0]
		late := make(chan time.Duration, 10)
		var start time.Time
		set := func(d time.Duration) {
			l.After(d, func() { late <- time.Since(start) - d })
		}
		onLoop(t, l, func() { start = time.Now(); set(30 * time.Millisecond); set(time.Hour) })
		onLoop(t, l, func() { set(10 * time.Millisecond); set(0) })
		for range 3 {
			if d := receive(t, late); d < 0 {
				t.Errorf("a timer fired %v early", -d)
			}
		}
	})
}

// The selector replaces its poller to get rid of a ghost; the loop parks on the
// new one.
func TestParkAfterAGhost(t *testing.T) {
	leaktest.Check(t)
	if iomux.Backends()[0] != iomux.Epoll {
		t.Log("only epoll has ghosts: nothing to test here")
		return
	}
	g, ln, _ := serve(t, Options{Wait: Fair, Loops: 1}, echo)
	l := g.loops[0]
	c := dial(t, ln)
	roundTrip(t, c, "before")
	var fds [2]int
	if err := unix.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	dup, err := unix.Dup(fds[0])
	if err != nil {
		t.Fatal(err)
	}
	onLoop(t, l, func() {
		// Closed before it was unregistered, while a duplicate lives on.
		if _, err := l.sel.Register(fds[0], iomux.Readable, nil); err != nil {
			t.Error(err)
		}
		if err := unix.Close(fds[0]); err != nil {
			t.Error(err)
		}
		if _, err := l.sel.Unregister(fds[0]); err != nil {
			t.Error(err)
		}
	})
	if _, err := unix.Write(fds[1], []byte("boo")); err != nil {
		t.Fatal(err)
	}
	for l.sel.Ghosts() == 0 {
		runtime.Gosched()
	}
	for range 10 {
		roundTrip(t, c, "after")
		onLoop(t, l, func() {})
	}
	for _, fd := range []int{dup, fds[1]} {
		if err := unix.Close(fd); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(c, "end"); err != nil {
		t.Fatal(err)
	}
	expect(t, c, "end")
}
