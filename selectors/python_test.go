//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package selectors_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
	"example.com/iomux/selectors"
)

// These tests prove what CPython's own tests of selectors prove, in our own
// words: TestPython_X is test_X of its test_selectors. Further down are those
// of test_select, test_poll, test_epoll and test_kqueue that are a selector's
// business, with the module in the name; the rest of those stand with the
// poller. Without a counterpart are tests of argument types, which Go checks as
// it compiles, and test_select_interrupt_exc: here a signal handler is another
// goroutine, and what ends a Select early is Wake.

func TestPython_register(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		k, err := f.sel.Register(a, R, "data")
		f.check(err)
		if k.FD != a || k.Events != R || k.Data != "data" {
			f.Errorf("key %v", k)
		}
		_, err = f.sel.Register(b, 999999&0xffff, "")
		f.is(err, selectors.ErrInvalidEvents)
		_, err = f.sel.Register(-10, R, "")
		f.is(err, selectors.ErrInvalidFD)
		_, err = f.sel.Register(a, R, "")
		f.is(err, selectors.ErrRegistered)
	})
}

func TestPython_unregister(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		k := f.register(a, R, "data")
		got, err := f.sel.Unregister(a)
		f.check(err)
		if got != k {
			f.Errorf("got %v, want the key it had, %v", got, k)
		}
		_, err = f.sel.Unregister(999999)
		f.is(err, selectors.ErrNotRegistered)
		_, err = f.sel.Unregister(a)
		f.is(err, selectors.ErrNotRegistered)
	})
}

func TestPython_unregister_after_fd_close(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, R, "a")
		f.register(b, W, "b")
		f.close(a)
		f.close(b)
		f.unregister(a)
		f.unregister(b)
		f.expect()
	})
}

func TestPython_unregister_after_fd_close_and_reuse(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, R, "a")
		f.register(b, W, "b")
		c, d := f.pair()
		f.close(a)
		f.close(b)
		f.dup(c, a)
		f.dup(d, b)
		f.unregister(a)
		f.unregister(b)
		f.expect()
		f.register(a, W, "new")
		f.expect("new Writable")
	})
}

// A Python socket reports -1 once it is closed and is then found by identity;
// here the descriptor is the identity, so the owner keeps the number.
func TestPython_unregister_after_socket_close(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, R, "a")
		f.register(b, W, "b")
		f.close(a)
		_, err := f.sel.Unregister(-1)
		f.is(err, selectors.ErrInvalidFD)
		f.unregister(a)
		f.expect("b Writable")
	})
}

func TestPython_modify(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		k := f.register(a, R, "")
		k2, err := f.sel.Modify(a, W, "")
		f.check(err)
		if k2.Events == k.Events || k2.FD != k.FD {
			f.Errorf("%v after %v", k2, k)
		}
		if got, _ := f.sel.Key(a); got != k2 {
			f.Errorf("Key = %v, want %v", got, k2)
		}
		f.unregister(a)
		_, err = f.sel.Modify(a, R, "")
		f.is(err, selectors.ErrNotRegistered)
		_, err = f.sel.Modify(999999, R, "")
		f.is(err, selectors.ErrNotRegistered)

		// The data alone: the backend is not asked. Python counts the calls of
		// register and unregister with mocks.
		fake := newFake(f)
		f.register(a, R, "one")
		fake.calls = nil
		k, err = f.sel.Modify(a, R, "two")
		f.check(err)
		if k.Data != "two" || len(fake.calls) != 0 {
			f.Errorf("%v, after the poller's %v", k, fake.calls)
		}
		if got, _ := f.sel.Key(a); got != k {
			f.Errorf("Key = %v, want %v", got, k)
		}
		if k, err = f.sel.Modify(a, R, "two"); err != nil || len(fake.calls) != 0 {
			f.Errorf("%v, %v, after the poller's %v: nothing was to change", k, err, fake.calls)
		}
	})
}

func TestPython_modify_unregister(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		fake := newFake(f)
		f.register(a, R, "a")
		f.register(b, W, "b")
		fake.fail = func(fd int, old, new iomux.Events) error {
			if old != 0 && new != 0 {
				return unix.ENOSPC
			}
			return nil
		}
		for _, modify := range []func(fd int) error{
			func(fd int) error { _, err := f.sel.Modify(fd, RW, "new"); return err },
			func(fd int) error { _, err := f.sel.SetEvents(fd, RW); return err },
		} {
			f.is(modify(a), unix.ENOSPC)
			_, err := f.sel.Key(a)
			f.is(err, selectors.ErrNotRegistered)
			f.expect("b Writable") // nothing of it is left below either
			f.register(a, R, "a")
		}
	})
}

