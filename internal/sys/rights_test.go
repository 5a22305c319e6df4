//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// unixPair is two connected, non-blocking Unix stream sockets, which are closed
// in the end.
func unixPair(t testing.TB) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	check(t, err)
	for _, fd := range fds {
		check(t, unix.SetNonblock(fd, true))
		t.Cleanup(func() { _ = unix.Close(fd) })
	}
	return fds[0], fds[1]
}

// pipes are n pipes with one byte in each, its number, and returns the ends to
// read from.
func pipes(t testing.TB, n int) (list []int) {
	t.Helper()
	for i := range n {
		r, w := pipe(t)
		_, e := Write(w, []byte{byte(i)})
		ok(t, e)
		list = append(list, r)
	}
	return list
}

// closeOnExec reports whether the descriptor has the flag.
func closeOnExec(t testing.TB, fd int) bool {
	t.Helper()
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	check(t, err)
	return flags&unix.FD_CLOEXEC != 0
}

// What comes out at the other end are other numbers for the same descriptions,
// in order and close-on-exec, and they live on when the sender's are closed.
func TestRights(t *testing.T) {
	leaktest.Check(t)
	a, b := unixPair(t)
	for _, count := range []int{1, 2, 3, MaxRights - 1, MaxRights} {
		var sent []int
		for _, r := range pipes(t, count) {
			d, e := Dup(r)
			ok(t, e)
			sent = append(sent, d)
		}
		n, e := SendRights(a, []byte("ab"), sent)
		ok(t, e)
		if n != 2 {
			t.Errorf("%d descriptors: sent %d bytes", count, n)
		}
		for _, d := range sent {
			ok(t, Close(d))
		}
		p, files := make([]byte, 10), make([]int, MaxRights)
		n, got, cut, e := RecvRights(b, p, files)
		ok(t, e)
		if string(p[:n]) != "ab" || got != count || cut {
			t.Fatalf("%d descriptors: got %q and %d, cut: %v", count, p[:n], got, cut)
		}
		for i, fd := range files[:got] {
			if !closeOnExec(t, fd) {
				t.Errorf("descriptor %d of %d is not close-on-exec", i, count)
			}
			if n, e := Read(fd, p); n != 1 || e != 0 || p[0] != byte(i) {
				t.Errorf("descriptor %d of %d: read %d, %v, %d", i, count, n, e, p[0])
			}
			ok(t, Close(fd))
		}
	}
}

// Descriptors that nobody has asked for are closed, whether there is too little
// room for them, of which the control buffer always has some to spare, or they
// come into a plain read.
func TestRightsNotAskedFor(t *testing.T) {
	leaktest.Check(t)
	a, b := unixPair(t)
	list := pipes(t, 5)
	for count := 1; count <= len(list); count++ {
		for room := range count {
			_, e := SendRights(a, []byte("a"), list[:count])
			ok(t, e)
			files := make([]int, room)
			n, got, cut, e := RecvRights(b, make([]byte, 1), files)
			ok(t, e)
			if n != 1 || got != room || !cut {
				t.Errorf("room for %d of %d: %d bytes and %d descriptors, cut: %v", room, count, n, got, cut)
			}
			for _, fd := range files[:got] {
				ok(t, Close(fd))
			}
		}
	}
	for range 100 {
		_, e := SendRights(a, []byte("a"), list)
		ok(t, e)
		if n, e := Read(b, make([]byte, 1)); n != 1 || e != 0 {
			t.Fatalf("%d, %v", n, e)
		}
	}
}

func TestRightsOfNothing(t *testing.T) {
	leaktest.Check(t)
	a, b := unixPair(t)
	p, files := make([]byte, 1), make([]int, 1)
	if n, got, cut, e := RecvRights(b, p, files); n != -1 || got != 0 || cut || e != unix.EAGAIN {
		t.Errorf("nothing there: %d, %d, %v, %v", n, got, cut, e)
	}
	check(t, unix.Shutdown(a, unix.SHUT_WR))
	if n, got, cut, e := RecvRights(b, p, files); n != 0 || got != 0 || cut || e != 0 {
		t.Errorf("the end: %d, %d, %v, %v", n, got, cut, e)
	}
	if n, e := SendRights(a, p, []int{a}); n != -1 || e != unix.EPIPE {
		t.Errorf("behind the end: %d, %v", n, e)
	}
	if n, e := SendRights(b, p, []int{-1}); n != -1 || e != unix.EBADF {
		t.Errorf("a descriptor that is none: %d, %v", n, e)
	}
}

func TestSetCloexec(t *testing.T) {
	f, err := os.Open(os.DevNull)
	check(t, err)
	defer f.Close()
	d, err := unix.Dup(int(f.Fd()))
	check(t, err)
	defer unix.Close(d)
	if closeOnExec(t, d) {
		t.Fatal("dup(2) has set it")
	}
	ok(t, SetCloexec(d))
	if !closeOnExec(t, d) {
		t.Error("it is not set")
	}
	if e := SetCloexec(-1); e != unix.EBADF {
		t.Errorf("a descriptor that is none: %v", e)
	}
}
