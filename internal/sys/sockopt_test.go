//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// tcpPair is a connection of IPv4 within this machine, both ends non-blocking,
// which are closed in the end.
func tcpPair(t testing.TB) (client, server int) {
	t.Helper()
	l, e := Socket(unix.AF_INET, unix.SOCK_STREAM)
	ok(t, e)
	defer Close(l)
	ok(t, Bind(l, netip.MustParseAddrPort("127.0.0.1:0")))
	ok(t, Listen(l, 1))
	addr, e := Getsockname(l)
	ok(t, e)
	client, e = Socket(unix.AF_INET, unix.SOCK_STREAM)
	ok(t, e)
	t.Cleanup(func() { _ = unix.Close(client) })
	if e := Connect(client, addr); e != 0 && e != unix.EINPROGRESS {
		t.Fatal(e)
	}
	await(t, l)
	server, peer, e := Accept(l)
	ok(t, e)
	t.Cleanup(func() { _ = unix.Close(server) })
	if e := SocketError(client); e != 0 {
		t.Fatalf("connected: %v", e)
	}
	if own, e := Getsockname(client); own != peer || e != 0 {
		t.Fatalf("the client is %v, %v, and %v to the server", own, e, peer)
	}
	if other, e := Getpeername(client); other != addr || e != 0 {
		t.Fatalf("connected to %v, %v, which is %v", other, e, addr)
	}
	return client, server
}

func TestConnect(t *testing.T) {
	leaktest.Check(t)
	tcpPair(t)
	// Where nobody listens: at once, or from SO_ERROR and once.
	gone, e := Socket(unix.AF_INET, unix.SOCK_STREAM)
	ok(t, e)
	ok(t, Bind(gone, netip.MustParseAddrPort("127.0.0.1:0")))
	addr, e := Getsockname(gone)
	ok(t, e)
	ok(t, Close(gone))
	fd, e := Socket(unix.AF_INET, unix.SOCK_STREAM)
	ok(t, e)
	defer Close(fd)
	if e := Connect(fd, addr); e == unix.EINPROGRESS {
		await(t, fd)
		if e := SocketError(fd); e != unix.ECONNREFUSED {
			t.Errorf("nobody listens: %v", e)
		}
		if e := SocketError(fd); e != 0 {
			t.Errorf("asked again: %v", e)
		}
	} else if e != unix.ECONNREFUSED {
		t.Errorf("nobody listens: %v", e)
	}
	if _, e := Getpeername(fd); e != unix.ENOTCONN && e != unix.EINVAL {
		t.Errorf("the peer of none: %v", e)
	}
	if e := SocketError(-1); e != unix.EBADF {
		t.Errorf("SocketError of no descriptor: %v", e)
	}
}

// A close with a linger of 0 throws away what was written and resets.
func TestSetLinger(t *testing.T) {
	for _, reset := range []bool{false, true} {
		client, server := tcpPair(t)
		if reset {
			ok(t, SetLinger(server, 0))
		}
		if l, err := unix.GetsockoptLinger(server, unix.SOL_SOCKET, lingerSeconds); err != nil || (l.Onoff != 0) != reset || l.Linger != 0 {
			t.Errorf("reset %v: %+v, %v", reset, l, err)
		}
		ok(t, Close(server))
		await(t, client)
		n, e := Read(client, make([]byte, 1))
		if want := unix.ECONNRESET; reset && e != want || !reset && (n != 0 || e != 0) {
			t.Errorf("reset %v: %d, %v", reset, n, e)
		}
	}
	client, _ := tcpPair(t)
	ok(t, SetLinger(client, 7))
	if l, err := unix.GetsockoptLinger(client, unix.SOL_SOCKET, lingerSeconds); err != nil || l.Onoff == 0 || l.Linger != 7 {
		t.Errorf("%+v, %v", l, err)
	}
}

// What was written and not taken by the peer's kernel is counted, to the byte
// of TCP, and is nothing in the end.
func TestUnsent(t *testing.T) {
	client, server := tcpPair(t)
	if n, e := Unsent(client); e == unix.ENOTSUP {
		t.Skip("this system cannot tell")
	} else if n != 0 || e != 0 {
		t.Errorf("nothing written: %d, %v", n, e)
	}
	p := make([]byte, 1<<16)
	written := 0
	for {
		n, e := Write(client, p)
		if e == unix.EAGAIN {
			break
		}
		ok(t, e)
		written += n
	}
	// How much the other side holds already changes under way.
	if n, e := Unsent(client); n <= 0 || n >= written || e != 0 {
		t.Errorf("%d of %d, %v", n, written, e)
	}
	for read := 0; read < written; {
		await(t, server)
		n, e := Read(server, p)
		ok(t, e)
		read += n
	}
	for end := time.Now().Add(10 * time.Second); ; runtime.Gosched() {
		n, e := Unsent(client)
		ok(t, e)
		if n == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d are left of what was read", n)
		}
	}
}

