//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package iomux_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// lifecycleClauses are what happens to descriptors that are closed while they
// are registered, and to their numbers afterwards (Python's
// hazards). Poll and select report such a descriptor as ready, with NVAL, for
// its owner to find; epoll and kqueue forget it.
var lifecycleClauses = []clause{
	{"removed before it is closed", func(f *fixture) {
		a, b := f.pair()
		f.write(b, "x")
		f.update(a, 0, RW)
		f.update(a, RW, 0)
		f.close(a)
		f.quiet()
		// Whoever gets the number is not watched.
		f.dupAbove(b, a)
		f.quiet()
	}},

	{"closed while registered", func(f *fixture) {
		a, _ := f.pair()
		c, d := f.pair()
		f.update(a, 0, R)
		f.update(c, 0, R)
		f.close(a)
		want := interest{}
		if !traits[f.b].forgets {
			want[a] = R
		}
		f.expect(R, want)
		f.write(d, "x") // the others go on
		want[c] = R
		f.expect(R, want)
		f.expect(R, want)
		if !traits[f.b].forgets {
			for _, r := range f.wait(8, generous) {
				if r.FD == a && (r.Raw != iomux.RawNval || r.Events != RW) {
					f.Errorf("closed: %v, want NVAL and both conditions", r)
				}
			}
		}
		f.removeClosed(a, R)
		f.expect(R, interest{c: R})
	}},

	{"several closed while registered", func(f *fixture) {
		want := interest{}
		var closing []int
		for range 5 {
			a, b := f.pair()
			f.update(a, 0, R)
			f.update(b, 0, R)
			closing = append(closing, a)
			want[b] = R // once a is closed
		}
		for _, fd := range closing {
			f.close(fd)
			if !traits[f.b].forgets {
				want[fd] = R
			}
		}
		f.expect(R, want)
		f.expect(R, want)
	}},

	{"a closed one does not starve the rest", func(f *fixture) {
		a, _ := f.pair()
		c, _ := f.pair()
		e, _ := f.pair()
		for _, fd := range []int{a, c, e} {
			f.update(fd, 0, W)
		}
		f.close(a)
		seen := map[int]int{}
		for range 6 {
			for _, r := range f.wait(1, generous) {
				seen[r.FD]++
			}
		}
		if seen[c] < 2 || seen[e] < 2 {
			f.Errorf("served in 6 waits with room for one: %v", seen)
		}
	}},

	{"closed, but a dup keeps the description", func(f *fixture) {
		a, b := f.pair()
		c, _ := f.pair()
		f.update(a, 0, R)
		f.update(c, 0, R)
		kept := f.dup(a)
		f.close(a)
		f.write(b, "x")
		want := interest{a: R} // poll and select: NVAL
		if f.b == iomux.Kqueue && !kqueueKeepsClosed {
			want = interest{} // its entries belong to descriptors
		}
		// epoll: the event of the description, under the number it had.
		f.expect(R, want)
		f.removeClosed(a, R)
		if f.b == iomux.Epoll {
			// The ghost: it cannot be removed by its number. What can be done
			// about it is the selector's business.
			f.expect(R, interest{a: R})
		} else {
			f.quiet()
		}
		f.close(kept)
		f.quiet() // the description ends, and with it the ghost
	}},

	{"number reused", func(f *fixture) {
		a, _ := f.pair()
		f.update(a, 0, R)
		f.close(a)
		c, d := f.pairAt(a) // the number stands for another socket now
		f.write(d, "x")
		want := interest{c: R} // poll and select know numbers only
		if traits[f.b].forgets {
			want = interest{} // the entry died with the description
		}
		f.expect(R, want)
		f.removeClosed(c, R)
		f.quiet()
		f.update(c, 0, R)
		f.expect(R, interest{c: R})
	}},

	{"number reused a thousand times", func(f *fixture) {
		last, _ := f.pair()
		f.close(last)
		for i := range 1000 {
			a, b := f.pairAt(last)
			f.update(a, 0, R)
			if i%2 == 0 {
				f.write(b, "x")
				f.expect(R, interest{a: R})
			} else {
				f.quiet()
			}
			f.update(a, R, 0)
			f.close(a)
			f.close(b)
		}
		f.quiet()
	}},

	{"numbers beyond FD_SETSIZE", func(f *fixture) {
		a, b := f.pair()
		low, lowPeer := f.pair()
		f.update(low, 0, R)
		for _, number := range []int{1023, 1024, 1025, 2047, 4000} {
			high := f.dupAbove(a, number)
			if f.b == iomux.Select && sys.SelectMax != 0 && high >= sys.SelectMax {
				f.refused(high, 0, R, iomux.ErrFDTooLarge)
				f.quiet()
				continue
			}
			f.update(high, 0, R)
			f.quiet()
			f.write(b, "x")
			f.expect(R, interest{high: R})
			f.write(lowPeer, "x")
			f.expect(R, interest{high: R, low: R})
			f.drain(low)
			f.drain(a)
			f.update(high, R, 0)
			f.write(b, "x")
			f.quiet()
			f.drain(a)
			f.close(high)
		}
	}},

	{"a wait after everything was removed", func(f *fixture) {
		a, b := f.pair()
		high := f.dupAbove(a, 1500)
		f.update(b, 0, R)
		if err := f.p.Update(high, 0, R); err == nil {
			f.update(high, R, 0)
		} else if !errors.Is(err, iomux.ErrFDTooLarge) {
			f.Fatal(err)
		}
		f.update(b, R, 0)
		f.write(a, "x")
		f.quiet()
		f.update(b, 0, R)
		f.expect(R, interest{b: R})
	}},
}

// removeClosed removes a descriptor that was closed, which may fail.
func (f *fixture) removeClosed(fd int, old iomux.Events) {
	f.Helper()
	err := f.p.Update(fd, old, 0)
	switch {
	case err == nil && traits[f.b].forgets && !(f.b == iomux.Kqueue && kqueueKeepsClosed):
		f.Error("the removal of what was forgotten succeeded")
	case err != nil && !errors.Is(err, unix.EBADF) && !errors.Is(err, unix.ENOENT):
		f.Errorf("removal: %v", err)
	case err != nil && !traits[f.b].forgets:
		f.Errorf("removal: %v, of a backend that asks no kernel", err)
	}
}

// pairAt is pair with the first end on a number that is free.
func (f *fixture) pairAt(number int) (a, b int) {
	f.Helper()
	x, y := f.pair()
	if x == number {
		return x, y
	}
	if y == number { // the lowest free number went to the other end
		return y, x
	}
	a = f.dupAbove(x, number)
	if a != number {
		f.Fatalf("%d is not free", number)
	}
	f.close(x)
	return a, y
}

// A pair of which one is added and then closed, with the other end at work: the
// write that finds nobody is where it shows.
func TestPeerOfClosed(t *testing.T) {
	for _, b := range iomux.Backends() {
		t.Run(string(b), func(t *testing.T) {
			f := newFixture(t, b)
			a, peer := f.pair()
			f.update(a, 0, RW)
			f.update(peer, 0, RW)
			f.update(a, RW, 0)
			f.close(a)
			got := f.wait(8, generous)
			f.expectOf(got, RW, interest{peer: RW})
			if _, err := unix.Write(peer, []byte("x")); !errors.Is(err, unix.EPIPE) {
				t.Errorf("write: %v", err)
			}
		})
	}
}