func TestPython_close(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, R, "")
		f.register(b, W, "")
		walk := f.sel.Keys()
		f.check(f.sel.Close())
		_, err := f.sel.Key(a)
		f.is(err, selectors.ErrClosed)
		_, err = f.sel.Key(b)
		f.is(err, selectors.ErrClosed)
		for k := range walk { // the map got earlier has nothing
			f.Errorf("%v", k)
		}
		f.write(a, "x") // the descriptors stay open
		if f.read(b) != "x" {
			f.Error("the other end was closed")
		}
	})
}

func TestPython_get_key(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		k := f.register(a, R, "data")
		if got, err := f.sel.Key(a); err != nil || got != k {
			f.Errorf("Key = %v, %v, want %v", got, err, k)
		}
		_, err := f.sel.Key(999999)
		f.is(err, selectors.ErrNotRegistered)
	})
}

func TestPython_get_map(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		walk := f.sel.Keys() // live, and read-only by its type
		if f.sel.Len() != 0 {
			f.Errorf("Len() = %d", f.sel.Len())
		}
		for k := range walk {
			f.Errorf("%v", k)
		}
		k := f.register(a, R, "data")
		if f.sel.Len() != 1 {
			f.Errorf("Len() = %d", f.sel.Len())
		}
		n := 0
		for got := range walk {
			if n++; got != k {
				f.Errorf("%v, want %v", got, k)
			}
		}
		if n != 1 {
			f.Errorf("%d keys", n)
		}
		_, err := f.sel.Key(999999)
		f.is(err, selectors.ErrNotRegistered)
	})
}

func TestPython_select(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, R, "a")
		k := f.register(b, W, "b")
		ready, err := f.sel.Select(generous)
		f.check(err)
		if len(ready) != 1 || ready[0].Key != k || ready[0].Events != W {
			f.Errorf("%v", ready)
		}
	})
}

func TestPython_select_read_write(t *testing.T) { // CPython issue 110038
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, RW, "a")
		f.write(b, "x")
		f.expect("a Readable|Writable") // in one entry, after one Select
	})
}

func TestPython_context_manager(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		func() {
			defer f.sel.Close()
			f.register(a, R, "")
			f.register(b, W, "")
		}()
		_, err := f.sel.Key(a)
		f.is(err, selectors.ErrClosed)
	})
}

func TestPython_fileno(t *testing.T) {
	each(t, func(f *fixture) {
		fd := f.sel.Fd()
		has := f.b == iomux.Epoll || f.b == iomux.Kqueue && sys.KqueuePollable()
		if has && fd < 0 || !has && fd != -1 {
			f.Errorf("Fd() = %d", fd)
		}
		if has {
			if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
				f.Error(err)
			}
		}
		f.check(f.sel.Close())
		if fd := f.sel.Fd(); fd != -1 {
			f.Errorf("closed: Fd() = %d", fd)
		}
	})
}

func TestPython_selector(t *testing.T) {
	each(t, func(f *fixture) {
		const pairs = 12
		const message = " This is a test."
		toRead := map[int]int{} // writer to reader
		var writers []int
		for range pairs {
			r, w := f.pair()
			f.register(r, R, "reader")
			f.register(w, W, "writer")
			toRead[w] = r
			writers = append(writers, w)
		}
		var received strings.Builder
		for len(writers) > 0 {
			ready, err := f.sel.Select(generous)
			f.check(err)
			var can []int
			for _, r := range ready {
				if r.Events&W != 0 {
					can = append(can, r.Key.FD)
				}
			}
			if len(can) != len(writers) {
				f.Fatalf("%d of %d writers are ready", len(can), len(writers))
			}
			w := can[rand.IntN(len(can))]
			f.write(w, message)
			var readers []int
			for len(readers) == 0 {
				ready, err := f.sel.Select(generous)
				f.check(err)
				for _, r := range ready {
					if r.Events&R != 0 {
						readers = append(readers, r.Key.FD)
					}
				}
			}
			if len(readers) != 1 || readers[0] != toRead[w] {
				f.Fatalf("%v can read, want %d", readers, toRead[w])
			}
			received.WriteString(f.read(readers[0]))
			for _, fd := range []int{w, readers[0]} {
				f.unregister(fd)
				f.close(fd)
			}
			for i := range writers {
				if writers[i] == w {
					writers = append(writers[:i], writers[i+1:]...)
					break
				}
			}
		}
		if got := received.String(); got != strings.Repeat(message, pairs) {
			f.Errorf("received %q", got)
		}
		f.expect()
	})
}

