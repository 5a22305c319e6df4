//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// Where there is no /dev/null, connections are served all the same.
func TestNoReserveToBeHad(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		hook(t, &sys.Hooks{Fault: func(c sys.Call) sys.Errno {
			if c.Op == sys.OpOpen {
				return unix.ENOENT
			}
			return 0
		}})
		_, ln, _ := serve(t, o, echo)
		roundTrip(t, dial(t, ln), "served")
	})
}

// A Listen that fails on the second loop leaves the first with nothing, least of
// all with a number that is somebody else's by then.
func TestListenFailsHalfWay(t *testing.T) {
	leaktest.Check(t)
	g, _, _ := serve(t, Options{Loops: 2}, NopHandler{})
	left := 2
	restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		if c.Op == "epoll_ctl" {
			if left--; left == 0 {
				return unix.ENOSPC
			}
		}
		return 0
	}})
	_, err := g.Listen("tcp://127.0.0.1:0", NopHandler{}, ListenOptions{})
	restore()
	if left > 0 {
		t.Log("the backend here is not epoll, whose calls this test breaks")
		return
	}
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got %v, want ENOSPC", err)
	}
	for _, l := range g.loops {
		onLoop(t, l, func() {})
	}
	var fds [8]int
	for i := range fds { // the numbers that were freed
		if fds[i], err = unix.Dup(0); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	for _, fd := range fds {
		if err := unix.Close(fd); err != nil {
			t.Errorf("descriptor %d was closed by somebody else: %v", fd, err)
		}
	}
}

// A handler that pauses in the middle of a drain does not hold Shutdown up.
func TestPauseDuringDrain(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		conns := make(chan *Conn, 1)
		g, ln, _ := serve(t, o, handler{
			opened: func(c *Conn) { conns <- c },
			data:   func(c *Conn, p []byte) int { c.PauseReading(); return len(p) },
		})
		c := dial(t, ln)
		conn := receive(t, conns)
		goOn := standStill(t, conn.Loop())
		if _, err := io.WriteString(c, "input"); err != nil {
			t.Error(err)
		}
		down := make(chan error, 1)
		go func() { down <- g.Shutdown(context.Background()) }()
		for g.isOpen() {
			runtime.Gosched()
		}
		goOn()
		expectEnd(t, c)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := receive(t, down); err != nil {
			t.Error(err)
		}
	})
}

// A small limit is about what the kernel does not take, not about what is written.
func TestSmallWriteLimit(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.LowWater, o.HighWater, o.WriteLimit = 256, 512, 1024
		_, ln, _ := serve(t, o, handler{data: func(c *Conn, p []byte) int {
			if _, err := c.Write(make([]byte, 8000)); err != nil {
				t.Error(err)
			}
			return len(p)
		}})
		c := dial(t, ln)
		if _, err := io.WriteString(c, "x"); err != nil {
			t.Fatal(err)
		}
		if n, err := io.ReadFull(c, make([]byte, 8000)); err != nil {
			t.Errorf("got %d bytes and %v", n, err)
		}
	})
}

// A loop that is busy with large batches yields too: what it finds at once is no
// park. Counted, not timed: that the clock of the last yield moves.
func TestABusyLoopYields(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		if o.Wait != Fair {
			return // its way of parking is the one in question
		}
		l, peer := turnByHand(t, o, echo)
		buf := make([]byte, 64)
		p := l.parker.(*fairParker)
		for range 3 {
			p.lasted = p.brisk // so that the wait is a park
			before := l.yield.last
			l.yield.last -= yieldEvery // long ago
			if _, err := unix.Write(peer, buf); err != nil {
				t.Fatal(err)
			}
			l.turn()
			if l.yield.last <= before {
				t.Fatal("a park that found something at once did not yield")
			}
			if _, err := unix.Read(peer, buf); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A function that posts itself again does not outlive a forced Shutdown.
func TestShutdownEndsAnEndlessPost(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := serve(t, o, NopHandler{})
		l := g.loops[0]
		var again func()
		again = func() { _ = l.Post(again) } // until the loop takes no more
		if err := l.Post(again); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		down := make(chan error, 1)
		go func() { down <- g.Shutdown(ctx) }()
		if err := receive(t, down); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the context's error", err)
		}
	})
}
