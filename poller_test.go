//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package iomux_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }

// One conformance suite: what Poller promises, as a table of clauses, each of
// which runs on each backend. Where a backend differs by right, traits or the
// clause's own table says so, in one place, and no clause is skipped for it.

// clause is one promise of Poller.
type clause struct {
	name string
	test func(*fixture)
}

func TestPoller(t *testing.T) {
	for _, b := range iomux.Backends() {
		t.Run(string(b), func(t *testing.T) {
			if _, ok := traits[b]; !ok {
				t.Fatalf("a backend that traits does not know")
			}
			for _, c := range slices.Concat(contractClauses, lifecycleClauses, flagClauses, timeoutClauses, fairnessClauses) {
				t.Run(c.name, func(t *testing.T) { c.test(newFixture(t, b)) })
			}
		})
	}
}

// traits are the differences between the backends that Poller's contract names.
var traits = map[iomux.Backend]struct {
	live      bool         // an Update made during a Wait takes effect in it
	knows     bool         // it refuses an add of what it has and a change of what it has not
	forgets   bool         // a descriptor that is closed leaves it by itself
	supported iomux.Events // the flags and conditions it honours
}{
	iomux.Epoll:  {live: true, knows: true, forgets: true, supported: RW | iomux.Priority | iomux.Edge | iomux.OneShot | iomux.Exclusive},
	iomux.Kqueue: {live: true, forgets: true, supported: RW | iomux.Edge | iomux.OneShot},
	iomux.Poll:   {knows: true, supported: RW | iomux.Priority},
	iomux.Select: {knows: true, supported: RW | iomux.Priority},
}

const (
	R  = iomux.Readable
	W  = iomux.Writable
	RW = R | W
)

// fixture is a poller under test and the descriptors made for it.
type fixture struct {
	*testing.T
	b    iomux.Backend
	p    iomux.Poller
	open map[int]bool // what to close at the end
}

func newFixture(t *testing.T, b iomux.Backend) *fixture {
	t.Helper()
	leaktest.Check(t)
	f := &fixture{T: t, b: b, open: map[int]bool{}}
	f.p = f.poller()
	t.Cleanup(func() {
		for fd := range f.open {
			f.check(unix.Close(fd))
		}
	})
	return f
}

// poller opens one more of the same backend.
func (f *fixture) poller() iomux.Poller {
	f.Helper()
	p, err := iomux.Open(f.b)
	f.check(err)
	f.Cleanup(func() { f.check(p.Close()) })
	return p
}

func (f *fixture) check(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// owns makes fd one to close at the end.
func (f *fixture) owns(fd int) int {
	f.open[fd] = true
	return fd
}

func (f *fixture) close(fd int) {
	f.Helper()
	if !f.open[fd] {
		f.Fatalf("the test closes %d, which it does not have", fd)
	}
	delete(f.open, fd)
	f.check(unix.Close(fd))
}

func (f *fixture) dup(fd int) int {
	f.Helper()
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	f.check(err)
	return f.owns(n)
}

// dupAbove is dup onto the first free number from low on.
func (f *fixture) dupAbove(fd, low int) int {
	f.Helper()
	n, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, low)
	f.check(err)
	return f.owns(n)
}

// pair is two connected stream sockets, non-blocking.
func (f *fixture) pair() (a, b int) {
	f.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	f.check(err)
	for _, fd := range fds {
		f.check(unix.SetNonblock(f.owns(fd), true))
	}
	return fds[0], fds[1]
}

// pipe is a pipe's two ends, non-blocking.
func (f *fixture) pipe() (r, w int) {
	f.Helper()
	var p [2]int
	f.check(unix.Pipe(p[:]))
	for _, fd := range p {
		f.check(unix.SetNonblock(f.owns(fd), true))
	}
	return p[0], p[1]
}

func (f *fixture) write(fd int, s string) {
	f.Helper()
	if n, err := unix.Write(fd, []byte(s)); err != nil || n != len(s) {
		f.Fatalf("write to %d: %d of %d, %v", fd, n, len(s), err)
	}
}

