//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package selectors_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
	"example.com/iomux/selectors"
)

// What differs from Python on purpose: a test for each point of the package's
// documentation, in its order. Each says what Python does instead.

// Python: select and kqueue lose the registration, poll and epoll accept the
// mask; modify(fd, 0) parks the descriptor on the latter.
func TestDiffers_badMask(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		before := f.register(a, R, "a")
		for _, mask := range []iomux.Events{0, 1 << 6, 0x8000, R | 1<<10} {
			_, err := f.sel.Modify(a, mask, "lost?")
			f.is(err, selectors.ErrInvalidEvents)
			k, err := f.sel.Key(a)
			f.check(err)
			if k != before {
				f.Errorf("after Modify(%v): %v", mask, k)
			}
		}
		f.write(b, "x")
		f.expect("a Readable")
	})
}

// Python: select and poll go on working when closed, epoll raises ValueError,
// and a select() that is blocked is not woken (CPython issue 91433).
func TestDiffers_closed(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		k := f.register(a, R, "a")
		results := f.blocked(selectors.Forever)
		f.check(f.sel.Close())
		r := <-results
		f.is(r.err, selectors.ErrClosed)
		if len(r.ready) != 0 {
			f.Errorf("and %v", r.ready)
		}
		f.check(f.sel.Close())

		_, err := f.sel.Register(b, R, "b")
		f.is(err, selectors.ErrClosed)
		_, err = f.sel.Register(-1, 0, "")
		f.is(err, selectors.ErrClosed)
		_, err = f.sel.Modify(a, W, "")
		f.is(err, selectors.ErrClosed)
		_, err = f.sel.SetEvents(a, W)
		f.is(err, selectors.ErrClosed)
		_, err = f.sel.SetData(a, "")
		f.is(err, selectors.ErrClosed)
		_, err = f.sel.Unregister(a)
		f.is(err, selectors.ErrClosed)
		_, err = f.sel.Key(a)
		f.is(err, selectors.ErrClosed)
		for _, timeout := range []time.Duration{0, time.Second, selectors.Forever} {
			_, err = f.sel.Select(timeout)
			f.is(err, selectors.ErrClosed)
			_, err = f.sel.SelectInto(make([]selectors.Ready[string], 1), timeout)
			f.is(err, selectors.ErrClosed)
		}
		if f.sel.Live(k) || f.sel.Len() != 0 || len(f.keys()) != 0 || f.sel.Fd() != -1 || f.sel.Backend() != f.b {
			f.Errorf("live %v, Len %d, keys %v, Fd %d, backend %s",
				f.sel.Live(k), f.sel.Len(), f.keys(), f.sel.Fd(), f.sel.Backend())
		}
		f.sel.Wake()
	})
}

// Python's kqueue: one entry a filter, so two with the same key.
func TestDiffers_oneEntryADescriptor(t *testing.T) {
	each(t, func(f *fixture) {
		var want []string
		for i := range 8 {
			a, b := f.pair()
			f.register(a, RW, fmt.Sprint(i))
			f.write(b, "x")
			want = append(want, fmt.Sprint(i, " Readable|Writable"))
		}
		f.expect(want...)
		dst := make([]selectors.Ready[string], 16)
		n, err := f.sel.SelectInto(dst, 0)
		f.check(err)
		f.same(texts(dst[:n]), want)
	})
}

// Python: select and poll register a closed number; then select fails every
// later call, and poll reports it as we do.
func TestDiffers_closedDescriptor(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		b, _ := f.pair()
		gone := f.dup(a, 0)
		f.close(gone)
		_, err := f.sel.Register(gone, R, "")
		f.is(err, unix.EBADF)

		f.register(a, RW, "closed")
		f.register(b, W, "b")
		f.close(a)
		want := []string{"b Writable"}
		if f.b == iomux.Poll || f.b == iomux.Select {
			want = append(want, "closed Readable|Writable")
		}
		for range 3 {
			f.expect(want...)
		}
		// Its key is there until its owner removes it.
		if _, err := f.sel.Key(a); err != nil {
			f.Error(err)
		}
		f.unregister(a)
		f.expect("b Writable")
	})
}