// Each kind of socket is told from the others, and from what is none.
func TestSocketKind(t *testing.T) {
	leaktest.Check(t)
	dir := t.TempDir()
	for i, c := range []struct {
		family, typ int
		listen      bool
	}{
		{unix.AF_INET, unix.SOCK_STREAM, false},
		{unix.AF_INET, unix.SOCK_STREAM, true},
		{unix.AF_INET6, unix.SOCK_STREAM, true},
		{unix.AF_INET, unix.SOCK_DGRAM, false},
		{unix.AF_INET6, unix.SOCK_DGRAM, false},
		{unix.AF_UNIX, unix.SOCK_STREAM, true},
		{unix.AF_UNIX, unix.SOCK_SEQPACKET, true},
		{unix.AF_UNIX, unix.SOCK_DGRAM, false},
	} {
		fd, e := Socket(c.family, c.typ)
		if e == unix.EPROTONOSUPPORT || e == unix.EAFNOSUPPORT {
			t.Logf("%s, %s: %v", familyName(c.family), typeName(c.typ), e)
			continue
		}
		ok(t, e)
		defer Close(fd)
		switch c.family {
		case unix.AF_UNIX:
			ok(t, BindUnix(fd, filepath.Join(dir, string(rune('a'+i)))))
		case unix.AF_INET:
			ok(t, Bind(fd, netip.MustParseAddrPort("127.0.0.1:0")))
		}
		if c.listen {
			ok(t, Listen(fd, 1))
		} else if c.typ == unix.SOCK_STREAM && runtime.GOOS == "darwin" {
			continue // it cannot tell
		}
		family, typ, listening, e := SocketKind(fd)
		if family != c.family || typ != c.typ || listening != c.listen || e != 0 {
			t.Errorf("%s, %s, listening %v: it is %s, %s, listening %v, %v", familyName(c.family), typeName(c.typ), c.listen,
				familyName(family), typeName(typ), listening, e)
		}
		// Any of its calls may fail.
		calls := 0
		for fail := 1; fail == 1 || calls >= fail-1; fail++ {
			calls = 0
			restore := SetHooks(&Hooks{Fault: func(Call) Errno {
				if calls++; calls == fail {
					return unix.EDQUOT
				}
				return 0
			}})
			family, typ, listening, e := SocketKind(fd)
			restore()
			if calls == fail && (family != 0 || typ != 0 || listening || e != unix.EDQUOT) {
				t.Errorf("call %d failed: %d, %d, %v, %v", fail, family, typ, listening, e)
			}
			if calls < fail {
				break
			}
		}
		if calls < 2 {
			t.Errorf("%d calls", calls)
		}
	}
	client, server := tcpPair(t)
	for _, fd := range []int{client, server} {
		if _, _, listening, e := SocketKind(fd); listening || e != 0 {
			t.Errorf("a connection: listening %v, %v", listening, e)
		}
	}
	r, _ := pipe(t)
	if _, _, _, e := SocketKind(r); e != unix.ENOTSOCK {
		t.Errorf("a pipe: %v", e)
	}
	if _, _, _, e := SocketKind(-1); e != unix.EBADF {
		t.Errorf("none: %v", e)
	}
}

// The kernel says who is at the other end of a Unix socket: here it is us.
func TestPeerCredentials(t *testing.T) {
	leaktest.Check(t)
	l, where := listener(t, "")
	fd, e := Socket(unix.AF_UNIX, unix.SOCK_STREAM)
	ok(t, e)
	defer Close(fd)
	before, e := PeerCredentials(fd)
	if e == unix.ENOTSUP {
		t.Skip("this system cannot tell")
	}
	if e != unix.ENOTCONN && e != unix.EINVAL || before != (Credentials{}) {
		t.Errorf("of nobody: %+v, %v", before, e)
	}
	ok(t, ConnectUnix(fd, where.(*unix.SockaddrUnix).Name))
	conn, _, e := Accept(l)
	ok(t, e)
	defer Close(conn)
	want := Credentials{os.Getpid(), uint32(os.Geteuid()), uint32(os.Getegid())}
	for _, fd := range []int{fd, conn} {
		got, e := PeerCredentials(fd)
		if got.PID == 0 {
			got.PID = want.PID // some systems do not say
		}
		if got != want || e != 0 {
			t.Errorf("%+v, %v, want %+v", got, e, want)
		}
	}
	client, _ := tcpPair(t)
	if got, e := PeerCredentials(client); e == 0 || got != (Credentials{}) {
		t.Errorf("at the other end of TCP: %+v, %v", got, e)
	}
}