// drain reads until nothing is left.
func (f *fixture) drain(fd int) {
	f.Helper()
	var buf [4096]byte
	for {
		n, err := unix.Read(fd, buf[:])
		if n == 0 || err == unix.EAGAIN {
			return
		}
		f.check(err)
	}
}

// fill writes until the kernel takes no more.
func (f *fixture) fill(fd int) {
	f.Helper()
	var buf [4096]byte
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

func (f *fixture) update(fd int, old, new iomux.Events) {
	f.Helper()
	f.check(f.p.Update(fd, old, new))
}

// refused wants an Update to fail with each of errs.
func (f *fixture) refused(fd int, old, new iomux.Events, errs ...error) {
	f.Helper()
	err := f.p.Update(fd, old, new)
	if err == nil {
		f.Fatalf("Update(%d, %v, %v) succeeded, want %v", fd, old, new, errs)
	}
	for _, want := range errs {
		if !errors.Is(err, want) {
			f.Errorf("Update(%d, %v, %v) = %v, want %v", fd, old, new, err, want)
		}
	}
}

// wait waits with the given room and returns what came, which must hold each
// descriptor once and each with a condition.
func (f *fixture) wait(room int, timeout time.Duration) []iomux.Ready {
	f.Helper()
	return f.waitOn(f.p, room, timeout)
}

func (f *fixture) waitOn(p iomux.Poller, room int, timeout time.Duration) []iomux.Ready {
	f.Helper()
	ready := make([]iomux.Ready, room)
	n, err := p.Wait(ready, timeout)
	f.check(err)
	seen := map[int]bool{}
	for _, r := range ready[:n] {
		if seen[r.FD] {
			f.Fatalf("%d twice in one batch: %v", r.FD, ready[:n])
		}
		seen[r.FD] = true
		if r.Events&iomux.Conditions == 0 || r.Events&^iomux.Conditions != 0 || r.Raw == 0 {
			f.Fatalf("an entry that says nothing, or flags: %v", r)
		}
	}
	return ready[:n]
}

// generous is a timeout that no wait in a test that passes runs into.
const generous = 20 * time.Second

// interest is what a test expects of descriptors: conditions within the
// interest given with them.
type interest map[int]iomux.Events

// expect polls once and wants exactly these descriptors, with these events
// within what mask asks.
func (f *fixture) expect(mask iomux.Events, want interest) {
	f.Helper()
	f.expectOf(f.wait(64, 0), mask, want)
}

func (f *fixture) expectOf(got []iomux.Ready, mask iomux.Events, want interest) {
	f.Helper()
	ok := len(got) == len(want)
	for _, r := range got {
		if e, there := want[r.FD]; !there || r.Events&mask != e {
			ok = false
		}
	}
	if !ok {
		f.Fatalf("ready: %v; want %v", got, want)
	}
}

// quiet polls once and wants nothing.
func (f *fixture) quiet() {
	f.Helper()
	if got := f.wait(64, 0); len(got) != 0 {
		f.Fatalf("ready: %v; want nothing", got)
	}
}

// contractClauses are the plain promises, and the errors of Update.
var contractClauses = []clause{
	{"Backend", func(f *fixture) {
		if got := f.p.Backend(); got != f.b {
			f.Errorf("got %q", got)
		}
	}},

	{"level repeats until the condition is gone", func(f *fixture) {
		a, b := f.pair()
		f.update(a, 0, R)
		f.quiet()
		f.write(b, "x")
		for range 3 {
			f.expect(R, interest{a: R})
		}
		f.drain(a)
		f.quiet()
		f.write(b, "y")
		f.expect(R, interest{a: R})
	}},

	{"level after a partial read", func(f *fixture) {
		a, b := f.pair()
		f.update(a, 0, R)
		f.write(b, "xyz")
		f.expect(R, interest{a: R})
		_, err := unix.Read(a, make([]byte, 1))
		f.check(err)
		f.expect(R, interest{a: R})
	}},

	{"only what was asked for", func(f *fixture) {
		a, b := f.pair()
		f.write(b, "x") // a is ready both ways
		for _, ev := range []iomux.Events{R, W, RW} {
			f.update(a, 0, ev)
			got := f.wait(8, 0)
			if len(got) != 1 || got[0].FD != a || got[0].Events != ev {
				f.Errorf("asked for %v: %v", ev, got)
			}
			f.update(a, ev, 0)
			f.quiet()
		}
	}},

	{"reading and writing in one entry", func(f *fixture) {
		a, b := f.pair()
		f.write(b, "x")
		f.update(a, 0, RW)
		f.expect(RW, interest{a: RW})
		if got := f.wait(1, 0); len(got) != 1 || got[0].FD != a {
			f.Errorf("with room for one: %v", got)
		}
	}},

	{"every change of the interest", func(f *fixture) {
		a, b := f.pair()
		f.write(b, "x")
		all := []iomux.Events{0, R, W, RW}
		now := iomux.Events(0)
		for _, from := range all {
			for _, to := range all {
				for _, next := range []iomux.Events{from, to} {
					f.update(a, now, next)
					now = next
					want := interest{}
					if now != 0 {
						want[a] = now
					}
					f.expect(RW, want)
				}
			}
		}
	}},

	{"remove removes, the others stay", func(f *fixture) {
		a, b := f.pair()
		c, d := f.pair()
		for _, fd := range []int{a, b, c, d} {
			f.update(fd, 0, W)
		}
		f.expect(W, interest{a: W, b: W, c: W, d: W})
		f.update(b, W, 0)
		f.expect(W, interest{a: W, c: W, d: W})
		f.update(a, W, 0)
		f.update(d, W, 0)
		f.expect(W, interest{c: W})
		f.update(a, 0, W)
		f.expect(W, interest{a: W, c: W})
		f.update(a, W, 0)
		f.update(c, W, 0)
		f.quiet()
	}},

	{"changes between waits of one batch", func(f *fixture) {
		// A callback of the batch removes one that is later in it and adds
		// another: the next wait knows.
		a, _ := f.pair()
		b, c := f.pair()
		f.update(a, 0, W)
		f.update(b, 0, W)
		f.expect(W, interest{a: W, b: W})
		f.update(b, W, 0)
		f.update(c, 0, W)
		f.expect(W, interest{a: W, c: W})
	}},

	{"end of stream alone", func(f *fixture) {
		a, b := f.pair()
		f.update(a, 0, R)
		f.close(b)
		f.expect(R, interest{a: R})
		f.expect(R, interest{a: R}) // and again: nobody has taken note
	}},

	{"end of stream behind data", func(f *fixture) {
		a, b := f.pair()
		f.update(a, 0, R)
		f.write(b, "last words")
		f.check(unix.Shutdown(b, unix.SHUT_WR))
		f.expect(R, interest{a: R})
		buf := make([]byte, 64)
		if n, err := unix.Read(a, buf); err != nil || string(buf[:n]) != "last words" {
			f.Fatalf("read %q, %v: the data comes first", buf[:max(n, 0)], err)
		}
		f.expect(R, interest{a: R})
		if n, err := unix.Read(a, buf); n != 0 || err != nil {
			f.Errorf("read %d, %v: want the end", n, err)
		}
	}},

	{"writing end without a reader", func(f *fixture) {
		r, w := f.pipe()
		f.fill(w)
		f.update(w, 0, W)
		f.quiet()
		f.close(r)
		f.expect(W, interest{w: W}) // the write that then fails with EPIPE tells
	}},

	{"nobody asked, nobody told", func(f *fixture) {
		f.quiet()
		a, b := f.pair()
		f.write(b, "x")
		f.quiet()
		f.update(a, 0, R)
		f.update(a, R, 0)
		f.quiet()
	}},

	{"no room", func(f *fixture) {
		a, _ := f.pair()
		f.update(a, 0, W)
		for _, timeout := range []time.Duration{0, time.Second, iomux.Forever} {
			if n, err := f.p.Wait(nil, timeout); n != 0 || !errors.Is(err, iomux.ErrNoRoom) {
				f.Errorf("Wait(nil, %v) = %d, %v", timeout, n, err)
			}
		}
		f.expect(W, interest{a: W})
	}},

	{"an entry beyond n is not touched", func(f *fixture) {
		a, _ := f.pair()
		f.update(a, 0, W)
		mark := iomux.Ready{FD: -7}
		ready := []iomux.Ready{mark, mark, mark}
		n, err := f.p.Wait(ready, 0)
		f.check(err)
		if n != 1 || ready[1] != mark || ready[2] != mark {
			f.Errorf("%d: %v", n, ready)
		}
	}},

	{"errors of Update", func(f *fixture) {
		a, b := f.pair()
		shut := f.dup(a)
		f.close(shut)
		far := 1 << 30 // beyond any table of descriptors

		f.refused(shut, 0, R, unix.EBADF)
		f.refused(shut, 0, RW, unix.EBADF)
		f.refused(-1, 0, R, unix.EBADF)
		f.refused(-1<<31, 0, W, unix.EBADF)
		if f.b != iomux.Select || sys.SelectMax == 0 {
			f.refused(far, 0, R, unix.EBADF)
		} else {
			f.refused(far, 0, R, iomux.ErrFDTooLarge)
		}
		f.quiet()

		// What is open but was never added. kqueue takes it for an add.
		if traits[f.b].knows {
			f.refused(b, R, RW, unix.ENOENT)
		} else {
			f.update(b, R, RW)
			f.update(b, W, 0)
		}
		f.quiet()

		// A removal may fail or not, but leaves nothing and harms nobody.
		f.update(a, 0, W)
		for _, fd := range []int{b, shut, far, -1} {
			if err := f.p.Update(fd, R, 0); err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EBADF) {
				f.Errorf("remove %d, which is not there: %v", fd, err)
			}
		}
		f.expect(RW, interest{a: W})

		// What is there already. kqueue cannot tell an add from a change.
		if traits[f.b].knows {
			f.refused(a, 0, RW, unix.EEXIST)
			f.expect(RW, interest{a: W}) // the old interest is in force
			f.update(a, W, 0)
			f.quiet() // and it was there once
		}
	}},

	{"nothing to nothing", func(f *fixture) {
		a, _ := f.pair()
		f.check(f.p.Update(a, 0, 0))
		f.quiet()
	}},

	{"errors after Close", func(f *fixture) {
		a, _ := f.pair()
		f.update(a, 0, W)
		f.check(f.p.Close())
		f.check(f.p.Close())
		ready := make([]iomux.Ready, 8)
		for _, timeout := range []time.Duration{0, generous, iomux.Forever} {
			if n, err := f.p.Wait(ready, timeout); n != 0 || !errors.Is(err, iomux.ErrClosed) {
				f.Errorf("Wait(%v) = %d, %v", timeout, n, err)
			}
		}
		f.refused(a, 0, R, iomux.ErrClosed)
		f.refused(a, W, RW, iomux.ErrClosed)
		f.refused(a, W, 0, iomux.ErrClosed)
		if d, ok := f.p.(iomux.Descriptor); ok && d.Fd() != -1 {
			f.Errorf("Fd() = %d, want -1", d.Fd())
		}
		if f.p.Backend() != f.b {
			f.Errorf("Backend() = %q", f.p.Backend())
		}
		if _, err := unix.Write(a, []byte("x")); err != nil {
			f.Errorf("a registered descriptor was closed with the poller: %v", err)
		}
	}},

	{"a second poller is another one", func(f *fixture) {
		a, _ := f.pair()
		other := f.poller()
		f.update(a, 0, W)
		if got := f.waitOn(other, 8, 0); len(got) != 0 {
			f.Errorf("the other has %v", got)
		}
		f.check(other.Update(a, 0, R))
		f.expect(RW, interest{a: W})
		f.check(other.Close())
		f.expect(RW, interest{a: W})
	}},

	{"descriptors are close-on-exec", func(f *fixture) {
		before := openNow(f)
		p := f.poller()
		a, _ := f.pair()
		if traits[f.b].supported&iomux.Edge != 0 {
			f.check(p.Update(a, 0, R|iomux.Edge)) // a simulated kqueue opens more for it
		}
		made := 0
		for fd := range openNow(f) {
			if before[fd] || f.open[fd] {
				continue
			}
			made++
			flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
			f.check(err)
			if flags&unix.FD_CLOEXEC == 0 {
				f.Errorf("the poller's descriptor %d would be left to a child", fd)
			}
		}
		if d, ok := p.(iomux.Descriptor); ok && d.Fd() >= 0 && made == 0 {
			f.Errorf("its descriptor %d was not seen among the open ones", d.Fd())
		}
	}},

	{"nested", func(f *fixture) {
		a, b := f.pair()
		f.update(a, 0, R)
		inner, ok := f.p.(iomux.Descriptor)
		if !ok || inner.Fd() < 0 {
			if ok != traits[f.b].live {
				f.Errorf("a Descriptor: %v", ok)
			}
			return // it has no descriptor, and says so
		}
		for _, kind := range iomux.Backends() {
			outer, err := iomux.Open(kind)
			f.check(err)
			f.check(outer.Update(inner.Fd(), 0, R))
			if got := f.waitOn(outer, 8, 0); len(got) != 0 {
				f.Errorf("in %s while empty: %v", kind, got)
			}
			f.write(b, "x")
			f.expectOf(f.waitOn(outer, 8, generous), R, interest{inner.Fd(): R})
			f.expect(R, interest{a: R})
			f.drain(a)
			if got := f.waitOn(outer, 8, 0); len(got) != 0 {
				f.Errorf("in %s when drained: %v", kind, got)
			}
			f.check(outer.Close())
		}
	}},

	{"wakes a wait that is blocked", func(f *fixture) {
		a, b := f.pair()
		f.update(a, 0, R)
		got := f.during(iomux.Forever, func() { f.write(b, "x") })
		f.expectOf(got, R, interest{a: R})
	}},

	{"Update during a wait", func(f *fixture) {
		a, b := f.pair()
		c, _ := f.pair()
		f.update(a, 0, R)
		got := f.during(iomux.Forever, func() {
			f.update(c, 0, W)
			if !traits[f.b].live {
				f.write(b, "x") // else nothing ends the wait
			}
		})
		if traits[f.b].live {
			f.expectOf(got, RW, interest{c: W})
			f.write(b, "x")
		} else {
			f.expectOf(got, RW, interest{a: R})
		}
		f.expect(RW, interest{a: R, c: W})
	}},

	{"removal during a wait", func(f *fixture) {
		a, b := f.pair()
		c, d := f.pair()
		f.update(a, 0, R)
		f.update(c, 0, R)
		got := f.during(iomux.Forever, func() {
			f.update(a, R, 0)
			f.write(b, "x")
			f.write(d, "x")
		})
		if traits[f.b].live {
			f.expectOf(got, R, interest{c: R})
		} else if len(got) == 0 {
			f.Error("nothing came")
		}
		f.expect(R, interest{c: R})
	}},

	{"many updates during many waits", func(f *fixture) {
		// For the race detector: what Poller allows.
		tick, tock := f.pair()
		f.update(tick, 0, R)
		var fds []int
		for range 8 {
			a, b := f.pair()
			fds = append(fds, a, b)
		}
		done := make(chan error, 1)
		go func() {
			for i := range 200 {
				fd := fds[i%len(fds)]
				if err := errors.Join(f.p.Update(fd, 0, W), f.p.Update(fd, W, RW), f.p.Update(fd, RW, 0)); err != nil {
					done <- err
					return
				}
			}
			_, err := unix.Write(tock, []byte("x"))
			done <- err
		}()
		for over := false; !over; {
			for _, r := range f.wait(4, iomux.Forever) {
				over = over || r.FD == tick
			}
		}
		f.check(<-done)
		f.expect(RW, interest{tick: R})
	}},
}