// Python: epoll sees a registration made during another thread's select() at
// once, select and poll only at the next call.
func TestDiffers_changesDuringSelect(t *testing.T) {
	each(t, func(f *fixture) {
		idle, peer := f.pair()
		a, _ := f.pair()
		f.register(idle, R, "idle")

		results := f.blocked(generous)
		f.register(a, W, "new")
		f.same((<-results).ready, []string{"new Writable"})
		f.unregister(a)

		results = f.blocked(generous)
		_, err := f.sel.Modify(idle, RW, "modified")
		f.check(err)
		f.same((<-results).ready, []string{"modified Writable"})
		_, err = f.sel.SetEvents(idle, R)
		f.check(err)

		results = f.blocked(generous)
		_, err = f.sel.SetEvents(idle, W)
		f.check(err)
		f.same((<-results).ready, []string{"modified Writable"})
		_, err = f.sel.SetEvents(idle, R)
		f.check(err)

		// The data that is current when the event comes.
		results = f.blocked(generous)
		_, err = f.sel.SetData(idle, "late")
		f.check(err)
		f.write(peer, "x")
		f.same((<-results).ready, []string{"late Readable"})
		f.read(idle)

		// What is unregistered meanwhile is not reported, and does not end the
		// Select either.
		b, bPeer := f.pair()
		f.register(b, R, "other")
		results = f.blocked(generous)
		f.unregister(idle)
		f.write(peer, "x")
		f.write(bPeer, "x")
		f.same((<-results).ready, []string{"other Readable"})
	})
}

// What changes during a Select is no reason to return early with nothing.
func TestDiffers_changesDoNotEndSelect(t *testing.T) {
	each(t, func(f *fixture) {
		idle, _ := f.pair()
		f.register(idle, R, "idle")
		f.sel.Wake()
		f.woken() // and that is over
		const timeout = 50 * time.Millisecond
		start := time.Now()
		results := f.blocked(timeout)
		for range 5 {
			a, _ := f.pair()
			f.register(a, R, "idle too")
			_, err := f.sel.SetEvents(a, R|iomux.Priority)
			if f.b != iomux.Kqueue {
				f.check(err)
				f.unregister(a)
			}
		}
		r := <-results
		f.check(r.err)
		if took := time.Since(start); took < timeout || len(r.ready) != 0 {
			f.Errorf("Select(%v) ended after %v with %q", timeout, took, r.ready)
		}
	})
}

// Python: poll raises RuntimeError, epoll lets both in.
func TestDiffers_secondSelect(t *testing.T) {
	each(t, func(f *fixture) {
		results := f.blocked(selectors.Forever)
		for _, timeout := range []time.Duration{0, generous, selectors.Forever} {
			_, err := f.sel.Select(timeout)
			f.is(err, selectors.ErrBusy)
		}
		f.sel.Wake()
		f.check((<-results).err)
		f.expect() // and now it is free
	})
}

// Python: milliseconds on poll and epoll, rounded up.
func TestDiffers_exactTimeouts(t *testing.T) {
	each(t, func(f *fixture) {
		for _, timeout := range []time.Duration{1, 300 * time.Microsecond, 1100 * time.Microsecond} {
			var asked []string
			restore := sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) {
				if f.isWait(c) {
					asked = append(asked, c.Args)
				}
			}})
			start := time.Now()
			f.same(f.selected(timeout), nil)
			took := time.Since(start)
			restore()
			if took < timeout {
				f.Errorf("Select(%v) took %v", timeout, took)
			}
			if !strings.HasSuffix(asked[0], ", "+timeout.String()) {
				f.Errorf("Select(%v) asked for %q", timeout, asked)
			}
		}
	})
}

// Python: modify always replaces both, so forgetting the data resets it to
// None, and data that is equal is not stored.
func TestDiffers_setOneThing(t *testing.T) {
	for _, b := range iomux.Backends() {
		t.Run(string(b), func(t *testing.T) {
			f := newFixture(t, b)
			a, _ := f.pair()
			sel, err := selectors.New[any](b)
			f.check(err)
			defer sel.Close()
			// A slice: to compare two would panic in Go.
			_, err = sel.Register(a, R, []int{1})
			f.check(err)
			_, err = sel.SetEvents(a, W)
			f.check(err)
			k, _ := sel.Key(a)
			if got := k.Data.([]int); !slices.Equal(got, []int{1}) || k.Events != W {
				t.Errorf("SetEvents: %v", k)
			}
			equal := []int{1}
			k, err = sel.Modify(a, W, equal)
			f.check(err)
			if &k.Data.([]int)[0] != &equal[0] {
				t.Error("data that is equal was not stored")
			}
			k, err = sel.SetData(a, nil)
			f.check(err)
			if k.Data != nil || k.Events != W {
				t.Errorf("SetData: %v", k)
			}
		})
	}
}

