//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"math"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Main(m)) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func ok(t testing.TB, e Errno) {
	t.Helper()
	if e != 0 {
		t.Fatal(errnoName(e))
	}
}

// pipe is a pipe's two non-blocking ends, which are closed in the end.
func pipe(t testing.TB) (r, w int) {
	t.Helper()
	var p [2]int
	check(t, unix.Pipe(p[:]))
	for _, fd := range p {
		check(t, unix.SetNonblock(fd, true))
		t.Cleanup(func() { _ = unix.Close(fd) })
	}
	return p[0], p[1]
}

func TestFDSet(t *testing.T) {
	var s FDSet
	if s.Has(0) || s.Has(5000) {
		t.Error("an empty set has a member")
	}
	s.Grow(0)
	if len(s)*wordBits < fdSetSize {
		t.Errorf("room for %d, and a C fd_set has %d", len(s)*wordBits, fdSetSize)
	}
	for _, fd := range []int{0, 1, 31, 32, 63, 64, 65, 1022, 1023, 1024, 1025, 4095, 4096, 70000} {
		s.Grow(fd)
		before := len(s)
		s.Grow(fd / 2)
		if len(s) != before {
			t.Errorf("Grow(%d) after Grow(%d) went from %d to %d words", fd/2, fd, before, len(s))
		}
		s.Set(fd)
		for _, near := range []int{fd - 1, fd, fd + 1, fd + wordBits} {
			if near < 0 {
				continue
			}
			if got := s.Has(near); got != (near == fd) {
				t.Errorf("with %d in it, Has(%d) = %v", fd, near, got)
			}
		}
		s.Clear(fd)
		if s.Has(fd) || slices.Max(s) != 0 {
			t.Errorf("%d is still there", fd)
		}
	}
	for fd := range 40 {
		s.Set(fd)
	}
	s.Clear(7)
	if got, want := s.list(), "0 1 2 3 4 5 6 8 9 10 11 12 13 14 15 16 …"; got != want {
		t.Errorf("list: %s, want %s", got, want)
	}
}

func TestCeilMillis(t *testing.T) {
	for _, c := range []struct {
		d    time.Duration
		want int
	}{
		{0, 0}, {1, 1}, {time.Microsecond, 1}, {999999, 1}, {time.Millisecond, 1}, {time.Millisecond + 1, 2},
		{1999999, 2}, {30100 * time.Microsecond, 31}, {time.Second, 1000},
		{math.MaxInt32 * time.Millisecond, math.MaxInt32}, {math.MaxInt32*time.Millisecond + 1, math.MaxInt32},
		{100 * 365 * 24 * time.Hour, math.MaxInt32}, {math.MaxInt64 - 1, math.MaxInt32},
	} {
		if got := ceilMillis(c.d); got != c.want {
			t.Errorf("%v: %d, want %d", c.d, got, c.want)
		}
	}
}

func TestText(t *testing.T) {
	for e, want := range map[Errno]string{unix.EAGAIN: "EAGAIN", unix.ECONNRESET: "ECONNRESET", 9999: "errno 9999"} {
		if got := errnoName(e); got != want {
			t.Errorf("%d: %s, want %s", e, got, want)
		}
	}
	if got := timeoutText(math.MaxInt64); got != "forever" {
		t.Error(got)
	}
	if got := timeoutText(1500 * time.Microsecond); got != "1.5ms" {
		t.Error(got)
	}
	if n, e := ret(7, os.ErrInvalid); n != -1 || e != unix.EINVAL {
		t.Errorf("an error that is no errno: %d, %v", n, e)
	}
}

