//go:build linux

package kqueuesim_test

import (
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"

	_ "example.com/iomux/internal/kqueuesim"
)

const (
	forever = math.MaxInt64
	read    = sys.FilterRead
	write   = sys.FilterWrite
	del     = sys.EvDelete
	eof     = sys.EvEOF
)

// queue is a kqueue under test.
type queue struct {
	t  *testing.T
	kq int
}

func newQueue(t *testing.T) queue {
	t.Helper()
	leaks(t)
	kq, errno := sys.NewKqueue()
	if errno != 0 {
		t.Fatal("kqueue:", errno)
	}
	t.Cleanup(func() { sys.CloseKqueue(kq) }) // some tests did it themselves
	return queue{t, kq}
}

// leaks fails the test if it ends with other descriptors open than at the start.
func leaks(t *testing.T) {
	t.Helper()
	open := func() (list []string) {
		dir, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range dir {
			if to, err := os.Readlink("/proc/self/fd/" + f.Name()); err == nil { // not the directory's own
				list = append(list, f.Name()+" "+to)
			}
		}
		return list
	}
	before := open()
	t.Cleanup(func() {
		if after := open(); !slices.Equal(before, after) {
			t.Errorf("open descriptors:\nbefore %v\nafter  %v", before, after)
		}
	})
}

func (q queue) try(fd int, filter sys.KFilter, flags sys.KFlags) sys.Errno {
	_, errno := sys.KeventWait(q.kq, []sys.Kevent{{Ident: fd, Filter: filter, Flags: flags}}, nil, forever)
	return errno
}

func (q queue) change(fd int, filter sys.KFilter, flags sys.KFlags) {
	q.t.Helper()
	if errno := q.try(fd, filter, flags); errno != 0 {
		q.t.Fatalf("change %d filter %d flags %#x: %v", fd, filter, flags, errno)
	}
}

func (q queue) add(fd int, filter sys.KFilter, flags sys.KFlags) {
	q.t.Helper()
	q.change(fd, filter, sys.EvAdd|flags)
}

func (q queue) wait(room int, timeout time.Duration) []sys.Kevent {
	q.t.Helper()
	events := make([]sys.Kevent, room)
	for {
		n, errno := sys.KeventWait(q.kq, nil, events, timeout)
		if errno == unix.EINTR { // the runtime's own signals
			continue
		}
		if errno != 0 {
			q.t.Fatal("kevent:", errno)
		}
		return events[:n]
	}
}

// expect polls and compares all there is with want, in any order.
func (q queue) expect(want ...sys.Kevent) {
	q.t.Helper()
	got := q.wait(64, 0)
	text := func(list []sys.Kevent) (s []string) {
		for _, e := range list {
			s = append(s, fmt.Sprintf("%d filter %d flags %#x fflags %d data %d", e.Ident, e.Filter, e.Flags, e.Fflags, e.Data))
		}
		slices.Sort(s)
		return s
	}
	if g, w := text(got), text(want); !slices.Equal(g, w) {
		q.t.Fatalf("got  %q\nwant %q", g, w)
	}
}

func readable(fd int, data int64, flags sys.KFlags) sys.Kevent {
	return sys.Kevent{Ident: fd, Filter: read, Flags: flags, Data: data}
}

// ready is a comparison without data, for the writing side: what the kernel's
// buffers hold is no matter here.
func (q queue) expectWritable(fd int, flags sys.KFlags) {
	q.t.Helper()
	got := q.wait(64, 0)
	if len(got) != 1 || got[0].Ident != fd || got[0].Filter != write || got[0].Flags != flags {
		q.t.Fatalf("got %+v, want %d WRITE flags %#x", got, fd, flags)
	}
	if flags&eof == 0 && got[0].Data <= 0 {
		q.t.Errorf("writable with room for %d bytes", got[0].Data)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pair is two connected stream sockets.
func pair(t *testing.T) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) }) // some tests did it themselves
	return fds[0], fds[1]
}

