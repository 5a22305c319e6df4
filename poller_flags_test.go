//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package iomux_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux"
)

var errUnsupported = errors.ErrUnsupported

// flagClauses are Edge, OneShot, Exclusive and Priority: each is honoured or
// refused with ErrUnsupported, which changes nothing. Those that need a flag the
// backend has not end after that, as traits says.
var flagClauses = []clause{
	{"flags are honoured or refused", func(f *fixture) {
		a, b := f.pair()
		for _, flag := range []iomux.Events{iomux.Edge, iomux.OneShot, iomux.Exclusive, iomux.Priority} {
			if traits[f.b].supported&flag != 0 {
				f.update(a, 0, R|flag)
				f.write(b, "x")
				f.expect(R, interest{a: R})
				f.drain(a)
				f.update(a, R|flag, 0)
				f.write(b, "x")
				f.quiet()
				f.drain(a)
				continue
			}
			f.refused(a, 0, R|flag, errUnsupported)
			f.write(b, "x")
			f.quiet()
			f.update(a, 0, R)
			f.refused(a, R, RW|flag, errUnsupported)
			f.expect(RW, interest{a: R})
			f.expect(RW, interest{a: R})
			f.update(a, R, 0)
			f.drain(a)
		}
	}},

	{"edge tells once", func(f *fixture) { // Python's test_control_and_wait
		if traits[f.b].supported&iomux.Edge == 0 {
			return
		}
		a, b := f.pair()
		const edge = RW | iomux.Edge
		f.update(a, 0, edge)
		f.expect(RW, interest{a: W}) // room is there, and new
		f.quiet()
		f.write(b, "xyz")
		got := f.wait(8, 0)
		if len(got) != 1 || got[0].FD != a || got[0].Events&R == 0 {
			f.Fatalf("after data: %v", got)
		}
		f.quiet()
		_, err := unix.Read(a, make([]byte, 1))
		f.check(err)
		f.quiet()       // what is left is not news
		f.write(b, "x") // but this is
		if got := f.wait(8, 0); len(got) != 1 || got[0].Events&R == 0 {
			f.Fatalf("after more data: %v", got)
		}
		f.quiet()
		f.close(b) // and this
		if got := f.wait(8, 0); len(got) != 1 || got[0].Events&R == 0 {
			f.Fatalf("after the end: %v", got)
		}
		f.quiet()
	}},

	{"edge is re-armed by Update", func(f *fixture) {
		if traits[f.b].supported&iomux.Edge == 0 {
			return
		}
		a, b := f.pair()
		const edge = R | iomux.Edge
		f.update(a, 0, edge)
		f.write(b, "x")
		f.expect(R, interest{a: R})
		f.quiet()
		for range 2 {
			f.update(a, edge, edge) // the same interest
			f.expect(R, interest{a: R})
			f.quiet()
		}
		f.drain(a)
		f.update(a, edge, edge)
		f.quiet() // nothing is left to tell
		f.write(b, "x")
		f.expect(R, interest{a: R})
		// From edge to level and back.
		f.update(a, edge, R)
		f.expect(R, interest{a: R})
		f.expect(R, interest{a: R})
		f.update(a, R, edge)
		f.expect(R, interest{a: R})
		f.quiet()
	}},

	{"one-shot mutes until Update", func(f *fixture) {
		if traits[f.b].supported&iomux.OneShot == 0 {
			return
		}
		a, b := f.pair()
		const shot = R | iomux.OneShot
		f.update(a, 0, shot)
		f.quiet()
		f.write(b, "x")
		f.expect(R, interest{a: R})
		f.quiet()
		f.write(b, "x")
		f.quiet() // new data neither
		for range 2 {
			f.update(a, shot, shot)
			f.expect(R, interest{a: R})
			f.quiet()
		}
		f.close(b)
		f.quiet() // nor the end
		f.update(a, shot, shot)
		f.expect(R, interest{a: R})
		f.update(a, shot, R)
		f.expect(R, interest{a: R})
		f.expect(R, interest{a: R})
		f.update(a, R, shot)
		f.expect(R, interest{a: R})
		f.update(a, shot, 0) // muted, and removed all the same
		f.quiet()
	}},

	{"one-shot is the descriptor's, not the direction's", func(f *fixture) {
		if traits[f.b].supported&iomux.OneShot == 0 {
			return
		}
		a, b := f.pair()
		const shot = RW | iomux.OneShot
		f.update(a, 0, shot)
		f.expect(RW, interest{a: W})
		f.write(b, "x")
		f.quiet()
		f.update(a, shot, shot)
		f.expect(RW, interest{a: RW})
		f.quiet()
	}},

	{"exclusive", func(f *fixture) {
		if traits[f.b].supported&iomux.Exclusive == 0 {
			return
		}
		a, b := f.pair()
		const excl = R | iomux.Exclusive
		f.refused(a, 0, excl|iomux.OneShot, errUnsupported)
		f.refused(a, 0, excl|iomux.Priority, errUnsupported)
		f.quiet()
		other := f.poller()
		f.update(a, 0, excl)
		f.check(other.Update(a, 0, excl))
		f.write(b, "x")
		if len(f.wait(8, 0))+len(f.waitOn(other, 8, 0)) == 0 {
			f.Fatal("none of two pollers was told")
		}
		f.check(other.Update(a, excl, 0))
		// The kernel has no modify for it; Update has.
		f.update(a, excl, RW|iomux.Exclusive)
		f.expect(RW, interest{a: RW})
		f.refused(a, RW|iomux.Exclusive, excl|iomux.OneShot, errUnsupported)
		f.expect(RW, interest{a: RW})
		f.update(a, RW|iomux.Exclusive, R)
		f.expect(RW, interest{a: R})
		f.update(a, R, excl)
		f.expect(RW, interest{a: R})
		f.update(a, excl, 0)
		f.quiet()
	}},
}

// The flag is for pollers that are blocked: one arrival wakes at least one.
func TestExclusiveWakes(t *testing.T) {
	for _, b := range iomux.Backends() {
		if traits[b].supported&iomux.Exclusive == 0 {
			continue
		}
		f := newFixture(t, b)
		a, peer := f.pair()
		const excl = R | iomux.Exclusive
		told := make(chan int, 2)
		errs := make(chan error, 2)
		for range 2 {
			p := f.poller()
			f.check(p.Update(a, 0, excl))
			go func() {
				n, err := p.Wait(make([]iomux.Ready, 4), iomux.Forever)
				told <- n
				errs <- err
			}()
		}
		f.write(peer, "x")
		for i := range 2 {
			if n := <-told; n != 1 {
				t.Errorf("poller %d found %d", i, n)
			}
			f.check(<-errs)
			f.write(peer, "x") // for the one that was let sleep
		}
	}
}