// Poll and Select wait for as long as they are told, at least, whatever the
// unit of the system; a poll does not wait.
func TestTimeouts(t *testing.T) {
	r, w := pipe(t)
	var set FDSet
	set.Grow(r)
	calls := map[string]func(time.Duration) (int, Errno){
		"Poll": func(d time.Duration) (int, Errno) {
			return Poll([]unix.PollFd{{Fd: int32(r), Events: unix.POLLIN}}, d)
		},
		"Poll of nothing": func(d time.Duration) (int, Errno) {
			n, e := Poll(nil, d)
			return max(n, 0), e
		},
		"Select": func(d time.Duration) (int, Errno) {
			set.Set(r)
			x, y := slices.Clone(set), slices.Clone(set)
			clear(x)
			clear(y)
			return Select(r+1, slices.Clone(set), x, y, d)
		},
		"HoldForRead": func(d time.Duration) (int, Errno) { return 0, HoldForRead(r, d) },
	}
	for name, call := range calls {
		for _, d := range []time.Duration{0, 1, time.Microsecond, 300 * time.Microsecond, 1500 * time.Microsecond, 5 * time.Millisecond} {
			for {
				start := time.Now()
				n, e := call(d)
				took := time.Since(start)
				if e == unix.EINTR {
					continue // Go's own signals; the pollers see to it
				}
				if n != 0 || e != 0 || took < d {
					t.Errorf("%s(%v) = %d, %v after %v", name, d, n, e, took)
				}
				break
			}
		}
	}
	_, err := unix.Write(w, []byte("x"))
	check(t, err)
	for name, call := range calls {
		if name == "Poll of nothing" {
			continue
		}
		for _, d := range []time.Duration{0, time.Hour, 200 * 365 * 24 * time.Hour, math.MaxInt64} {
			if d == math.MaxInt64 && name == "HoldForRead" {
				continue // it takes no such timeout
			}
			n, e := call(d)
			for e == unix.EINTR {
				n, e = call(d)
			}
			if e != 0 || name != "HoldForRead" && n != 1 {
				t.Errorf("%s(%v) = %d, %v with something there", name, d, n, e)
			}
		}
	}
}

// listener is one for TCP on the given loopback address, or for addr "" on a
// path of the file system.
func listener(t *testing.T, addr string) (fd int, where unix.Sockaddr) {
	t.Helper()
	family := unix.AF_UNIX
	where = &unix.SockaddrUnix{Name: t.TempDir() + "/s"}
	if addr != "" {
		a := netip.AddrPortFrom(netip.MustParseAddr(addr), 0)
		family, where = Family(a), sockaddr(a)
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	check(t, err)
	t.Cleanup(func() { _ = unix.Close(fd) })
	unix.CloseOnExec(fd)
	check(t, unix.Bind(fd, where))
	check(t, unix.Listen(fd, 128))
	where, err = unix.Getsockname(fd)
	check(t, err)
	return fd, where
}

// Accept says who called, and its answer is non-blocking and close-on-exec. It
// allocates nothing where this package decodes the address itself.
func TestAccept(t *testing.T) {
	for _, c := range []struct{ name, addr string }{{"IPv4", "127.0.0.1"}, {"IPv6", "::1"}, {"unix", ""}} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "IPv6" {
				probe, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM, 0)
				check(t, err)
				err = unix.Bind(probe, &unix.SockaddrInet6{Addr: [16]byte{15: 1}})
				_ = unix.Close(probe)
				if err != nil {
					t.Skipf("no ::1 on this system (%v): the decoding of a peer's IPv6 address is tested in TestRawAddrPort only", err)
				}
			}
			l, where := listener(t, c.addr)
			call := func() (client int, want netip.AddrPort) {
				family := unix.AF_UNIX
				if c.addr != "" {
					family = Family(netip.AddrPortFrom(netip.MustParseAddr(c.addr), 0))
				}
				client, err := unix.Socket(family, unix.SOCK_STREAM, 0)
				check(t, err)
				check(t, unix.Connect(client, where))
				sa, err := unix.Getsockname(client)
				check(t, err)
				return client, addrPort(sa)
			}
			client, want := call()
			conn, peer, e := Accept(l)
			ok(t, e)
			if peer != want || peer.IsValid() != (c.addr != "") {
				t.Errorf("peer %v, want %v", peer, want)
			}
			flags, err := unix.FcntlInt(uintptr(conn), unix.F_GETFL, 0)
			check(t, err)
			if flags&unix.O_NONBLOCK == 0 {
				t.Error("it blocks")
			}
			flags, err = unix.FcntlInt(uintptr(conn), unix.F_GETFD, 0)
			check(t, err)
			if flags&unix.FD_CLOEXEC == 0 {
				t.Error("a child would get it")
			}
			ok(t, Close(conn))
			ok(t, Close(client))

			check(t, unix.SetNonblock(l, true))
			if conn, peer, e := Accept(l); conn != -1 || e != unix.EAGAIN || peer.IsValid() {
				t.Errorf("with nobody there: %d, %v, %v", conn, peer, e)
			}

			const many = 50
			clients, conns := make([]int, many+1), make([]int, 0, many+1)
			for i := range clients {
				clients[i], _ = call()
			}
			n := testing.AllocsPerRun(many, func() {
				conn, _, e := Accept(l)
				if e == 0 {
					conns = append(conns, conn)
				}
			})
			for _, fd := range slices.Concat(clients, conns) {
				ok(t, Close(fd))
			}
			if len(conns) != len(clients) {
				t.Errorf("%d of %d were accepted", len(conns), len(clients))
			}
			if n != 0 && acceptAllocatesNothing {
				t.Errorf("%v allocations a connection", n)
			}
		})
	}
}