func pipe(t *testing.T) (r, w int) {
	t.Helper()
	var fds [2]int
	must(t, unix.Pipe2(fds[:], unix.O_NONBLOCK|unix.O_CLOEXEC))
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func send(t *testing.T, fd int, s string) {
	t.Helper()
	_, err := unix.Write(fd, []byte(s))
	must(t, err)
}

func receive(t *testing.T, fd, n int) {
	t.Helper()
	got, err := unix.Read(fd, make([]byte, n))
	if err != nil || got != n {
		t.Fatalf("read %d: %d, %v", n, got, err)
	}
}

// fill writes until the kernel takes no more.
func fill(t *testing.T, fd int) {
	t.Helper()
	for {
		if _, err := unix.Write(fd, make([]byte, 4096)); err == unix.EAGAIN {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

// drain reads until there is nothing more.
func drain(t *testing.T, fd int) {
	t.Helper()
	for {
		if _, err := unix.Read(fd, make([]byte, 65536)); err == unix.EAGAIN {
			return
		} else if err != nil {
			t.Fatal(err)
		}
	}
}

func TestLevelUntilRead(t *testing.T) {
	q := newQueue(t)
	a, b := pair(t)
	q.add(a, read, 0)
	q.expect()
	send(t, b, "hello")
	q.expect(readable(a, 5, 0))
	q.expect(readable(a, 5, 0))
	receive(t, a, 2)
	q.expect(readable(a, 3, 0))
	receive(t, a, 3)
	q.expect()
}

func TestFiltersAreSeparate(t *testing.T) {
	q := newQueue(t)
	a, b := pair(t)
	q.add(a, read, 0)
	q.add(a, write, 0)
	q.expectWritable(a, 0)
	send(t, b, "x")
	if got := q.wait(8, 0); len(got) != 2 || got[0].Ident != a || got[1].Ident != a || got[0].Filter == got[1].Filter {
		t.Fatalf("got %+v, want two events", got)
	}
	q.change(a, write, del)
	q.expect(readable(a, 1, 0))
	q.change(a, read, del)
	q.expect()
}

func TestListenerCountsBacklog(t *testing.T) {
	q := newQueue(t)
	l := listener(t)
	q.add(l, read, 0)
	q.add(l, write, sys.EvClear)
	q.expect()
	for range 2 {
		connect(t, l)
	}
	q.expect(readable(l, 2, 0))
}

func TestClearReportsWhatIsNew(t *testing.T) {
	q := newQueue(t)
	a, b := pair(t)
	send(t, b, "ab")
	q.add(a, read, sys.EvClear)
	q.expect(readable(a, 2, sys.EvClear)) // what was there before counts once
	q.expect()
	send(t, b, "c")
	q.expect(readable(a, 3, sys.EvClear)) // though nothing was read
	q.expect()
	receive(t, a, 1)
	q.expect() // less is not new
	receive(t, a, 1)
	send(t, b, "d")
	q.expect(readable(a, 2, sys.EvClear))
	receive(t, a, 1)
	send(t, b, "e")
	q.expect(readable(a, 2, sys.EvClear)) // as many as before, and yet new
	send(t, b, "f")
	send(t, b, "g")
	q.expect(readable(a, 4, sys.EvClear)) // two in one
	q.expect()
	drain(t, a)
	send(t, b, "h")
	receive(t, a, 1)
	q.expect() // come and gone
	must(t, unix.Shutdown(b, unix.SHUT_WR))
	q.expect(readable(a, 0, sys.EvClear|eof))
	q.expect() // once as well
}

func TestClearWrite(t *testing.T) {
	q := newQueue(t)
	a, b := pair(t)
	q.add(a, write, sys.EvClear)
	q.expectWritable(a, sys.EvClear)
	q.expect()
	fill(t, a)
	q.expect()
	drain(t, b)
	q.expectWritable(a, sys.EvClear)
	q.expect()
	send(t, b, "x")
	q.expect() // of no concern to this filter
}

func TestClearWaits(t *testing.T) {
	q := newQueue(t)
	a, b := pair(t)
	q.add(a, read, sys.EvClear)
	send(t, b, "x")
	q.wait(1, 0)
	go send(t, b, "y")
	if got := q.wait(1, forever); len(got) != 1 || got[0].Data != 2 {
		t.Fatalf("got %+v", got)
	}
}

func TestClearHoldsWhatDidNotFit(t *testing.T) {
	q := newQueue(t)
	var got []int
	for range 3 {
		a, b := pair(t)
		q.add(a, read, sys.EvClear)
		send(t, b, "x")
	}
	for range 3 {
		for _, e := range q.wait(1, 0) {
			got = append(got, e.Ident)
		}
	}
	slices.Sort(got)
	if len(slices.Compact(got)) != 3 {
		t.Fatalf("got %v, want three different ones", got)
	}
	q.expect()
}

func TestAddingAgainKeepsFlags(t *testing.T) {
	q := newQueue(t)
	a, b := pair(t)
	send(t, b, "x")
	q.add(a, read, 0)
	q.add(a, read, sys.EvClear)
	q.expect(readable(a, 1, 0))
	q.expect(readable(a, 1, 0)) // still level

	q.change(a, read, del)
	q.add(a, read, sys.EvClear)
	q.expect(readable(a, 1, sys.EvClear))
	q.expect()
	q.add(a, read, 0)
	q.expect(readable(a, 1, sys.EvClear)) // looked at afresh
	q.expect()                            // and still edge
}

func TestOneShotDeletesItsKnote(t *testing.T) {
	q := newQueue(t)
	a, b := pair(t)
	q.add(a, read, sys.EvOneShot)
	q.add(a, write, sys.EvOneShot|sys.EvClear)
	q.expectWritable(a, sys.EvOneShot|sys.EvClear)
	q.expect()
	send(t, b, "x")
	q.expect(readable(a, 1, sys.EvOneShot))
	q.expect()
	for _, f := range []sys.KFilter{read, write} {
		if errno := q.try(a, f, del); errno != unix.ENOENT {
			t.Errorf("delete filter %d after its report: %v, want ENOENT", f, errno)
		}
	}
	q.add(a, read, sys.EvOneShot)
	q.expect(readable(a, 1, sys.EvOneShot))
}

func TestEndOfReading(t *testing.T) {
	q := newQueue(t)
	a, b := pair(t)
	q.add(a, read, 0)
	send(t, b, "abc")
	must(t, unix.Shutdown(b, unix.SHUT_WR))
	q.expect(readable(a, 3, eof)) // the end shows, and the data with it
	receive(t, a, 3)
	q.expect(readable(a, 0, eof))

	r, w := pipe(t)
	q.change(a, read, del)
	q.add(r, read, 0)
	send(t, w, "ab")
	must(t, unix.Close(w))
	q.expect(readable(r, 2, eof))
}

func TestEndOfWriting(t *testing.T) {
	q := newQueue(t)
	a, b := pair(t)
	q.add(a, write, 0)
	must(t, unix.Shutdown(b, unix.SHUT_WR))
	q.expectWritable(a, 0) // b still listens
	must(t, unix.Close(b))
	q.expectWritable(a, eof)
	q.change(a, write, del)

	r, w := pipe(t)
	q.add(w, write, 0)
	q.expectWritable(w, 0)
	must(t, unix.Close(r))
	q.expectWritable(w, eof)
}

func TestErrorStaysWithItsOwner(t *testing.T) {
	q := newQueue(t)
	l := listener(t)
	client := connect(t, l)
	server, _, err := unix.Accept(l)
	must(t, err)
	must(t, unix.SetsockoptLinger(server, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}))
	must(t, unix.Close(server)) // with a reset
	q.add(client, read, 0)
	q.add(client, write, 0)
	got := q.wait(4, forever)
	if len(got) != 2 {
		t.Fatalf("got %+v, want both filters", got)
	}
	for _, e := range got {
		if e.Flags&eof == 0 || e.Fflags == 0 {
			t.Errorf("got %+v, want EV_EOF and an error", e)
		}
	}
	if soerr, err := unix.GetsockoptInt(client, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || unix.Errno(soerr) != unix.ECONNRESET {
		t.Errorf("SO_ERROR %v, %v; want ECONNRESET", unix.Errno(soerr), err)
	}
}

func TestChangeErrors(t *testing.T) {
	q := newQueue(t)
	a, b := pair(t)
	for _, c := range []struct {
		name   string
		change sys.Kevent
		want   sys.Errno
	}{
		{"add a negative number", sys.Kevent{Ident: -1, Filter: read, Flags: sys.EvAdd}, unix.EBADF},
		{"add a closed descriptor", sys.Kevent{Ident: 1 << 20, Filter: write, Flags: sys.EvAdd}, unix.EBADF},
		{"add a closed descriptor edge-triggered", sys.Kevent{Ident: 1 << 20, Filter: read, Flags: sys.EvAdd | sys.EvClear}, unix.EBADF},
		{"delete from a closed descriptor", sys.Kevent{Ident: 1 << 20, Filter: read, Flags: del}, unix.EBADF},
		{"delete what was not added", sys.Kevent{Ident: a, Filter: read, Flags: del}, unix.ENOENT},
		{"a filter that is none", sys.Kevent{Ident: a, Filter: -9, Flags: sys.EvAdd}, unix.EINVAL},
	} {
		if _, errno := sys.KeventWait(q.kq, []sys.Kevent{c.change}, nil, 0); errno != c.want {
			t.Errorf("%s: %v, want %v", c.name, errno, c.want)
		}
	}

	// The first that fails ends the list.
	send(t, a, "x")
	send(t, b, "y")
	_, errno := sys.KeventWait(q.kq, []sys.Kevent{
		{Ident: a, Filter: read, Flags: sys.EvAdd},
		{Ident: a, Filter: write, Flags: del},
		{Ident: b, Filter: read, Flags: sys.EvAdd},
	}, make([]sys.Kevent, 4), forever)
	if errno != unix.ENOENT {
		t.Errorf("got %v, want ENOENT", errno)
	}
	q.expect(readable(a, 1, 0))
}

func TestCloseRemovesKnotes(t *testing.T) {
	q := newQueue(t)
	for _, flags := range []sys.KFlags{0, sys.EvClear} {
		a, b := pair(t)
		q.add(a, read, flags)
		q.add(a, write, flags)
		must(t, unix.Close(a))
		q.expect()
		q.add(b, read, flags)
		send1, recv1 := pair(t) // gets a's number
		if send1 != a && recv1 != a {
			t.Fatalf("%d was not reused", a)
		}
		if recv1 != a {
			send1, recv1 = recv1, send1
		}
		send(t, send1, "x")
		if got := q.wait(8, 0); len(got) != 1 || got[0].Ident != b {
			t.Fatalf("got %+v, want the end on %d only", got, b)
		}
		q.change(b, read, del)
		q.add(recv1, read, flags)
		q.expect(readable(recv1, 1, flags))
		q.change(recv1, read, del)
	}
}

// TestReuseIsSeenAtOnce: no wait looked between close and reuse.
func TestReuseIsSeenAtOnce(t *testing.T) {
	q := newQueue(t)
	a, _ := pair(t)
	c, d := pair(t)
	q.add(a, read, 0)
	q.add(a, write, sys.EvClear)
	must(t, unix.Dup3(c, a, unix.O_CLOEXEC))
	send(t, d, "x")
	q.expect()
	if errno := q.try(a, write, del); errno != unix.ENOENT {
		t.Errorf("delete from a reused number: %v, want ENOENT", errno)
	}
	q.add(a, read, sys.EvClear)
	q.expect(readable(a, 1, sys.EvClear))
	q.expect()
}

func TestEachInTurn(t *testing.T) {
	q := newQueue(t)
	const n, room = 10, 3
	times := map[int]int{}
	for range n {
		a, b := pair(t)
		q.add(a, read, 0)
		send(t, b, "x")
	}
	for range n {
		for _, e := range q.wait(room, 0) {
			times[e.Ident]++
		}
	}
	if len(times) != n {
		t.Fatalf("%d of %d were reported", len(times), n)
	}
	for fd, got := range times {
		if got != room {
			t.Errorf("%d was reported %d times in %d rounds of %d, want %d", fd, got, n, room, room)
		}
	}
}

// blocked starts a wait in the background and returns once it is about to poll.
func (q queue) blocked(timeout time.Duration) (result <-chan []sys.Kevent) {
	polls, done := make(chan struct{}, 1), make(chan []sys.Kevent, 1)
	restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		if c.Op == sys.OpPoll {
			select {
			case polls <- struct{}{}:
			default:
			}
		}
		return 0
	}})
	defer restore()
	go func() { done <- q.wait(4, timeout) }()
	<-polls
	return done
}

func TestChangesDuringWait(t *testing.T) {
	q := newQueue(t)
	a, b := pair(t)
	c, d := pair(t)
	send(t, b, "x")
	send(t, d, "x")

	done := q.blocked(forever)
	q.add(a, read, 0)
	if got := <-done; len(got) != 1 || got[0].Ident != a {
		t.Errorf("added: got %+v", got)
	}
	q.change(a, read, del)

	done = q.blocked(forever)
	q.add(c, read, sys.EvClear)
	if got := <-done; len(got) != 1 || got[0].Ident != c {
		t.Errorf("added with EV_CLEAR: got %+v", got)
	}

	drain(t, a)
	q.add(a, read, 0)
	done = q.blocked(50 * time.Millisecond)
	q.change(a, read, del)
	send(t, b, "y")
	if got := <-done; len(got) != 0 {
		t.Errorf("deleted: got %+v", got)
	}
}

func TestTimeout(t *testing.T) {
	q := newQueue(t)
	a, _ := pair(t)
	q.add(a, read, 0)
	for _, d := range []time.Duration{0, 300 * time.Microsecond, 20 * time.Millisecond} {
		begin := time.Now()
		if got := q.wait(1, d); len(got) != 0 {
			t.Fatalf("got %+v", got)
		}
		if took := time.Since(begin); took < d {
			t.Errorf("a wait of %v took %v", d, took)
		}
	}
	q.try(a, read, sys.EvAdd) // with forever and no event list: at once
}

func TestSignalEndsWait(t *testing.T) {
	q := newQueue(t)
	restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		if c.Op == sys.OpPoll {
			return unix.EINTR
		}
		return 0
	}})
	defer restore()
	if _, errno := sys.KeventWait(q.kq, nil, make([]sys.Kevent, 1), forever); errno != unix.EINTR {
		t.Errorf("got %v, want EINTR", errno)
	}
}