// Python leaves the dead key in the list, and offers nothing to tell it.
func TestDiffers_Live(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, W, "a")
		f.register(b, W, "b")
		ready, err := f.sel.Select(0)
		f.check(err)
		var called []string
		for _, r := range ready {
			if f.sel.Live(r.Key) {
				called = append(called, r.Key.Data)
				f.unregister(ready[len(ready)-1].Key.FD)
			}
		}
		f.same(called, []string{ready[0].Key.Data})
	})
}

// Python: in the order of registration.
func TestDiffers_orderOfKeys(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(max(a, b), R, "first")
		f.register(min(a, b), R, "second")
		f.same(f.keys(), []string{
			fmt.Sprintf("%d Readable second", min(a, b)), fmt.Sprintf("%d Readable first", max(a, b)),
		})
	})
}

// A modify that is the same as before makes no system call, except that it
// re-arms what is edge-triggered or one-shot.
func TestModifyRearms(t *testing.T) {
	each(t, func(f *fixture) {
		for _, flag := range []iomux.Events{iomux.Edge, iomux.OneShot} {
			a, b := f.pair()
			if _, err := f.sel.Register(a, R|flag, "a"); err != nil {
				f.is(err, errors.ErrUnsupported)
				continue
			}
			f.write(b, "x")
			f.expect("a Readable")
			f.expect()
			_, err := f.sel.Modify(a, R|flag, "again")
			f.check(err)
			f.expect("again Readable")
			f.expect()
			_, err = f.sel.SetEvents(a, R|flag)
			f.check(err)
			f.expect("again Readable")
			f.expect()
			f.unregister(a)
		}
	})
}

// meanwhile lets do happen when a Select has its answer from the kernel, and
// has not yet looked at it.
func (f *fixture) meanwhile(timeout time.Duration, do func()) []string {
	f.Helper()
	first := true
	restore := sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) {
		if first && f.isWait(c) && c.Result > 0 {
			first = false
			done := make(chan struct{})
			go func() {
				defer close(done)
				do()
			}()
			<-done
		}
	}})
	defer restore()
	return f.selected(timeout)
}

// An event that was on its way when its number changed hands is nobody's.
func TestStaleEvent(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, R, "old")
		f.write(b, "x")
		const timeout = 10 * time.Millisecond
		start := time.Now()
		got := f.meanwhile(timeout, func() {
			f.unregister(a)
			f.close(a)
			f.pairAt(a)
			f.register(a, R, "new")
		})
		if took := time.Since(start); took < timeout {
			f.Errorf("Select(%v) ended after %v", timeout, took)
		}
		f.same(got, nil)
		// Were it ready itself, it would be told.
		f.close(b)
		c, d := f.pair()
		f.register(c, R, "old")
		f.write(d, "x")
		got = f.meanwhile(generous, func() {
			f.unregister(c)
			f.close(c)
			_, peer := f.pairAt(c)
			f.write(peer, "x")
			f.register(c, R, "newer")
		})
		f.same(got, []string{"newer Readable"})
	})
}

// The look at a number that changed hands may itself be interrupted.
func TestStaleEventInterrupted(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, R, "old")
		f.write(b, "x")
		changed, interrupted := false, 0
		restore := sys.SetHooks(&sys.Hooks{
			Trace: func(c sys.Call) {
				if changed || !f.isWait(c) || c.Result <= 0 {
					return
				}
				changed = true
				done := make(chan struct{})
				go func() {
					defer close(done)
					f.unregister(a)
					f.close(a)
					f.pairAt(a)
					f.register(a, R, "new")
				}()
				<-done
			},
			Fault: func(c sys.Call) sys.Errno {
				if changed && c.Op == sys.OpPoll && strings.HasSuffix(c.Args, ", 0s") && interrupted < 3 {
					interrupted++
					return unix.EINTR
				}
				return 0
			},
		})
		defer restore()
		f.same(f.selected(time.Millisecond), nil)
		if interrupted == 0 {
			f.Error("nothing was interrupted")
		}
	})
}

// The same for an interest that was changed meanwhile.
func TestStaleInterest(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.fill(a)
		f.register(a, R, "a")
		f.write(b, "x")
		got := f.meanwhile(time.Millisecond, func() {
			if _, err := f.sel.SetEvents(a, W); err != nil {
				f.Error(err)
			}
		})
		f.same(got, nil)
	})
}

func (f *fixture) fill(fd int) {
	f.Helper()
	buf := make([]byte, 4096)
	for size := len(buf); size > 0; {
		_, err := unix.Write(fd, buf[:size])
		switch err {
		case nil:
		case unix.EAGAIN:
			size /= 2
		default:
			f.Fatal(err)
		}
	}
}