// during runs while a Wait of another goroutine is on the point of asking the
// kernel, and returns what that Wait found.
func (f *fixture) during(timeout time.Duration, do func()) []iomux.Ready {
	f.Helper()
	asking := make(chan struct{}, 1)
	restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		if f.isItsWait(c) {
			select {
			case asking <- struct{}{}:
			default:
			}
		}
		return 0
	}})
	defer restore()
	type answer struct {
		ready []iomux.Ready
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		ready := make([]iomux.Ready, 64)
		n, err := f.p.Wait(ready, timeout)
		answers <- answer{ready[:n], err}
	}()
	<-asking
	do()
	a := <-answers
	f.check(a.err)
	return a.ready
}

// isItsWait: c is the call in which the poller under test waits. A simulated
// kqueue makes calls of its own below, which are not the poller's.
func (f *fixture) isItsWait(c sys.Call) bool {
	switch f.b {
	case iomux.Epoll:
		return c.Op == "epoll_pwait" || c.Op == "epoll_pwait2"
	case iomux.Poll:
		return c.Op == sys.OpPoll
	case iomux.Select:
		return c.Op == sys.OpSelect
	}
	return c.Op == sys.OpKevent && changesIn(c.Args) == ""
}

// openNow lists the process's open descriptors the slow way, which works
// everywhere.
func openNow(f *fixture) map[int]bool {
	open := map[int]bool{}
	for fd := range 4096 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			open[fd] = true
		}
	}
	return open
}

