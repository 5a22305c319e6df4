//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package iomux_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// These tests are of how the kqueue poller uses kqueue; what it does as a
// poller is in the tests of all backends.

// What the kqueue under test does otherwise than a BSD kernel. A file that brings
// a kqueue along to Linux says so in its init.
var (
	kqueueMissesHalfClose  bool // EV_EOF of a half-close waits for the data to be read where both filters are set
	kqueueKeepsClosed      bool // filters outlive their descriptor
	kqueueTakesSocketError bool // what fflags shows is gone from SO_ERROR
)

const (
	rd  = iomux.Readable
	wr  = iomux.Writable
	et  = iomux.Edge
	one = iomux.OneShot
)

// kqueueTest is a kqueue poller, two connected sockets and a record of kevents.
type kqueueTest struct {
	*testing.T
	p    iomux.Poller
	a, b int

	mu      sync.Mutex
	calls   []string               // each call's changes, "" for a wait
	fault   func(string) sys.Errno // asked before each kevent, with its changes
	arrived func(events string)    // told after each kevent that returned some
}

func newKqueueTest(t *testing.T) *kqueueTest {
	p, err := iomux.Open(iomux.Kqueue)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("no kqueue here: ", err)
	}
	k := &kqueueTest{T: t, p: p}
	k.check(err)
	t.Cleanup(func() { k.check(p.Close()) })
	k.a, k.b = k.pair()
	t.Cleanup(sys.SetHooks(&sys.Hooks{
		Fault: func(c sys.Call) sys.Errno {
			k.mu.Lock()
			defer k.mu.Unlock()
			if c.Op != sys.OpKevent {
				return 0
			}
			k.calls = append(k.calls, changesIn(c.Args))
			if k.fault == nil {
				return 0
			}
			return k.fault(changesIn(c.Args))
		},
		Trace: func(c sys.Call) {
			if c.Op != sys.OpKevent || c.Result <= 0 {
				return
			}
			k.mu.Lock()
			arrived := k.arrived
			k.arrived = nil
			k.mu.Unlock()
			if arrived != nil {
				arrived(c.Out)
			}
		},
	}))
	return k
}

var change = regexp.MustCompile(`\d+:(\S+) data=`)

// changesIn finds "READ|ADD WRITE|ADD" in "[7:READ|ADD data=0 7:WRITE|ADD data=0], 0, 0s".
func changesIn(args string) string {
	list, _, _ := strings.Cut(args, "]")
	var s []string
	for _, m := range change.FindAllStringSubmatch(list, -1) {
		s = append(s, m[1])
	}
	return strings.Join(s, " ")
}

func (k *kqueueTest) check(err error) {
	k.Helper()
	if err != nil {
		k.Fatal(err)
	}
}

func (k *kqueueTest) pair() (a, b int) {
	k.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	k.check(err)
	for _, fd := range fds {
		k.check(unix.SetNonblock(fd, true))
		k.Cleanup(func() { unix.Close(fd) }) // a test may have done it
	}
	return fds[0], fds[1]
}

func (k *kqueueTest) send(fd int, s string) {
	k.Helper()
	_, err := unix.Write(fd, []byte(s))
	k.check(err)
}

func (k *kqueueTest) update(old, new iomux.Events) {
	k.Helper()
	k.check(k.p.Update(k.a, old, new))
}

func (k *kqueueTest) wait(room int, timeout time.Duration) []iomux.Ready {
	k.Helper()
	ready := make([]iomux.Ready, room)
	n, err := k.p.Wait(ready, timeout)
	k.check(err)
	return ready[:n]
}

// expect polls once with the given room and wants a alone, or nothing for 0.
func (k *kqueueTest) expect(room int, want iomux.Raw) {
	k.Helper()
	got := k.wait(room, 0)
	if want == 0 && len(got) == 0 {
		return
	}
	if want == 0 || len(got) != 1 || got[0].FD != k.a || got[0].Raw != want {
		k.Fatalf("got %v, want %d with %v", got, k.a, want)
	}
}

// taken is the record since it was last taken.
func (k *kqueueTest) taken() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	calls := k.calls
	k.calls = nil
	return calls
}

