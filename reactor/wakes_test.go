//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// closedNumbers watches which descriptors this package has closed, so that a write
// to one of them shows: one that races with the close too, which would have gone to
// whoever gets the number next.
type closedNumbers struct {
	closed [1 << 16]atomic.Bool
	writes atomic.Int64
	bad    atomic.Int64
}

// fault is asked before a call, on the goroutine that makes it.
func (n *closedNumbers) fault(c sys.Call) sys.Errno {
	switch c.Op {
	case sys.OpClose:
		n.closed[c.FD].Store(true)
	case sys.OpWrite:
		n.writes.Add(1)
		if c.FD < 0 || n.closed[c.FD].Load() {
			n.bad.Add(1)
		}
	}
	return 0
}

// trace is told when a call is over: what made a descriptor has it from now on.
func (n *closedNumbers) trace(c sys.Call) {
	switch c.Op {
	case sys.OpClose, sys.OpRead, sys.OpPoll, sys.OpSelect:
	case sys.OpWrite:
		if c.Errno == unix.EBADF {
			n.bad.Add(1)
		}
	default:
		if c.Result > 2 {
			n.closed[c.Result].Store(false)
		}
	}
}

// While four goroutines post, the loop ends: no wake-up is written to a descriptor
// that is closed, or about to be, though posts go on after the end: F6.
func TestNoWakeUpOfAClosedDescriptor(t *testing.T) {
	leaktest.Check(t)
	rounds := 10_000
	if testing.Short() {
		rounds = 500
	}
	var numbers closedNumbers
	hook(t, &sys.Hooks{Fault: numbers.fault, Trace: numbers.trace})
	refused := 0
	for round := range rounds {
		g, err := Open(Options{Loops: 1, Wait: Polite, SlowCallback: -1})
		if err != nil {
			t.Fatal(err)
		}
		l := g.loops[0]
		var wg sync.WaitGroup
		var late atomic.Int64
		for range 4 {
			wg.Go(func() {
				for last := false; !last; {
					switch err := l.Post(func() {}); {
					case errors.Is(err, ErrClosed):
						late.Add(1)
						last = true
					case err != nil:
						t.Error(err)
						last = true
					}
					l.sel.Wake() // as whoever has taken a function before the end would
					runtime.Gosched()
				}
				for range 3 {
					l.sel.Wake()
				}
			})
		}
		for range round % 8 {
			runtime.Gosched()
		}
		if err := g.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		refused += int(late.Load())
	}
	if n := numbers.bad.Load(); n > 0 {
		t.Errorf("%d wake-ups were written to a descriptor that was closed", n)
	}
	if refused != 4*rounds || numbers.writes.Load() == 0 {
		t.Errorf("%d goroutines of %d were refused, %d wake-ups: the test shows nothing", refused, 4*rounds, numbers.writes.Load())
	}
}
