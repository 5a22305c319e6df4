//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package selectors_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
	"example.com/iomux/selectors"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }

const (
	R  = iomux.Readable
	W  = iomux.Writable
	RW = R | W
)

// libkqueue: the kqueue under test is libkqueue. It keeps what is registered of a
// closed descriptor, and returns no more than 512 events at a time.
var libkqueue bool

// generous is a timeout that no Select in a test that passes runs into.
const generous = 20 * time.Second

// fixture is a selector under test, whose data is text, and the descriptors
// made for it.
type fixture struct {
	*testing.T
	b    iomux.Backend
	sel  *selectors.Selector[string]
	open map[int]bool // what to close at the end
}

// each runs a test on every backend.
func each(t *testing.T, test func(*fixture)) {
	for _, b := range iomux.Backends() {
		t.Run(string(b), func(t *testing.T) { test(newFixture(t, b)) })
	}
}

func newFixture(t *testing.T, b iomux.Backend) *fixture {
	t.Helper()
	leaktest.Check(t)
	f := &fixture{T: t, b: b, open: map[int]bool{}}
	f.sel = f.selector()
	t.Cleanup(func() {
		for fd := range f.open {
			f.check(unix.Close(fd))
		}
	})
	return f
}

func (f *fixture) selector() *selectors.Selector[string] {
	f.Helper()
	sel, err := selectors.New[string](f.b)
	f.check(err)
	f.Cleanup(func() { f.check(sel.Close()) })
	return sel
}

func (f *fixture) check(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// is wants err to be want.
func (f *fixture) is(err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Fatalf("got %v, want %v", err, want)
	}
}

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

// dup is another number for fd, the first free one from low on.
func (f *fixture) dup(fd, low int) int {
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

// pairAt is pair with the first end on a number that is free.
func (f *fixture) pairAt(number int) (a, b int) {
	f.Helper()
	x, y := f.pair()
	if x == number {
		return x, y
	}
	if y == number {
		return y, x
	}
	if a = f.dup(x, number); a != number {
		f.Fatalf("%d is not free", number)
	}
	f.close(x)
	return a, y
}

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

func (f *fixture) read(fd int) string {
	f.Helper()
	buf := make([]byte, 4096)
	n, err := unix.Read(fd, buf)
	if err == unix.EAGAIN {
		return ""
	}
	f.check(err)
	return string(buf[:n])
}

func (f *fixture) register(fd int, events iomux.Events, data string) selectors.Key[string] {
	f.Helper()
	k, err := f.sel.Register(fd, events, data)
	f.check(err)
	return k
}

func (f *fixture) unregister(fd int) {
	f.Helper()
	_, err := f.sel.Unregister(fd)
	f.check(err)
}

// sel's answer as "data events" in the order of the data.
func (f *fixture) selected(timeout time.Duration) []string {
	f.Helper()
	ready, err := f.sel.Select(timeout)
	f.check(err)
	return texts(ready)
}

func texts(ready []selectors.Ready[string]) (s []string) {
	for _, r := range ready {
		s = append(s, fmt.Sprintf("%s %v", r.Key.Data, r.Events))
	}
	slices.Sort(s)
	return s
}

// expect polls and wants exactly these.
func (f *fixture) expect(want ...string) {
	f.Helper()
	f.same(f.selected(0), want)
}

// woken wants the next Select to be ended by a Wake, with nothing ready.
func (f *fixture) woken() {
	f.Helper()
	start := time.Now()
	f.same(f.selected(generous), nil)
	if time.Since(start) >= generous {
		f.Fatal("a wake-up was lost")
	}
}

func (f *fixture) same(got, want []string) {
	f.Helper()
	if !slices.Equal(got, want) {
		f.Fatalf("got %q, want %q", got, want)
	}
}

// keys lists what is registered.
func (f *fixture) keys() (s []string) {
	for k := range f.sel.Keys() {
		s = append(s, fmt.Sprintf("%d %v %s", k.FD, k.Events, k.Data))
	}
	return s
}

// result is what a Select of another goroutine returned.
type result struct {
	ready []string
	err   error
}

// blocked starts a Select on another goroutine and returns when that is on the
// point of asking the kernel. Its timeout must not be short.
func (f *fixture) blocked(timeout time.Duration) <-chan result {
	f.Helper()
	asking := make(chan struct{})
	var once sync.Once
	restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		if f.isWait(c) {
			once.Do(func() { close(asking) })
		}
		return 0
	}})
	defer restore()
	results := make(chan result, 1)
	go func() {
		ready, err := f.sel.Select(timeout)
		results <- result{texts(ready), err}
	}()
	<-asking
	return results
}