func TestPython_empty_select(t *testing.T) {
	each(t, func(f *fixture) { f.expect() })
}

func TestPython_timeout(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(b, W, "b")
		for _, timeout := range []time.Duration{0, -1, -time.Second} {
			f.same(f.selected(timeout), []string{"b Writable"})
		}
		f.unregister(b)
		f.register(a, R, "a")
		for _, timeout := range []time.Duration{0, -1, -time.Hour} {
			f.same(f.selected(timeout), nil)
		}
		const timeout = 20 * time.Millisecond
		start := time.Now()
		f.same(f.selected(timeout), nil)
		if took := time.Since(start); took < timeout || took > generous {
			f.Errorf("Select(%v) took %v", timeout, took)
		}
	})
}

// The counterpart of test_select_interrupt_exc.
func TestPython_select_interrupted_by_Wake(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		f.register(a, R, "a")
		results := f.blocked(selectors.Forever)
		f.sel.Wake()
		if r := <-results; r.err != nil || len(r.ready) != 0 {
			f.Errorf("%v", r)
		}
	})
}

func TestPython_above_fd_setsize(t *testing.T) {
	each(t, func(f *fixture) {
		const many = 2000
		a, _ := f.pair()
		for i := range many {
			fd := f.dup(a, 0)
			_, err := f.sel.Register(fd, W, "")
			if f.b == iomux.Select && sys.SelectMax != 0 && fd >= sys.SelectMax {
				f.is(err, iomux.ErrFDTooLarge)
				return
			}
			if err != nil {
				f.Fatalf("after %d: %v", i, err)
			}
		}
		want := many
		if f.b == iomux.Kqueue && libkqueue {
			want = 512
		}
		if got := f.selected(generous); len(got) != want {
			f.Errorf("%d of %d in one call", len(got), many)
		}
	})
}

// EpollSelectorTestCase.test_register_file
func TestPython_register_file(t *testing.T) {
	each(t, func(f *fixture) {
		name := f.TempDir() + "/file"
		f.check(os.WriteFile(name, []byte("x"), 0o600))
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		f.check(err)
		f.owns(fd)
		_, err = f.sel.Register(fd, R, "file")
		if f.b != iomux.Epoll {
			f.check(err)
			f.expect("file Readable")
			return
		}
		f.is(err, unix.EPERM)
		f.is(err, os.ErrPermission)
		_, err = f.sel.Key(fd) // nothing is left behind
		f.is(err, selectors.ErrNotRegistered)
	})
}

// KqueueSelectorTestCase.test_register_bad_fd, here on every backend.
func TestPython_register_bad_fd(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		f.close(a)
		_, err := f.sel.Register(a, R, "")
		f.is(err, unix.EBADF)
		_, err = f.sel.Key(a)
		f.is(err, selectors.ErrNotRegistered)
	})
}

// KqueueSelectorTestCase.test_empty_select_timeout, here on every backend.
func TestPython_empty_select_timeout(t *testing.T) { // bpo-29255
	each(t, func(f *fixture) {
		const timeout = 10 * time.Millisecond
		start := time.Now()
		f.same(f.selected(timeout), nil)
		if took := time.Since(start); took < timeout {
			f.Errorf("Select(%v) took %v", timeout, took)
		}
	})
}

// test_select.test_errno: one closed descriptor must not fail the rest.
func TestPython_select_errno(t *testing.T) {
	each(t, func(f *fixture) {
		a, _ := f.pair()
		b, _ := f.pair()
		f.register(a, R, "closed")
		f.register(b, W, "b")
		f.close(a)
		for range 3 {
			got := f.selected(0)
			if f.b == iomux.Poll || f.b == iomux.Select {
				f.same(got, []string{"b Writable", "closed Readable"})
			} else {
				f.same(got, []string{"b Writable"})
			}
		}
		f.unregister(a)
		f.expect("b Writable")
	})
}

