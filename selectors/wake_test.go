//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package selectors_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
	"example.com/iomux/selectors"
)

func TestWake(t *testing.T) {
	each(t, func(f *fixture) {
		// Before: the next Select returns at once, empty, and only that one.
		f.sel.Wake()
		f.same(f.selected(selectors.Forever), nil)
		const timeout = 10 * time.Millisecond
		start := time.Now()
		f.same(f.selected(timeout), nil)
		if took := time.Since(start); took < timeout {
			f.Errorf("one Wake ended two Selects: Select(%v) took %v", timeout, took)
		}

		// During.
		results := f.blocked(selectors.Forever)
		f.sel.Wake()
		r := <-results
		f.check(r.err)
		f.same(r.ready, nil)

		// A poll takes it as well.
		f.sel.Wake()
		f.expect()
		start = time.Now()
		f.same(f.selected(timeout), nil)
		if took := time.Since(start); took < timeout {
			f.Errorf("the Wake that a poll took ended Select(%v) after %v", timeout, took)
		}
	})
}

// Wake hides nothing that is ready.
func TestWakeBesideReady(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, RW, "a")
		f.write(b, "x")
		for range 3 {
			f.sel.Wake()
			f.expect("a Readable|Writable")
			f.sel.Wake()
			f.same(f.selected(selectors.Forever), []string{"a Readable|Writable"})
		}
	})
}

// Many calls before one Select are one, and one system call.
func TestWakeIsCoalesced(t *testing.T) {
	each(t, func(f *fixture) {
		for range 3 {
			writes := 0
			restore := sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) {
				if c.Op == sys.OpWrite {
					writes++
				}
			}})
			for range 1000 {
				f.sel.Wake()
			}
			restore()
			if writes != 1 {
				f.Errorf("%d writes for a thousand wake-ups", writes)
			}
			f.same(f.selected(selectors.Forever), nil)
			const timeout = time.Millisecond
			start := time.Now()
			f.same(f.selected(timeout), nil)
			if took := time.Since(start); took < timeout {
				f.Errorf("there was a second one left: Select(%v) took %v", timeout, took)
			}
		}
	})
}

// No wake-up is lost: after each there is a Select that returns for it, or one
// that returns later anyway.
func TestWakeIsNotLost(t *testing.T) {
	each(t, func(f *fixture) {
		// One at a time, each on the heels of the last.
		const rounds = 1000
		heard := make(chan struct{})
		go func() {
			for range rounds {
				f.sel.Wake()
				<-heard
			}
		}()
		for range rounds {
			f.woken()
			heard <- struct{}{}
		}
		// Many at once, as they come.
		const wakers = 4
		var said atomic.Int64
		var all sync.WaitGroup
		for range wakers {
			all.Go(func() {
				for range rounds {
					said.Add(1)
					f.sel.Wake()
				}
			})
		}
		for said.Load() < wakers*rounds {
			f.woken()
		}
		all.Wait()
	})
}

// A change by another goroutine and a Wake use the same descriptor; the one
// must not swallow the other. On epoll and kqueue a change needs no waking.
func TestWakeDuringChange(t *testing.T) {
	each(t, func(f *fixture) {
		for range 100 {
			results := f.blocked(generous)
			a, _ := f.pair()
			f.register(a, R, "idle") // makes the Select look again
			f.sel.Wake()
			r := <-results
			f.check(r.err)
			f.same(r.ready, nil)
			f.unregister(a)
		}
		// The change after the Wake.
		for range 100 {
			results := f.blocked(generous)
			f.sel.Wake()
			a, _ := f.pair()
			f.register(a, W, "a")
			r := <-results
			f.check(r.err)
			if len(r.ready) > 1 {
				f.Fatalf("%q", r.ready)
			}
			f.expect("a Writable")
			f.unregister(a)
		}
	})
}

// The wake-up comes while a Select is on its way out for another reason: the
// next one has it.
func TestWakeOnTheWayOut(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, R, "a")
		f.write(b, "x")
		got := f.meanwhile(generous, f.sel.Wake)
		f.same(got, []string{"a Readable"})
		f.read(a)
		f.woken()
	})
}

// The waker's own calls may be interrupted, or find it full.
func TestWakeInterrupted(t *testing.T) {
	each(t, func(f *fixture) {
		for _, op := range []sys.Op{sys.OpWrite, sys.OpRead} {
			n := 0
			restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
				if c.Op == op {
					if n++; n <= 3 {
						return unix.EINTR
					}
				}
				return 0
			}})
			f.sel.Wake()
			f.woken()
			restore()
			if n < 4 {
				f.Errorf("%s was called %d times", op, n)
			}
			f.expect()
		}
	})
}

// A Wake that comes too late makes no system call: the number may be somebody
// else's.
func TestWakeAfterClose(t *testing.T) {
	each(t, func(f *fixture) {
		f.check(f.sel.Close())
		defer sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) { f.Errorf("%v", c) }})()
		for range 3 {
			f.sel.Wake()
		}
	})
}