func TestOpen(t *testing.T) {
	leaktest.Check(t)
	list := iomux.Backends()
	if len(list) == 0 {
		t.Fatal("no backend works here")
	}
	best, err := iomux.Open("")
	if err != nil {
		t.Fatal(err)
	}
	if best.Backend() != list[0] {
		t.Errorf(`Open("") is %s, Backends() begins with %s`, best.Backend(), list[0])
	}
	if err := best.Close(); err != nil {
		t.Error(err)
	}
	for _, b := range []iomux.Backend{iomux.Kqueue, iomux.Epoll, iomux.Poll, iomux.Select, "devpoll", "Epoll"} {
		p, err := iomux.Open(b)
		switch {
		case slices.Contains(list, b) && err != nil:
			t.Errorf("Open(%q): %v, yet Backends() has it", b, err)
		case slices.Contains(list, b):
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		case !errors.Is(err, errors.ErrUnsupported) || p != nil:
			t.Errorf("Open(%q) = %v, %v; want ErrUnsupported", b, p, err)
		}
	}
}

func TestEventsString(t *testing.T) {
	for _, c := range []struct {
		e    fmt.Stringer
		want string
	}{
		{iomux.Events(0), "0"},
		{RW, "Readable|Writable"},
		{R | iomux.Priority | iomux.Edge | iomux.OneShot | iomux.Exclusive, "Readable|Priority|Edge|OneShot|Exclusive"},
		{R | 1<<9, "Readable|0x200"},
		{iomux.Raw(0), "0"},
		{iomux.RawIn | iomux.RawHup | iomux.RawRdHup, "IN|HUP|RDHUP"},
		{iomux.RawPri | iomux.RawOut | iomux.RawErr | iomux.RawNval, "PRI|OUT|ERR|NVAL"},
		{iomux.Raw(0x800), "0x800"},
	} {
		if got := c.e.String(); got != c.want {
			t.Errorf("%#v: %s, want %s", c.e, got, c.want)
		}
	}
}

func TestEventsValid(t *testing.T) {
	for _, c := range []struct {
		e    iomux.Events
		want bool
	}{
		{0, false}, {R, true}, {W, true}, {RW, true}, {iomux.Priority, true},
		{iomux.Edge, false}, {iomux.OneShot | iomux.Exclusive, false}, // flags without a condition
		{R | iomux.Edge | iomux.OneShot, true},
		{R | 1<<6, false}, {1 << 15, false},
	} {
		if got := c.e.Valid(); got != c.want {
			t.Errorf("%v (%d): %v", c.e, uint16(c.e), got)
		}
	}
}

// The constants are Python's, and poll(2)'s of Linux: both are on the wire of
// somebody's habits.
func TestEventsValues(t *testing.T) {
	if R != 1 || W != 2 {
		t.Errorf("Readable %d, Writable %d; Python has 1 and 2", R, W)
	}
	got := []iomux.Raw{iomux.RawIn, iomux.RawPri, iomux.RawOut, iomux.RawErr, iomux.RawHup, iomux.RawNval}
	want := []iomux.Raw{unix.POLLIN, unix.POLLPRI, unix.POLLOUT, unix.POLLERR, unix.POLLHUP, unix.POLLNVAL}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
