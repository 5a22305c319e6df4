//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package selectors_test

import (
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// A ghost is what epoll keeps when a descriptor is closed before it is
// unregistered while a dup, or a child, has the description still: its events
// come under a number that is no longer registered, and it cannot be removed.
// Python's EpollSelector then returns an empty list at once, for ever.

// haunt leaves such an entry behind under the number that it returns. The dup
// that keeps it is readable whenever peer has written.
func (f *fixture) haunt() (number, kept, peer int) {
	f.Helper()
	if f.b == iomux.Kqueue && libkqueue {
		f.Skip("libkqueue keeps the filters of closed descriptors, so what a kqueue does of ghosts is not tested over it: the simulated one does")
	}
	a, b := f.pair()
	f.register(a, R, "dead")
	kept = f.dup(a, a+20)
	f.close(a)
	f.unregister(a)
	return a, kept, b
}

// ghosts is how many ghosts the backend makes of one.
func (f *fixture) ghosts() int {
	if f.b == iomux.Epoll {
		return 1
	}
	return 0
}

// waits counts a backend's waits during do.
func (f *fixture) waits(do func()) (n int) {
	defer sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) {
		if f.isWait(c) {
			n++
		}
	}})()
	do()
	return n
}

func TestGhostIsRemoved(t *testing.T) {
	each(t, func(f *fixture) {
		other, otherPeer := f.pair()
		f.register(other, R, "alive")
		_, _, peer := f.haunt()
		f.write(peer, "boo")
		const timeout = 300 * time.Millisecond
		start := time.Now()
		n := f.waits(func() { f.same(f.selected(timeout), nil) })
		if took := time.Since(start); took < timeout {
			f.Errorf("Select(%v) ended after %v", timeout, took)
		}
		if n >= 50 {
			f.Errorf("%d waits within one Select: it spins", n)
		}
		if got := f.sel.Ghosts(); got != f.ghosts() {
			f.Errorf("Ghosts() = %d", got)
		}
		// All goes on in the new poller, and nothing is left of the ghost.
		f.write(peer, "boo")
		f.write(otherPeer, "x")
		f.expect("alive Readable")
		f.read(other)
		if n := f.waits(func() { f.selected(5 * time.Millisecond) }); n >= 50 {
			f.Errorf("%d waits afterwards", n)
		}
		if got := f.sel.Ghosts(); got != f.ghosts() {
			f.Errorf("Ghosts() = %d", got)
		}
	})
}

// A poll, too, must not find the ghost again and again.
func TestGhostInPoll(t *testing.T) {
	each(t, func(f *fixture) {
		_, _, peer := f.haunt()
		f.write(peer, "boo")
		for range 20 {
			f.expect()
		}
		if got := f.sel.Ghosts(); got != f.ghosts() {
			f.Errorf("Ghosts() = %d", got)
		}
	})
}

// The number has a new owner, which is not ready: the event is not its.
func TestGhostUnderNewOwner(t *testing.T) {
	each(t, func(f *fixture) {
		number, _, peer := f.haunt()
		_, newPeer := f.pairAt(number)
		f.register(number, R, "new")
		f.write(peer, "boo")
		n := f.waits(func() { f.same(f.selected(20*time.Millisecond), nil) })
		if n >= 50 {
			f.Errorf("%d waits within one Select: it spins", n)
		}
		if got := f.sel.Ghosts(); got != f.ghosts() {
			f.Errorf("Ghosts() = %d", got)
		}
		f.write(newPeer, "x")
		f.expect("new Readable")
	})
}

// The number has a new owner, which is ready just as the ghost is: it comes
// once.
func TestGhostBesideNewOwner(t *testing.T) {
	each(t, func(f *fixture) {
		for range 3 { // so that there is room for more than one entry
			a, _ := f.pair()
			f.register(a, R, "idle")
		}
		number, kept, peer := f.haunt()
		_, newPeer := f.pairAt(number)
		f.register(number, R, "new")
		f.write(peer, "boo")
		f.write(newPeer, "x")
		for range 3 {
			f.expect("new Readable")
		}
		f.read(kept)
		f.read(number)
		f.expect()
		f.write(peer, "boo")
		f.expect()
	})
}

// A number that was closed before it was unregistered is under suspicion; when
// its new owner is ready, it is told, and no ghost is seen.
func TestSuspicionUnfounded(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		f.register(a, R, "dead")
		f.close(a)
		f.unregister(a) // and the description is gone as well
		_, peer := f.pairAt(a)
		f.register(a, RW, "new")
		f.expect("new Writable")
		f.write(peer, "x")
		f.expect("new Readable|Writable")
		f.read(a)
		f.expect("new Writable")
		if got := f.sel.Ghosts(); got != 0 {
			f.Errorf("Ghosts() = %d", got)
		}
	})
}

