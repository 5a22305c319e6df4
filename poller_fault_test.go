//go:build linux

package iomux_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// Each system call of a poller is made to fail in turn.
// What a poller promises then: the errno comes out wrapped, after a failed
// Update the old interest is in force, and nothing leaks.

// failing makes each call that which names fail with errno, for the rest of the
// test or until restore.
func failing(t testing.TB, errno sys.Errno, which func(sys.Call) bool) (restore func()) {
	t.Helper()
	restore = sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		if which(c) {
			return errno
		}
		return 0
	}})
	t.Cleanup(restore)
	return restore
}

func op(name sys.Op) func(sys.Call) bool { return func(c sys.Call) bool { return c.Op == name } }

// opening is the call by which each backend is opened or probed.
var opening = map[iomux.Backend]sys.Op{
	iomux.Epoll: "epoll_create1", iomux.Kqueue: sys.OpKqueue, iomux.Poll: sys.OpPoll, iomux.Select: sys.OpSelect,
}

func TestOpenFails(t *testing.T) {
	for _, b := range iomux.Backends() {
		for _, errno := range []sys.Errno{unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOSYS, unix.EPERM} {
			t.Run(fmt.Sprintf("%s/%s", b, unix.ErrnoName(errno)), func(t *testing.T) {
				leaktest.Check(t)
				others := slices.DeleteFunc(iomux.Backends(), func(o iomux.Backend) bool { return o == b })
				failing(t, errno, op(opening[b]))
				if p, err := iomux.Open(b); p != nil || !errors.Is(err, errno) {
					t.Errorf("Open = %v, %v", p, err)
				}
				if got := iomux.Backends(); !slices.Equal(got, others) {
					t.Errorf("Backends() = %v, want %v", got, others)
				}
				p, err := iomux.Open("")
				if err != nil || p.Backend() != others[0] {
					t.Fatalf(`Open("") = %v, %v; want %s`, p, err, others[0])
				}
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestOpenNothingWorks(t *testing.T) {
	leaktest.Check(t)
	failing(t, unix.ENOSYS, func(sys.Call) bool { return true })
	p, err := iomux.Open("")
	if p != nil || !errors.Is(err, unix.ENOSYS) || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Open = %v, %v", p, err)
	}
	if list := iomux.Backends(); len(list) != 0 {
		t.Errorf("Backends() = %v", list)
	}
}

// A signal during the call by which a backend is probed says nothing of it.
// Found by FuzzPollersAgree, whose own signals came between.
func TestOpenInterrupted(t *testing.T) {
	for _, b := range []iomux.Backend{iomux.Poll, iomux.Select} {
		leaktest.Check(t)
		failing(t, unix.EINTR, op(opening[b]))
		p, err := iomux.Open(b)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
}

// Every call that an Update makes, failed one at a time, with every errno that
// the manuals name.
func TestUpdateFails(t *testing.T) {
	steps := []struct{ old, new iomux.Events }{
		{0, R}, {0, RW}, {R, RW}, {RW, W}, {R, W}, {R, 0}, {RW, 0},
		{R, R | iomux.Edge}, {R | iomux.Edge, RW | iomux.Edge},
		{R | iomux.Exclusive, RW | iomux.Exclusive}, {R, R | iomux.Exclusive}, {W | iomux.Exclusive, R},
	}
	errnos := []sys.Errno{unix.ENOMEM, unix.ENOSPC, unix.EEXIST, unix.ENOENT, unix.EBADF, unix.EPERM}
	for _, b := range iomux.Backends() {
		t.Run(string(b), func(t *testing.T) {
			made := 0
			for _, s := range steps {
				if (s.old|s.new)&^traits[b].supported != 0 {
					continue
				}
				for _, errno := range errnos {
					for k := 1; updateFails(t, b, s.old, s.new, k, errno); k++ {
						made++
					}
				}
			}
			if made == 0 {
				t.Error("no call was made to fail")
			}
		})
	}
}

// updateFails lets the kth system call of one Update fail; false: there is no
// kth.
func updateFails(t *testing.T, b iomux.Backend, old, new iomux.Events, k int, errno sys.Errno) (failed bool) {
	t.Run(fmt.Sprintf("%v to %v, call %d, %s", old, new, k, unix.ErrnoName(errno)), func(t *testing.T) {
		f := newFixture(t, b)
		a, peer := f.pair()
		f.write(peer, "x")
		if old != 0 {
			f.update(a, 0, old)
		}
		f.wait(8, 0) // so that an edge is behind us
		n := 0
		restore := failing(t, errno, func(c sys.Call) bool {
			if b == iomux.Kqueue && c.Op != sys.OpKevent {
				return false // the simulated kernel's own
			}
			n++
			return n == k
		})
		err := f.p.Update(a, old, new)
		restore()
		if failed = n >= k; !failed {
			f.check(err)
			return
		}
		switch {
		case err == nil:
			t.Fatal("it succeeded")
		case (b == iomux.Poll || b == iomux.Select) && !errors.Is(err, unix.EBADF):
			t.Errorf("%v: want EBADF, the answer of a check that failed", err)
		case b != iomux.Poll && b != iomux.Select && !errors.Is(err, errno):
			t.Errorf("%v: want %v", err, errno)
		}
		if new == 0 {
			return // the poller need not know it any more
		}
		if old&iomux.Edge != 0 {
			f.write(peer, "y") // something that can be told
		}
		want := interest{}
		if now := old & RW; now != 0 {
			want[a] = now
		}
		if got := f.wait(8, 0); old&iomux.Edge == 0 || len(got) != 1 || got[0].Events&R == 0 {
			f.expectOf(got, RW, want)
		}
		if old == 0 {
			f.update(a, 0, new) // nothing is in the way
		}
	})
	return failed
}

// When the change of an exclusive entry fails and so does its undoing, the
// error is the first one's.
func TestExclusiveUndoFails(t *testing.T) {
	f := newFixture(t, iomux.Epoll)
	a, _ := f.pair()
	f.update(a, 0, R|iomux.Exclusive)
	n := 0
	restore := failing(t, unix.ENOSPC, func(sys.Call) bool { n++; return n > 1 })
	f.refused(a, R|iomux.Exclusive, W|iomux.Exclusive, unix.ENOSPC)
	restore()
	if n != 3 {
		t.Errorf("%d calls, want a removal, an addition and one to undo", n)
	}
}

// What a wait cannot recover from comes out, with nothing found, and the next
// wait is none the worse.
func TestWaitFails(t *testing.T) {
	for _, b := range iomux.Backends() {
		for _, errno := range []sys.Errno{unix.ENOMEM, unix.EINVAL, unix.EFAULT} {
			t.Run(fmt.Sprintf("%s/%s", b, unix.ErrnoName(errno)), func(t *testing.T) {
				f := newFixture(t, b)
				a, _ := f.pair()
				f.update(a, 0, RW)
				ready := make([]iomux.Ready, 8)
				for _, d := range []time.Duration{0, generous, iomux.Forever} {
					restore := failing(t, errno, f.isItsWait)
					if n, err := f.p.Wait(ready, d); n != 0 || !errors.Is(err, errno) {
						t.Errorf("Wait(%v) = %d, %v", d, n, err)
					}
					restore()
					f.expect(RW, interest{a: W})
				}
			})
		}
	}
}

// A descriptor that was closed makes select fail; the poller asks again without
// it. That second call can fail as well.
func TestSelectAsksAgain(t *testing.T) {
	for _, errno := range []sys.Errno{unix.EBADF, unix.EINTR, unix.ENOMEM} {
		t.Run(unix.ErrnoName(errno), func(t *testing.T) {
			f := newFixture(t, iomux.Select)
			a, _ := f.pair()
			idle, peer := f.pair()
			f.update(a, 0, R)
			f.update(idle, 0, R)
			f.close(a)
			n := 0
			restore := failing(t, errno, func(c sys.Call) bool {
				if c.Op == sys.OpSelect {
					n++
				}
				return c.Op == sys.OpSelect && n == 2
			})
			ready := make([]iomux.Ready, 8)
			k, err := f.p.Wait(ready, 0)
			restore()
			if n != 2 {
				t.Fatalf("%d selects, want two", n)
			}
			if errno == unix.ENOMEM {
				if k != 0 || !errors.Is(err, errno) {
					t.Errorf("Wait = %d, %v", k, err)
				}
				// What was found to be closed is not remembered against a
				// number that is open by then.
				f.update(a, R, 0)
				f.pairAt(a)
				f.update(a, 0, R)
				f.write(peer, "x")
				f.expect(R, interest{idle: R})
				return
			}
			f.check(err)
			// The idle one must not show: a call that failed found nothing.
			f.expectOf(ready[:k], R, interest{a: R})
			f.write(peer, "x")
			f.expect(R, interest{a: R, idle: R})
		})
	}
}

// A descriptor may be closed between the call that failed and the one that
// looks for the culprit, or be open again by then: the wait begins anew.
func TestSelectFindsNoCulprit(t *testing.T) {
	f := newFixture(t, iomux.Select)
	a, peer := f.pair()
	f.update(a, 0, R)
	n := 0
	restore := failing(t, unix.EBADF, func(c sys.Call) bool { n++; return c.Op == sys.OpSelect && n == 1 })
	f.quiet()
	n = 0
	f.write(peer, "x")
	f.expectOf(f.wait(8, generous), R, interest{a: R})
	restore()
}

// close(2) gives the number back whatever it says, so there is one close for
// each descriptor and no second try.
func TestCloseFails(t *testing.T) {
	for _, b := range iomux.Backends() {
		for _, errno := range []sys.Errno{unix.EINTR, unix.EIO} {
			t.Run(fmt.Sprintf("%s/%s", b, unix.ErrnoName(errno)), func(t *testing.T) {
				leaktest.Check(t)
				opened, closed := map[int]int{}, map[int]int{}
				restore := sys.SetHooks(&sys.Hooks{
					Trace: func(c sys.Call) {
						switch c.Op {
						case "epoll_create1", sys.OpKqueue:
							opened[c.Result]++
						case sys.OpClose:
							closed[c.FD]++
						}
					},
					Fault: func(c sys.Call) sys.Errno {
						if c.Op == sys.OpClose {
							return errno
						}
						return 0
					},
				})
				defer restore()
				p, err := iomux.Open(b)
				if err != nil {
					t.Fatal(err)
				}
				err = p.Close()
				if again := p.Close(); again != nil {
					t.Errorf("the second Close: %v", again)
				}
				if _, err := p.Wait(make([]iomux.Ready, 1), 0); !errors.Is(err, iomux.ErrClosed) {
					t.Errorf("Wait: %v", err)
				}
				restore()
				if len(opened) > 0 && !errors.Is(err, errno) {
					t.Errorf("Close: %v, want %v", err, errno)
				} else if len(opened) == 0 && err != nil {
					t.Errorf("Close: %v", err)
				}
				for fd, n := range closed {
					if opened[fd] != 1 || n != 1 {
						t.Errorf("%d was opened %d times and closed %d times", fd, opened[fd], n)
					}
				}
				if len(closed) != len(opened) {
					t.Errorf("opened %v, closed %v", opened, closed)
				}
				for fd := range opened { // for the kernel was not asked
					if b == iomux.Kqueue {
						_ = sys.CloseKqueue(fd)
					} else {
						_ = sys.Close(fd)
					}
				}
			})
		}
	}
}

// The errors say what was done to which descriptor.
func TestErrorText(t *testing.T) {
	for _, b := range iomux.Backends() {
		f := newFixture(t, b)
		a, _ := f.pair()
		gone := f.dup(a)
		f.close(gone)
		err := f.p.Update(gone, 0, R)
		if want := fmt.Sprintf("add fd %d: bad file descriptor", gone); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q in it", b, err, want)
		}
	}
	_, err := iomux.Open("devpoll")
	if want := `iomux: open "devpoll": unsupported operation: there is no such backend, want epoll, kqueue, poll or select`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	// errors.Is works against the classes of package os, too.
	f := newFixture(t, iomux.Epoll)
	f.refused(openFile(f, os.Args[0], unix.O_RDONLY), 0, R, unix.EPERM, os.ErrPermission)
}