// Close against Select, Wake and Register from other goroutines: nobody hangs,
// nobody acts on a descriptor that is closed.
func TestCloseAgainstAll(t *testing.T) {
	for _, b := range iomux.Backends() {
		t.Run(string(b), func(t *testing.T) {
			leaktest.Check(t)
			var onClosed atomic.Int64
			defer sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) {
				if c.Errno == unix.EBADF {
					onClosed.Add(1)
				}
			}})()
			var fds [2]int
			fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fds[0])
			defer unix.Close(fds[1])
			for range 300 {
				sel, err := selectors.New[int](b)
				if err != nil {
					t.Fatal(err)
				}
				var all sync.WaitGroup
				all.Go(func() {
					for {
						if _, err := sel.Select(selectors.Forever); err != nil {
							if !errors.Is(err, selectors.ErrClosed) {
								t.Errorf("Select: %v", err)
							}
							return
						}
					}
				})
				for i := range 2 {
					all.Go(func() {
						for range 20 {
							sel.Wake()
						}
						_, err := sel.Register(fds[i], R, 0)
						if err == nil {
							_, err = sel.Unregister(fds[i])
						}
						if err != nil && !errors.Is(err, selectors.ErrClosed) {
							t.Errorf("Register, Unregister: %v", err)
						}
						if err := sel.Close(); err != nil {
							t.Errorf("Close: %v", err)
						}
						sel.Wake()
					})
				}
				all.Wait()
			}
			if n := onClosed.Load(); n != 0 {
				t.Errorf("%d calls on descriptors that were closed", n)
			}
		})
	}
}

// What a selector cannot do without fails New, and leaves nothing open.
func TestNewFails(t *testing.T) {
	for _, b := range iomux.Backends() {
		t.Run(string(b), func(t *testing.T) {
			for k := 1; ; k++ {
				leaktest.Check(t)
				n := 0
				restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
					if n++; n == k {
						return unix.EMFILE
					}
					return 0
				}})
				sel, err := selectors.New[int](b)
				restore()
				if n < k {
					if err != nil {
						t.Error(err)
					} else if err := sel.Close(); err != nil {
						t.Error(err)
					}
					if k < 3 {
						t.Errorf("New made %d system calls: the test sees too few", n)
					}
					return
				}
				if err == nil {
					// A failure that does not matter would have to be known here.
					t.Fatalf("New succeeded though call %d failed", k)
				}
				// IsOpen, where the poller asks it, knows but one answer.
				if !errors.Is(err, unix.EMFILE) && !errors.Is(err, unix.EBADF) {
					t.Errorf("call %d: %v", k, err)
				}
			}
		})
	}
	if _, err := selectors.New[int]("devpoll"); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("New(devpoll): %v", err)
	}
	sel, err := selectors.New[int]("")
	if err != nil {
		t.Fatal(err)
	}
	if sel.Backend() != iomux.Backends()[0] {
		t.Errorf("New(\"\") is %s", sel.Backend())
	}
	if err := sel.Close(); err != nil {
		t.Error(err)
	}
}

// Each descriptor is closed once, whatever close says.
func TestCloseFails(t *testing.T) {
	for _, b := range iomux.Backends() {
		for _, errno := range []sys.Errno{unix.EINTR, unix.EIO} {
			t.Run(string(b)+"/"+unix.ErrnoName(errno), func(t *testing.T) {
				leaktest.Check(t)
				sel, err := selectors.New[int](b)
				if err != nil {
					t.Fatal(err)
				}
				closed := map[int]int{}
				var order []int
				restore := sys.SetHooks(&sys.Hooks{
					Trace: func(c sys.Call) {
						if c.Op == sys.OpClose {
							closed[c.FD]++
							order = append(order, c.FD)
						}
					},
					Fault: func(c sys.Call) sys.Errno {
						if c.Op == sys.OpClose {
							return errno
						}
						return 0
					},
				})
				err = sel.Close()
				again := sel.Close()
				restore()
				if !errors.Is(err, errno) {
					t.Errorf("Close: %v, want %v", err, errno)
				}
				if again != nil {
					t.Errorf("the second Close: %v", again)
				}
				for fd, n := range closed {
					if n != 1 {
						t.Errorf("%d was closed %d times", fd, n)
					}
				}
				for i, fd := range order { // for the kernel was not asked
					if b == iomux.Kqueue && i == 0 {
						_ = sys.CloseKqueue(fd)
					} else {
						_ = sys.Close(fd)
					}
				}
			})
		}
	}
}

// An Unregister that the kernel refuses ends the registration all the same.
func TestUnregisterFails(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		fake := newFake(f)
		k := f.register(a, R, "a")
		fake.fail = func(_ int, _, new iomux.Events) error {
			if new == 0 {
				return unix.ENOMEM
			}
			return nil
		}
		got, err := f.sel.Unregister(a)
		f.is(err, unix.ENOMEM)
		if got != k {
			f.Errorf("%v, want %v", got, k)
		}
		_, err = f.sel.Key(a)
		f.is(err, selectors.ErrNotRegistered)
		fake.fail = nil
		f.check(fake.Update(a, R, 0))
	})
}

// The poller's own failure comes out of Select.
func TestSelectFails(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		f.register(a, W, "a")
		for _, timeout := range []time.Duration{0, generous, selectors.Forever} {
			restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
				if f.isWait(c) {
					return unix.ENOMEM
				}
				return 0
			}})
			ready, err := f.sel.Select(timeout)
			restore()
			f.is(err, unix.ENOMEM)
			if len(ready) != 0 {
				f.Errorf("and %v", ready)
			}
			f.expect("a Writable")
		}
	})
}

// A poller that gives up its place: Over closes what it was given if it fails.
func TestOverFails(t *testing.T) {
	for _, b := range iomux.Backends() {
		f := newFixture(t, b)
		p, err := iomux.Open(b)
		f.check(err)
		refuse := errors.New("not today")
		fk := &fake{Poller: p, fail: func(int, iomux.Events, iomux.Events) error { return refuse }}
		_, err = selectors.Over[int](fk)
		f.is(err, refuse)
		if _, err := p.Wait(make([]iomux.Ready, 1), 0); !errors.Is(err, iomux.ErrClosed) {
			t.Errorf("the poller is still open: %v", err)
		}
	}
}