// Everything else moves to the new poller: interests, data, flags, the waker;
// what was closed while registered is passed over, as the old poller had
// forgotten it.
func TestGhostLeavesTheRest(t *testing.T) {
	each(t, func(f *fixture) {
		flags := iomux.Events(0)
		if f.b == iomux.Epoll || f.b == iomux.Kqueue {
			flags = iomux.Edge
		}
		edge, edgePeer := f.pair()
		k := f.register(edge, R|flags, "edge")
		for i := range 5 {
			a, _ := f.pair()
			f.register(a, W, fmt.Sprint(i))
		}
		gone, _ := f.pair()
		f.register(gone, R, "gone")
		_, _, peer := f.haunt()
		f.close(gone)
		f.write(peer, "boo")
		want := []string{"0 Writable", "1 Writable", "2 Writable", "3 Writable", "4 Writable"}
		for range 3 {
			got := f.selected(0)
			if f.b == iomux.Poll || f.b == iomux.Select {
				f.same(got, append(want[:5:5], "gone Readable"))
			} else {
				f.same(got, want)
			}
		}
		if got := f.sel.Ghosts(); got != f.ghosts() {
			f.Errorf("Ghosts() = %d", got)
		}
		if !f.sel.Live(k) || f.sel.Len() != 7 {
			f.Errorf("live %v, Len %d", f.sel.Live(k), f.sel.Len())
		}
		// Whoever has the number of what was closed now is not watched for it.
		if f.b == iomux.Epoll {
			if _, err := unix.FcntlInt(uintptr(gone), unix.F_GETFD, 0); err != nil {
				f.Errorf("%d was not reused, so this proves nothing: %v", gone, err)
			}
		}
		f.unregister(gone)
		for i := range 5 {
			for key := range f.sel.Keys() {
				if key.Data == fmt.Sprint(i) {
					f.unregister(key.FD)
				}
			}
		}
		f.write(edgePeer, "x")
		f.expect("edge Readable")
		if flags != 0 {
			f.expect()
		}
		f.sel.Wake()
		if len(f.selected(generous)) > 6 {
			f.Error("more is ready than there was")
		}
		if fd := f.sel.Fd(); fd >= 0 {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
				f.Errorf("Fd(): %v", err)
			}
		}
	})
}

// A number that was closed while registered belongs to a stranger when the
// poller is replaced. epoll had forgotten it, and the new one must not learn it.
func TestGhostAndStranger(t *testing.T) {
	each(t, func(f *fixture) {
		gone, _ := f.pair()
		f.register(gone, RW, "gone")
		_, _, peer := f.haunt()
		f.close(gone)
		f.pairAt(gone)
		f.write(peer, "boo")
		for range 3 {
			got := f.selected(0)
			if f.b == iomux.Poll || f.b == iomux.Select { // they know numbers only
				f.same(got, []string{"gone Writable"})
			} else {
				f.same(got, nil)
			}
		}
		if got := f.sel.Ghosts(); got != f.ghosts() {
			f.Errorf("Ghosts() = %d", got)
		}
		f.unregister(gone)
		f.register(gone, W, "stranger")
		f.expect("stranger Writable")
	})
}

// A wake-up while the poller is being replaced is not lost, nor one afterwards.
func TestGhostAndWake(t *testing.T) {
	each(t, func(f *fixture) {
		_, _, peer := f.haunt()
		f.write(peer, "boo")
		f.sel.Wake()
		f.woken()
		f.expect()
		f.sel.Wake()
		f.woken()
		if got := f.sel.Ghosts(); got != f.ghosts() {
			f.Errorf("Ghosts() = %d", got)
		}
	})
}

// The replacement may fail for want of descriptors. Select says so; the old
// poller is still there, and the next Select tries again.
func TestGhostWithoutMeans(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		f.register(a, W, "alive")
		_, _, peer := f.haunt()
		f.write(peer, "boo")
		for _, failing := range []string{"epoll_create1", "epoll_ctl"} {
			restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
				if string(c.Op) == failing {
					return unix.EMFILE
				}
				return 0
			}})
			_, err := f.sel.Select(0)
			restore()
			if f.b == iomux.Epoll {
				f.is(err, unix.EMFILE)
			} else {
				f.check(err)
			}
		}
		if got := f.sel.Ghosts(); got != 0 {
			f.Errorf("Ghosts() = %d", got)
		}
		f.expect("alive Writable")
		if got := f.sel.Ghosts(); got != f.ghosts() {
			f.Errorf("Ghosts() = %d", got)
		}
	})
}

// Any goroutine may ask for anything while the poller is being replaced.
func TestGhostWhileOthersAsk(t *testing.T) {
	each(t, func(f *fixture) {
		for range 20 {
			number, kept, peer := f.haunt()
			f.pairAt(number) // the next ghost is to have a number of its own
			f.write(peer, "boo")
			quit, done := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(done)
				for {
					select {
					case <-quit:
						return
					default:
						_, _, _ = f.sel.Backend(), f.sel.Fd(), f.sel.Ghosts()
					}
				}
			}()
			f.same(f.selected(time.Millisecond), nil)
			close(quit)
			<-done
			f.close(kept)
			f.close(peer)
		}
		if got := f.sel.Ghosts(); got != 20*f.ghosts() {
			f.Errorf("Ghosts() = %d", got)
		}
	})
}