func TestSockaddr(t *testing.T) {
	for _, s := range []string{"127.0.0.1:80", "0.0.0.0:0", "[::1]:65535", "[fe80::1%3]:7", "[2001:db8::5]:1"} {
		a := netip.MustParseAddrPort(s)
		if got := addrPort(sockaddr(a)); got != a {
			t.Errorf("%v came back as %v", a, got)
		}
	}
	mapped := netip.MustParseAddrPort("[::ffff:10.1.2.3]:9")
	if got := addrPort(sockaddr(mapped)); got.String() != "10.1.2.3:9" || Family(mapped) != unix.AF_INET {
		t.Errorf("%v came back as %v, family %d", mapped, got, Family(mapped))
	}
	if got := addrPort(&unix.SockaddrUnix{Name: "/x"}); got.IsValid() {
		t.Errorf("a path became %v", got)
	}
}

// Reading and writing as the pollers' owners do.
func TestReadWrite(t *testing.T) {
	r, w := pipe(t)
	buf := make([]byte, 64)
	if n, e := Read(r, buf); n != -1 || e != unix.EAGAIN {
		t.Errorf("Read of an empty pipe: %d, %v", n, e)
	}
	if n, e := Write(w, []byte("abc")); n != 3 || e != 0 {
		t.Errorf("Write: %d, %v", n, e)
	}
	if n, e := Writev(w, [][]byte{[]byte("d"), {}, nil, []byte("ef")}); n != 3 || e != 0 {
		t.Errorf("Writev: %d, %v", n, e)
	}
	if n, e := Read(r, buf); n != 6 || e != 0 || string(buf[:6]) != "abcdef" {
		t.Errorf("Read: %d, %v, %q", n, e, buf[:max(n, 0)])
	}
	if n, e := Read(r, nil); n > 0 || e != 0 && e != unix.EAGAIN {
		t.Errorf("Read into nothing: %d, %v", n, e)
	}
	// More pieces than one call takes: the first of them.
	many := make([][]byte, MaxPieces+10)
	for i := range many {
		many[i] = []byte{byte(i)}
	}
	if n, e := Writev(w, many); n != MaxPieces || e != 0 {
		t.Errorf("Writev of %d pieces: %d, %v", len(many), n, e)
	}
	ok(t, Close(w))
	if n, e := Read(r, make([]byte, 100)); n != MaxPieces || e != 0 {
		t.Errorf("Read: %d, %v", n, e)
	}
	if n, e := Read(r, buf); n != 0 || e != 0 {
		t.Errorf("Read at the end: %d, %v", n, e)
	}
	if n, e := Read(w, buf); n != -1 || e != unix.EBADF {
		t.Errorf("Read of what is closed: %d, %v", n, e)
	}
}

func TestFiles(t *testing.T) {
	leaktest.Check(t)
	r, _ := pipe(t)
	d, e := Dup(r)
	ok(t, e)
	if !IsOpen(d) {
		t.Error("a dup is not open")
	}
	flags, err := unix.FcntlInt(uintptr(d), unix.F_GETFD, 0)
	check(t, err)
	if flags&unix.FD_CLOEXEC == 0 {
		t.Error("a child would get the dup")
	}
	ok(t, Close(d))
	if IsOpen(d) || IsOpen(-1) {
		t.Error("what is closed is open")
	}
	if _, e := Dup(d); e != unix.EBADF {
		t.Errorf("Dup of what is closed: %v", e)
	}
	if e := Close(d); e != unix.EBADF {
		t.Errorf("Close of what is closed: %v", e)
	}
	null, e := OpenNull()
	ok(t, e)
	ok(t, SetNonblock(null))
	ok(t, Close(null))
}

// The cost of the hooks when there are none, on a read that finds nothing: the
// plainest call there is.
func BenchmarkRead(b *testing.B) {
	r, _ := pipe(b)
	buf := make([]byte, 512)
	b.Run("sys.Read", func(b *testing.B) {
		for b.Loop() {
			if _, e := Read(r, buf); e != unix.EAGAIN {
				b.Fatal(e)
			}
		}
	})
	b.Run("unix.Read", func(b *testing.B) {
		for b.Loop() {
			if _, err := unix.Read(r, buf); err != unix.EAGAIN {
				b.Fatal(err)
			}
		}
	})
	benchmarkRawRead(b, r, buf)
	b.Run("sys.Read, traced", func(b *testing.B) {
		defer SetHooks(&Hooks{Trace: func(Call) {}})()
		for b.Loop() {
			if _, e := Read(r, buf); e != unix.EAGAIN {
				b.Fatal(e)
			}
		}
	})
}