func TestCloseFreesEverything(t *testing.T) {
	leaks(t)
	kq, errno := sys.NewKqueue()
	if errno != 0 {
		t.Fatal(errno)
	}
	q := queue{t, kq}
	a, _ := pair(t)
	q.add(a, read, sys.EvClear)
	q.add(a, write, sys.EvClear)
	if errno := sys.CloseKqueue(kq); errno != 0 {
		t.Error("close:", errno)
	}
	if errno := sys.CloseKqueue(kq); errno != unix.EBADF {
		t.Errorf("second close: %v, want EBADF", errno)
	}
	if errno := q.try(a, read, sys.EvAdd); errno != unix.EBADF {
		t.Errorf("kevent after close: %v, want EBADF", errno)
	}
}

func TestNoAllocation(t *testing.T) {
	q := newQueue(t)
	a, b := pair(t)
	q.add(a, read, 0)
	q.add(a, write, sys.EvClear)
	send(t, b, "x")
	events := make([]sys.Kevent, 4)
	if n := testing.AllocsPerRun(100, func() { sys.KeventWait(q.kq, nil, events, 0) }); n != 0 {
		t.Errorf("%v allocations a wait", n)
	}
}

// listener is a TCP socket that listens on the loopback.
func listener(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	must(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	must(t, unix.Listen(fd, 8))
	return fd
}

// connect is a client whose connection waits in l's backlog.
func connect(t *testing.T, l int) int {
	t.Helper()
	to, err := unix.Getsockname(l)
	must(t, err)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	t.Cleanup(func() { unix.Close(fd) })
	must(t, unix.Connect(fd, to))
	return fd
}