// isWait: c is the call in which the backend under test waits.
func (f *fixture) isWait(c sys.Call) bool {
	switch f.b {
	case iomux.Epoll:
		return c.Op == "epoll_pwait" || c.Op == "epoll_pwait2"
	case iomux.Poll:
		return c.Op == sys.OpPoll
	case iomux.Select:
		return c.Op == sys.OpSelect
	}
	return c.Op == sys.OpKevent && strings.HasPrefix(c.Args, "[],")
}

// Arguments are checked by the selector, so the errors are the same on every
// backend, and change nothing.
func TestArguments(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, R, "a")
		for _, ev := range []iomux.Events{0, 1 << 6, R | 1<<9, iomux.Edge, iomux.OneShot | iomux.Exclusive, 0xffff} {
			_, err := f.sel.Register(b, ev, "b")
			f.is(err, selectors.ErrInvalidEvents)
			_, err = f.sel.Modify(a, ev, "changed")
			f.is(err, selectors.ErrInvalidEvents)
			_, err = f.sel.SetEvents(a, ev)
			f.is(err, selectors.ErrInvalidEvents)
		}
		for _, fd := range []int{-1, -7, -1 << 31} {
			_, err := f.sel.Register(fd, R, "")
			f.is(err, selectors.ErrInvalidFD)
			_, err = f.sel.Modify(fd, R, "")
			f.is(err, selectors.ErrInvalidFD)
			_, err = f.sel.SetEvents(fd, R)
			f.is(err, selectors.ErrInvalidFD)
			_, err = f.sel.SetData(fd, "")
			f.is(err, selectors.ErrInvalidFD)
			_, err = f.sel.Unregister(fd)
			f.is(err, selectors.ErrInvalidFD)
			_, err = f.sel.Key(fd)
			f.is(err, selectors.ErrInvalidFD)
		}
		for _, fd := range []int{b, 1 << 20} {
			_, err := f.sel.Modify(fd, R, "")
			f.is(err, selectors.ErrNotRegistered)
			_, err = f.sel.SetEvents(fd, R)
			f.is(err, selectors.ErrNotRegistered)
			_, err = f.sel.SetData(fd, "")
			f.is(err, selectors.ErrNotRegistered)
			_, err = f.sel.Unregister(fd)
			f.is(err, selectors.ErrNotRegistered)
			_, err = f.sel.Key(fd)
			f.is(err, selectors.ErrNotRegistered)
		}
		_, err := f.sel.Register(a, W, "again")
		f.is(err, selectors.ErrRegistered)

		f.same(f.keys(), []string{fmt.Sprintf("%d Readable a", a)})
		f.write(b, "x")
		f.expect("a Readable")
	})
}

func TestModify(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.write(b, "x")
		first := f.register(a, R, "one")

		k, err := f.sel.Modify(a, RW, "two")
		f.check(err)
		if k.FD != a || k.Events != RW || k.Data != "two" {
			f.Errorf("Modify: %v", k)
		}
		f.expect("two Readable|Writable")

		k, err = f.sel.SetEvents(a, W)
		f.check(err)
		if k.Events != W || k.Data != "two" {
			f.Errorf("SetEvents: %v", k)
		}
		f.expect("two Writable")

		k, err = f.sel.SetData(a, "three")
		f.check(err)
		if k.Events != W || k.Data != "three" {
			f.Errorf("SetData: %v", k)
		}
		f.expect("three Writable")

		// Keys are values: the first has not changed, and is still in force.
		if first.Events != R || first.Data != "one" {
			f.Errorf("the first key became %v", first)
		}
		if !f.sel.Live(first) || !f.sel.Live(k) {
			f.Error("a change ended the registration")
		}
		if got, err := f.sel.Key(a); err != nil || got != k {
			f.Errorf("Key = %v, %v", got, err)
		}
	})
}

// What the kernel refuses to register has no key.
func TestRegisterFails(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		gone := f.dup(a, 0)
		f.close(gone)
		_, err := f.sel.Register(gone, R, "gone")
		f.is(err, unix.EBADF)
		if f.b == iomux.Poll || f.b == iomux.Select {
			_, err = f.sel.Register(a, R|iomux.Edge, "edge")
			f.is(err, errors.ErrUnsupported)
		}
		if n := f.sel.Len(); n != 0 {
			f.Errorf("Len() = %d", n)
		}
		for _, fd := range []int{a, gone} {
			_, err := f.sel.Key(fd)
			f.is(err, selectors.ErrNotRegistered)
		}
		f.register(a, R, "a")
	})
}