// test_select.test_select and test_poll.test_poll2: a child writes lines, slowly
// as far as we can tell, and the end of its pipe comes after the last.
func TestPython_select_select(t *testing.T) {
	timeouts := []time.Duration{0, time.Millisecond, 2 * time.Millisecond, generous, selectors.Forever}
	each(t, func(f *fixture) {
		r, w := f.pipe()
		out := os.NewFile(uintptr(w), "pipe")
		delete(f.open, w)
		cat := exec.Command("cat")
		cat.Stdout = out
		in, err := cat.StdinPipe()
		f.check(err)
		f.check(cat.Start())
		f.check(out.Close())
		f.register(r, R, "pipe")
		const lines = 10
		got := ""
		for i := 0; ; {
			if strings.Count(got, "\n") == i && i <= lines { // the child has said all that it was told
				if i == lines {
					f.check(in.Close())
				} else {
					_, err := fmt.Fprintln(in, "testing...")
					f.check(err)
				}
				i++
			}
			ready, err := f.sel.Select(timeouts[i%len(timeouts)])
			f.check(err)
			if len(ready) == 0 {
				continue
			}
			s := f.read(r)
			if s == "" {
				break
			}
			got += s
		}
		f.check(cat.Wait())
		if got != strings.Repeat("testing...\n", lines) {
			f.Errorf("got %q", got)
		}
	})
}

// test_select.test_select_mutated: what is walked may change under the walk.
func TestPython_select_select_mutated(t *testing.T) {
	each(t, func(f *fixture) {
		var fds []int
		for range 6 {
			a, _ := f.pair()
			fds = append(fds, a)
			f.register(a, W, "")
		}
		ready, err := f.sel.Select(0)
		f.check(err)
		handled := 0
		for _, r := range ready {
			if !f.sel.Live(r.Key) {
				continue
			}
			handled++
			for _, fd := range fds { // a callback that ends all others
				if fd != r.Key.FD {
					f.unregister(fd)
					f.close(fd)
				}
			}
		}
		if handled != 1 || f.sel.Len() != 1 {
			f.Errorf("%d were handled, %d are left", handled, f.sel.Len())
		}
	})
}

// test_epoll.test_add
func TestPython_epoll_add(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, RW, "")
		f.register(b, RW, "")
		_, err := f.sel.Register(-1, R, "")
		f.is(err, selectors.ErrInvalidFD)
		_, err = f.sel.Register(10000, R, "")
		f.is(err, unix.EBADF)
		_, err = f.sel.Register(a, RW, "")
		f.is(err, selectors.ErrRegistered)
	})
}

// test_epoll.test_control_and_wait
func TestPython_epoll_control_and_wait(t *testing.T) {
	each(t, func(f *fixture) {
		if f.b == iomux.Poll || f.b == iomux.Select {
			a, _ := f.pair()
			_, err := f.sel.Register(a, RW|iomux.Edge, "")
			f.is(err, errors.ErrUnsupported)
			return
		}
		a, b := f.pair()
		f.register(a, RW|iomux.Edge, "a")
		f.register(b, RW|iomux.Edge, "b")
		f.expect("a Writable", "b Writable")
		f.expect()
		f.write(a, "Hello!")
		f.write(b, "world!!!")
		got := f.selected(0)
		if len(got) != 2 || !strings.Contains(got[0], "Readable") || !strings.Contains(got[1], "Readable") {
			f.Fatalf("after data: %q", got)
		}
		f.expect()
		f.unregister(a)
		_, err := f.sel.Modify(b, W, "b")
		f.check(err)
		f.expect("b Writable")
		f.expect("b Writable")
	})
}

// test_epoll.test_close and test_kqueue.test_close
func TestPython_epoll_close(t *testing.T) {
	each(t, func(f *fixture) {
		f.check(f.sel.Close())
		f.check(f.sel.Close())
		if f.sel.Fd() != -1 {
			f.Errorf("Fd() = %d", f.sel.Fd())
		}
		_, err := f.sel.Select(time.Second)
		f.is(err, selectors.ErrClosed)
	})
}

// test_poll.test_poll1: 12 pipes in random order, each closed before it is
// unregistered.
func TestPython_poll_poll1(t *testing.T) {
	each(t, func(f *fixture) {
		readers := map[int]int{}
		var writers []int
		for range 12 {
			r, w := f.pipe()
			f.register(r, R, "reader")
			f.register(w, W, "writer")
			readers[w] = r
			writers = append(writers, w)
		}
		rand.Shuffle(len(writers), func(i, j int) { writers[i], writers[j] = writers[j], writers[i] })
		for _, w := range writers {
			f.write(w, "testing...")
			found := -1
			ready, err := f.sel.Select(generous)
			f.check(err)
			for _, r := range ready {
				if r.Events&R != 0 {
					if found >= 0 {
						f.Fatalf("both %d and %d can be read", found, r.Key.FD)
					}
					found = r.Key.FD
				}
			}
			if found != readers[w] || f.read(found) != "testing..." {
				f.Fatalf("%d can be read, want %d", found, readers[w])
			}
			f.close(w)
			f.close(found)
			f.unregister(found)
			f.unregister(w)
		}
		f.expect()
	})
}