// failOn makes the nth kevent from now with these changes fail.
func (k *kqueueTest) failOn(changes string, nth int, errno sys.Errno) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fault = func(c string) sys.Errno {
		if c != changes {
			return 0
		}
		if nth--; nth != 0 {
			return 0
		}
		return errno
	}
}

func TestKqueueChanges(t *testing.T) {
	for _, c := range []struct {
		old, new iomux.Events
		want     string // comma between calls
	}{
		{0, rd, "READ|ADD"},
		{0, wr, "WRITE|ADD"},
		{0, rd | wr, "READ|ADD,WRITE|ADD"},
		{0, rd | wr | et, "READ|ADD|CLEAR,WRITE|ADD|CLEAR"},
		{0, rd | et | one, "READ|ADD|ONESHOT|CLEAR"},
		{rd, rd, ""},
		{rd, rd | wr, "WRITE|ADD"},
		{rd | wr, rd, "WRITE|DELETE"},
		{rd, wr, "READ|DELETE,WRITE|ADD"},
		{rd | wr, 0, "READ|DELETE,WRITE|DELETE"},
		// A filter takes new flags, and is armed anew, only when it is new.
		{rd, rd | et, "READ|DELETE,READ|ADD|CLEAR"},
		{rd | et, rd, "READ|DELETE,READ|ADD"},
		{rd | et, rd | et, "READ|DELETE,READ|ADD|CLEAR"},
		{wr | one, wr | one, "WRITE|DELETE,WRITE|ADD|ONESHOT"},
		{rd | et, rd | wr | et, "READ|DELETE,READ|ADD|CLEAR,WRITE|ADD|CLEAR"},
	} {
		t.Run(c.old.String()+" to "+c.new.String(), func(t *testing.T) {
			k := newKqueueTest(t)
			if c.old != 0 {
				k.update(0, c.old)
			}
			k.taken()
			k.update(c.old, c.new)
			if got := strings.Join(k.taken(), ","); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestKqueueFailedChangeIsUndone(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, new iomux.Events
		fail     string
		nth      int
		level    bool // old is level-triggered
	}{
		{"second add", 0, rd | wr, "WRITE|ADD", 1, true},
		{"add after delete", rd, wr, "WRITE|ADD", 1, true},
		{"add of what was deleted", rd, rd | et, "READ|ADD|CLEAR", 1, true},
		{"last of four", rd | wr, rd | wr | et, "WRITE|ADD|CLEAR", 1, true},
		{"delete", rd | wr, rd, "WRITE|DELETE", 1, true},
		{"edge-triggered", rd | et, rd | wr | et, "WRITE|ADD|CLEAR", 1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKqueueTest(t)
			if c.old != 0 {
				k.update(0, c.old)
			}
			k.failOn(c.fail, c.nth, unix.ENOMEM)
			if err := k.p.Update(k.a, c.old, c.new); !errors.Is(err, unix.ENOMEM) {
				t.Fatalf("got %v, want ENOMEM", err)
			}
			k.send(k.b, "x")
			var want iomux.Raw
			if c.old&rd != 0 {
				want |= iomux.RawIn
			}
			if c.old&wr != 0 {
				want |= iomux.RawOut
			}
			k.expect(4, want)
			if !c.level {
				want = 0
			}
			k.expect(4, want)
			k.fault = nil
			k.update(c.old, c.new) // as if nothing had been
			if c.old != 0 {
				k.update(c.new, 0)
			}
		})
	}
}

func TestKqueueUndoLeavesMutedMuted(t *testing.T) {
	k := newKqueueTest(t)
	k.send(k.b, "x")
	k.update(0, rd|one)
	k.expect(4, iomux.RawIn)
	k.failOn("WRITE|ADD|ONESHOT", 1, unix.ENOMEM)
	if err := k.p.Update(k.a, rd|one, rd|wr|one); !errors.Is(err, unix.ENOMEM) {
		t.Fatalf("got %v, want ENOMEM", err)
	}
	k.expect(4, 0)
}

func TestKqueueRemovalDeletesBoth(t *testing.T) {
	k := newKqueueTest(t)
	k.send(k.b, "x")
	k.update(0, rd|wr)
	k.failOn("READ|DELETE", 1, unix.EIO)
	k.taken()
	if err := k.p.Update(k.a, rd|wr, 0); !errors.Is(err, unix.EIO) {
		t.Errorf("got %v, want EIO", err)
	}
	if got := k.taken(); !slices.Equal(got, []string{"READ|DELETE", "WRITE|DELETE"}) {
		t.Errorf("got %q", got)
	}
	k.update(rd, 0) // what the failure left behind

	// What is not there is an error, except for a one-shot that has fired.
	if err := k.p.Update(k.a, rd, 0); !errors.Is(err, unix.ENOENT) {
		t.Errorf("removing what was not added: %v, want ENOENT", err)
	}
	k.update(0, rd|one)
	k.expect(4, iomux.RawIn)
	k.update(rd|one, 0)
}

func TestKqueueErrors(t *testing.T) {
	k := newKqueueTest(t)
	for _, flag := range []iomux.Events{iomux.Priority, iomux.Exclusive} {
		if err := k.p.Update(k.a, 0, rd|flag); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v: %v, want ErrUnsupported", flag, err)
		}
	}
	if calls := k.taken(); len(calls) != 0 {
		t.Errorf("unsupported flags reached the kernel: %q", calls)
	}
	for _, fd := range []int{-1, 1 << 20} {
		for _, e := range []iomux.Events{rd, rd | wr | one} {
			if err := k.p.Update(fd, 0, e); !errors.Is(err, unix.EBADF) {
				t.Errorf("add %d: %v, want EBADF", fd, err)
			}
			if err := k.p.Update(fd, e, 0); err == nil && e&one == 0 {
				t.Errorf("remove %d: no error", fd)
			}
		}
	}
	k.failOn("", 1, unix.EINVAL)
	if _, err := k.p.Wait(make([]iomux.Ready, 1), 0); !errors.Is(err, unix.EINVAL) {
		t.Errorf("got %v, want EINVAL", err)
	}
}

func TestKqueueSignalDoesNotEndWait(t *testing.T) {
	k := newKqueueTest(t)
	k.update(0, rd)
	signals := 0
	k.fault = func(string) sys.Errno {
		if signals++; signals%4 != 0 {
			return unix.EINTR
		}
		return 0
	}
	const timeout = 20 * time.Millisecond
	begin := time.Now()
	if got := k.wait(4, timeout); len(got) != 0 {
		t.Fatalf("got %v", got)
	}
	if took := time.Since(begin); took < timeout {
		t.Errorf("a wait of %v took %v", timeout, took)
	}
	k.send(k.b, "x")
	signals = 0
	if got := k.wait(4, iomux.Forever); len(got) != 1 {
		t.Errorf("got %v, want one", got)
	}
}

func TestKqueueMergesFilters(t *testing.T) {
	k := newKqueueTest(t)
	k.update(0, rd|wr)
	k.expect(4, iomux.RawOut)
	k.send(k.b, "x")
	k.expect(4, iomux.RawIn|iomux.RawOut)

	// Many, in batches that cut some in two, with places left over from others.
	const pairs = 9
	fds := map[int]bool{k.a: true}
	for range pairs - 1 {
		a, b := k.pair()
		k.send(b, "x")
		k.check(k.p.Update(a, 0, rd|wr))
		fds[a] = true
	}
	for room := 2 * pairs; room > 0; room-- {
		seen := map[int]bool{}
		for _, r := range k.wait(room, 0) {
			if seen[r.FD] || !fds[r.FD] {
				t.Fatalf("room %d: %d twice or unknown", room, r.FD)
			}
			seen[r.FD] = true
			if room == 2*pairs && r.Events != rd|wr || r.Events&^(rd|wr) != 0 || r.Events == 0 {
				t.Errorf("room %d: %+v", room, r)
			}
		}
		if len(seen) < min(room/2, pairs) {
			t.Errorf("room %d: only %d of %d", room, len(seen), pairs)
		}
	}
}

func TestKqueueEnd(t *testing.T) {
	const in, out, rdhup, hup = iomux.RawIn, iomux.RawOut, iomux.RawRdHup, iomux.RawHup
	k := newKqueueTest(t)
	k.send(k.b, "x")
	k.check(unix.Shutdown(k.b, unix.SHUT_WR))
	k.update(0, rd)
	k.expect(4, in|rdhup)
	k.update(rd, rd|wr)
	if !kqueueMissesHalfClose {
		k.expect(4, in|out|rdhup)
	}
	_, err := unix.Read(k.a, make([]byte, 8))
	k.check(err)
	k.expect(4, in|out|rdhup)
	k.check(unix.Close(k.b))
	k.expect(4, in|out|rdhup|hup)
	k.update(rd|wr, wr)
	k.expect(4, out|hup)
	if got := k.wait(4, 0); got[0].Events != rd|wr {
		t.Errorf("a hang-up shows as %v", got[0].Events)
	}
}

func TestKqueueError(t *testing.T) {
	k := newKqueueTest(t)
	l, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	k.check(err)
	defer unix.Close(l)
	k.check(unix.Bind(l, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	k.check(unix.Listen(l, 1))
	to, err := unix.Getsockname(l)
	k.check(err)
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	k.check(err)
	defer unix.Close(client)
	k.check(unix.Connect(client, to))
	server, _, err := unix.Accept(l)
	k.check(err)
	k.check(unix.SetsockoptLinger(server, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
	k.check(unix.Close(server)) // with a reset
	k.check(k.p.Update(client, 0, rd))
	got := k.wait(4, iomux.Forever)
	if len(got) != 1 || got[0].FD != client || got[0].Raw&iomux.RawErr == 0 || got[0].Events != rd|wr {
		t.Errorf("got %+v, want an error on %d", got, client)
	}
	if soerr, err := unix.GetsockoptInt(client, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || soerr == 0 && !kqueueTakesSocketError {
		t.Errorf("SO_ERROR %v, %v", unix.Errno(soerr), err)
	}
}

// TestKqueueForgetsClosed: the caller should remove first; but where it did not,
// the kernel has.
func TestKqueueForgetsClosed(t *testing.T) {
	if kqueueKeepsClosed {
		t.Skip("this kqueue keeps what was closed")
	}
	k := newKqueueTest(t)
	for _, e := range []iomux.Events{rd | wr, rd | wr | et, rd | wr | one} {
		k.update(0, e)
		k.check(unix.Close(k.a))
		k.expect(4, 0)
		if err := k.p.Update(k.a, e, 0); !errors.Is(err, unix.EBADF) {
			t.Errorf("remove what is closed: %v, want EBADF", err)
		}
		closed := k.a
		k.a, k.b = k.pair()
		if k.a != closed {
			t.Skip("the number was not reused")
		}
		k.send(k.b, "x")
		k.expect(4, 0)
		k.update(0, e)
		k.expect(4, iomux.RawIn|iomux.RawOut)
		k.update(e, 0)
	}
}

func TestKqueueOneShotMutesBothFilters(t *testing.T) {
	k := newKqueueTest(t)
	const both = rd | wr | one
	k.update(0, both)
	k.expect(4, iomux.RawOut) // nothing to read yet
	k.send(k.b, "x")
	k.expect(4, 0)
	for range 3 {
		k.update(both, both)
		if got := k.wait(1, 0); len(got) != 1 {
			t.Fatalf("armed again: got %v", got)
		}
		k.expect(4, 0) // the other one did not fit
	}
	k.update(both, both)
	k.taken()
	k.expect(4, iomux.RawIn|iomux.RawOut)
	k.expect(4, 0)
	if got := k.taken(); !slices.Equal(got, []string{"", ""}) {
		t.Errorf("both fired, and still there were changes: %q", got)
	}

	k.update(both, rd|one)
	k.taken()
	k.expect(4, iomux.RawIn)
	if got := k.taken(); !slices.Equal(got, []string{""}) {
		t.Errorf("there is no other filter, and still there were changes: %q", got)
	}

	k.update(rd|one, rd|wr) // no longer one-shot
	for range 2 {
		k.expect(4, iomux.RawIn|iomux.RawOut)
	}
	k.update(rd|wr, both)
	k.update(both, 0)
	k.expect(4, 0)
}

// TestKqueueUpdateOvertakesReport: an Update comes when the kernel has handed
// out a one-shot event but Wait has not returned it. It must not be muted by it.
func TestKqueueUpdateOvertakesReport(t *testing.T) {
	const both = rd | wr | one
	for _, c := range []struct {
		name  string
		steps []iomux.Events
		room  int
	}{
		{"armed again", []iomux.Events{both, both}, 1},
		{"armed again twice", []iomux.Events{both, both, both}, 1},
		{"removed and added", []iomux.Events{both, 0, both}, 1},
		{"made level-triggered", []iomux.Events{both, rd | wr}, 1},
		{"one filter more", []iomux.Events{rd | one, both}, 1},
		{"both reported", []iomux.Events{both, both}, 4},
	} {
		overtake := func(t *testing.T) *kqueueTest {
			k := newKqueueTest(t)
			k.send(k.b, "x")
			k.update(0, c.steps[0])
			k.arrived = func(string) {
				done := make(chan struct{})
				go func() {
					defer close(done)
					for i, e := range c.steps[1:] {
						if err := k.p.Update(k.a, c.steps[i], e); err != nil {
							t.Error(err)
						}
					}
				}()
				<-done
			}
			if got := k.wait(c.room, 0); len(got) != 1 {
				t.Fatalf("got %v", got)
			}
			return k
		}
		t.Run(c.name, func(t *testing.T) {
			k := overtake(t)
			k.expect(4, iomux.RawIn|iomux.RawOut) // both filters of the new interest are there
		})
		t.Run(c.name+" and muted", func(t *testing.T) {
			k := overtake(t)
			if got := k.wait(1, 0); len(got) != 1 {
				t.Fatalf("got %v", got)
			}
			if c.steps[len(c.steps)-1]&one != 0 {
				k.expect(4, 0) // the report after the overtaken one mutes as ever
			}
		})
	}
}

func TestKqueueUpdateDuringWait(t *testing.T) {
	k := newKqueueTest(t)
	k.send(k.b, "x")
	waits := make(chan struct{}, 1)
	k.fault = func(changes string) sys.Errno {
		if changes == "" {
			waits <- struct{}{}
		}
		return 0
	}
	for _, e := range []iomux.Events{rd, rd | et, rd | one} {
		done := make(chan []iomux.Ready)
		go func() {
			ready := make([]iomux.Ready, 4)
			n, _ := k.p.Wait(ready, iomux.Forever)
			done <- ready[:n]
		}()
		<-waits
		k.update(0, e)
		if got := <-done; len(got) != 1 || got[0].FD != k.a {
			t.Errorf("%v: got %v", e, got)
		}
		k.update(e, 0)
	}
}

func TestKqueueAllocatesNothing(t *testing.T) {
	k := newKqueueTest(t)
	k.send(k.b, "x")
	k.update(0, rd)
	sys.SetHooks(nil)
	ready := make([]iomux.Ready, 8)
	if n := testing.AllocsPerRun(100, func() { _, _ = k.p.Wait(ready, 0) }); n != 0 {
		t.Errorf("%v allocations a wait", n)
	}
}

func TestKqueueClose(t *testing.T) {
	k := newKqueueTest(t)
	d := k.p.(iomux.Descriptor)
	if (d.Fd() >= 0) != sys.KqueuePollable() {
		t.Errorf("Fd %d, pollable %v", d.Fd(), sys.KqueuePollable())
	}
	k.check(k.p.Close())
	k.check(k.p.Close())
	if d.Fd() != -1 {
		t.Errorf("Fd %d after Close", d.Fd())
	}
	if err := k.p.Update(k.a, 0, rd); !errors.Is(err, iomux.ErrClosed) {
		t.Errorf("Update: %v", err)
	}
	if _, err := k.p.Wait(make([]iomux.Ready, 1), 0); !errors.Is(err, iomux.ErrClosed) {
		t.Errorf("Wait: %v", err)
	}
}