// Live within a batch: an earlier callback ended a later key, and even
// registered its number anew: a reactor's classic bug.
func TestLive(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		b, _ := f.pair()
		f.register(a, W, "a")
		f.register(b, W, "b")
		ready, err := f.sel.Select(0)
		f.check(err)
		if len(ready) != 2 {
			f.Fatalf("%v", ready)
		}
		first, second := ready[0].Key, ready[1].Key
		if !f.sel.Live(first) || !f.sel.Live(second) {
			f.Fatal("a key of a fresh batch is not live")
		}
		f.unregister(second.FD)
		if f.sel.Live(second) {
			f.Error("it was unregistered and is live")
		}
		f.close(second.FD)
		f.pairAt(second.FD)
		f.register(second.FD, W, "the next")
		if f.sel.Live(second) {
			f.Error("the number was registered anew and the old key is live")
		}
		if !f.sel.Live(first) {
			f.Error("the other key is not live")
		}
		// The batch still shows the dead key, as Python's does.
		if ready[1].Key != second {
			f.Errorf("the batch was changed: %v", ready[1])
		}
		if f.sel.Live(selectors.Key[string]{FD: -1}) || f.sel.Live(selectors.Key[string]{FD: 1 << 30}) || f.sel.Live(selectors.Key[string]{FD: first.FD}) {
			f.Error("a key that nobody made is live")
		}
	})
}

func TestKeys(t *testing.T) {
	each(t, func(f *fixture) {
		want := map[int]string{}
		for i := range 5 {
			a, b := f.pair()
			for _, fd := range []int{b, a} {
				want[fd] = fmt.Sprint("data ", i)
				f.register(fd, W, want[fd])
			}
		}
		if f.sel.Len() != len(want) {
			f.Errorf("Len() = %d, want %d", f.sel.Len(), len(want))
		}
		var fds []int
		for k := range f.sel.Keys() {
			if k.Data != want[k.FD] || k.Events != W {
				f.Errorf("%v", k)
			}
			fds = append(fds, k.FD)
		}
		if !slices.Equal(fds, slices.Sorted(maps.Keys(want))) {
			f.Errorf("walked %v", fds)
		}
		for range f.sel.Keys() {
			break // and the lock is not held
		}
		// The body may change what it walks.
		for k := range f.sel.Keys() {
			f.unregister(k.FD)
		}
		if f.sel.Len() != 0 {
			f.Errorf("Len() = %d", f.sel.Len())
		}
	})
}

func TestSelectInto(t *testing.T) {
	each(t, func(f *fixture) {
		_, err := f.sel.SelectInto(nil, selectors.Forever)
		f.is(err, iomux.ErrNoRoom)
		seen := map[string]int{}
		for i := range 10 {
			a, _ := f.pair()
			f.register(a, W, fmt.Sprint(i))
		}
		dst := make([]selectors.Ready[string], 3)
		for range 4 {
			n, err := f.sel.SelectInto(dst, 0)
			f.check(err)
			if n != 3 {
				f.Fatalf("%d of 3", n)
			}
			for _, r := range dst[:n] {
				seen[r.Key.Data]++
			}
		}
		if len(seen) != 10 {
			f.Errorf("in four batches of three came %v", seen)
		}
		// Select has room for all, however many that is.
		for i := range 200 {
			a, _ := f.pair()
			f.register(a, W, fmt.Sprint("more ", i))
		}
		if got := f.selected(0); len(got) != 210 {
			f.Errorf("Select returned %d of 210", len(got))
		}
	})
}

// The result is what was found of what was asked for; an error on a descriptor
// that is watched for urgent data only is told as that.
func TestFoundIsWithinAsked(t *testing.T) {
	each(t, func(f *fixture) {
		for _, ask := range []iomux.Events{R, W, RW, iomux.Priority} {
			if ask == iomux.Priority && f.b == iomux.Kqueue {
				_, err := f.sel.Register(0, ask, "")
				f.is(err, errors.ErrUnsupported)
				continue
			}
			a, b := f.pair()
			f.register(a, ask, "a")
			f.close(b)
			want := []string{"a " + ask.String()}
			if ask == iomux.Priority && f.b == iomux.Select {
				want = nil // it knows no hang-up, only urgent data
			}
			f.expect(want...)
			f.unregister(a)
		}
	})
}

// Fd is readable while Select would return at once.
func TestNested(t *testing.T) {
	each(t, func(f *fixture) {
		fd := f.sel.Fd()
		if fd < 0 {
			if f.b == iomux.Epoll {
				f.Error("epoll without a descriptor")
			}
			return
		}
		a, b := f.pair()
		f.register(a, R, "a")
		outer := f.selector()
		_, err := outer.Register(fd, R, "inner")
		f.check(err)
		for range 2 {
			ready, err := outer.Select(0)
			f.check(err)
			f.same(texts(ready), nil)
			f.write(b, "x")
			ready, err = outer.Select(generous)
			f.check(err)
			f.same(texts(ready), []string{"inner Readable"})
			f.expect("a Readable")
			f.read(a)
		}
		f.sel.Wake()
		ready, err := outer.Select(generous)
		f.check(err)
		f.same(texts(ready), []string{"inner Readable"})
	})
}