// test_poll.test_poll_unit_tests
func TestPython_poll_unit_tests(t *testing.T) {
	each(t, func(f *fixture) {
		r, _ := f.pipe()
		f.register(r, R, "closed")
		f.close(r)
		ready, err := f.sel.Select(0)
		f.check(err)
		if f.b == iomux.Poll || f.b == iomux.Select {
			if len(ready) != 1 || ready[0].Raw&iomux.RawNval == 0 {
				f.Errorf("%v, want NVAL", ready)
			}
		} else if len(ready) != 0 {
			f.Errorf("%v", ready)
		}
		f.unregister(r)
		_, err = f.sel.Unregister(r)
		f.is(err, selectors.ErrNotRegistered)
	})
}

// test_poll.test_threaded_poll: the set changes while another goroutine waits
// in it, and a second one may not.
func TestPython_poll_threaded_poll(t *testing.T) {
	each(t, func(f *fixture) {
		r, w := f.pipe()
		f.register(r, R, "pipe")
		results := f.blocked(selectors.Forever)
		for range 3 {
			_, err := f.sel.Select(selectors.Forever)
			f.is(err, selectors.ErrBusy)
			_, err = f.sel.Select(0)
			f.is(err, selectors.ErrBusy)
			_, err = f.sel.SelectInto(make([]selectors.Ready[string], 1), 0)
			f.is(err, selectors.ErrBusy)
		}
		for range 50 {
			a, b := f.pair()
			f.register(a, R, "idle")
			f.register(b, R, "idle")
			f.unregister(b) // before it is at its end
			f.unregister(a)
			f.close(a)
		}
		f.write(w, "spam")
		if res := <-results; res.err != nil || len(res.ready) != 1 || res.ready[0] != "pipe Readable" {
			f.Errorf("%v", res)
		}
		f.expect("pipe Readable")
	})
}

// test_poll.test_poll_blocks_with_negative_ms pins poll(2)'s rule; this pins
// ours: what is negative polls, and only Forever blocks.
func TestPython_poll_negative_does_not_block(t *testing.T) {
	each(t, func(f *fixture) {
		for _, timeout := range []time.Duration{-1, -1000, -time.Millisecond, -1 << 63} {
			f.same(f.selected(timeout), nil)
		}
		results := f.blocked(selectors.Forever)
		a, _ := f.pair()
		f.register(a, W, "a")
		if r := <-results; len(r.ready) != 1 {
			f.Errorf("%v", r)
		}
	})
}

// test_kqueue.test_queue_event: two sockets, their writing events; then after
// data both of either; then one, as the rest is removed.
func TestPython_kqueue_queue_event(t *testing.T) {
	each(t, func(f *fixture) {
		a, b := f.pair()
		f.register(a, RW, "a")
		f.register(b, RW, "b")
		f.expect("a Writable", "b Writable")
		f.write(a, "Hello!")
		f.write(b, "world!!!")
		f.expect("a Readable|Writable", "b Readable|Writable") // four events of kqueue
		f.unregister(a)
		_, err := f.sel.SetEvents(b, W)
		f.check(err)
		f.expect("b Writable")
	})
}

// test_epoll.test_fd_non_inheritable, test_kqueue.test_fd_non_inheritable: a
// child gets none of a selector's descriptors, the waker's included.
func TestPython_fd_non_inheritable(t *testing.T) {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		t.Skip("no /proc/self/fd on this system: the flags are checked with the poller, the waker's are not")
	}
	each(t, func(f *fixture) {
		inherited := func() string {
			out, err := exec.Command("ls", "/proc/self/fd").Output()
			f.check(err)
			return string(out)
		}
		f.check(f.sel.Close())
		before := inherited() // whoever started us may have left us some
		f.sel = f.selector()
		a, _ := f.pair()
		for fd := range f.open {
			unix.CloseOnExec(fd)
		}
		f.register(a, W, "")
		if after := inherited(); after != before {
			f.Errorf("a child had %q, and with a selector open %q", before, after)
		}
	})
}
