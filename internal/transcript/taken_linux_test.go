package transcript

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// What was sent is taken when the server has read it and not before; the same for
// a listener that serves IPv4 and IPv6 at once.
func TestTaken(t *testing.T) {
	leaktest.Check(t)
	for _, s := range []struct{ network, listen string }{
		{"tcp", "127.0.0.1:0"}, {"tcp", "[::1]:0"}, {"tcp", "[::]:0"}, {"unix", serverAddress(t, "unix")}, {"unixpacket", serverAddress(t, "unixpacket")},
	} {
		ln, err := net.Listen(s.network, s.listen)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		address := ln.Addr().String()
		if s.listen == "[::]:0" {
			_, port, _ := net.SplitHostPort(address)
			address = "127.0.0.1:" + port
		}
		l, err := open(s.network, address, patience)
		if err != nil {
			t.Fatal(err)
		}
		defer l.close()
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := l.awaitTaken(); err != nil {
			t.Errorf("%v: %v, and nothing was sent", ln.Addr(), err)
		}
		if err := l.send("nope"); err != nil {
			t.Fatal(err)
		}
		if s.network == "tcp" { // once it has arrived, it is still not read
			awaitSent(t, l.conn)
			if n, found, err := peerUnread(l.conn); n != 4 || !found || err != nil {
				t.Errorf("%v: %d bytes are unread, %v, %v", ln.Addr(), n, found, err)
			}
		}
		if yes, err := isTaken(l.conn); yes || err != nil {
			t.Errorf("%v: taken %v, %v, and the server has not read it", ln.Addr(), yes, err)
		}
		l.patience = 10 * time.Millisecond
		if err := l.awaitTaken(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%v: got %v", ln.Addr(), err)
		}
		l.patience = patience
		if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		if err := l.awaitTaken(); err != nil {
			t.Errorf("%v: %v, and the server has read it", ln.Addr(), err)
		}
	}
}

// TAKEN keeps two chunks apart, though the server takes its time.
func TestTakenInAScript(t *testing.T) {
	leaktest.Check(t)
	for _, network := range []string{"tcp", "unix"} {
		address := serve(t, network, func(c half) {
			// The second chunk has its chance to catch up with the first.
			for end := time.Now().Add(100 * time.Millisecond); waiting(t, c) < len("onetwo") && time.Now().Before(end); {
				runtime.Gosched()
			}
			buf := make([]byte, 100)
			c.Read(buf) // not answered
			for {
				n, err := c.Read(buf)
				if err != nil {
					return
				}
				c.Write(buf[:n])
			}
		})
		s := script(t, "> \"one\"\n> TAKEN\n< NOTHING\n> \"two\"\n< \"two\"\n> EOF\n< EOF\n")
		Play(t, network, address, s)
		if made, err := Record(network, address, s); err != nil || made.String() != s.String() {
			t.Errorf("got:\n%v, %v", made, err)
		}
	}
}

// waiting is how many bytes a connection has for its reader.
func waiting(t *testing.T, c net.Conn) (n int) {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Error(err)
		return 0
	}
	_ = raw.Control(func(fd uintptr) {
		n, _, _ = unix.Recvfrom(int(fd), make([]byte, 100), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	})
	return n
}

// What nobody on this machine holds is not taken, and a socket that has no count
// is an error.
func TestTakenByNobody(t *testing.T) {
	leaktest.Check(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	l, err := open("tcp", ln.Addr().String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	c, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.(*net.TCPConn).SetLinger(0) // the socket is gone at once
	c.Close()
	if yes, err := isTaken(l.conn); yes || err != nil {
		t.Errorf("got %v, %v", yes, err)
	}
	ends, _ := net.Pipe()
	defer ends.Close()
	if yes, err := isTaken(ends); yes || !errors.Is(err, errTaken) {
		t.Errorf("of a pipe: %v, %v", yes, err)
	}
	l.close()
	if yes, err := isTaken(l.conn); yes || !errors.Is(err, net.ErrClosed) {
		t.Errorf("of a closed connection: %v, %v", yes, err)
	}
}

// awaitSent waits until the peer's kernel has acknowledged everything.
func awaitSent(t *testing.T, c net.Conn) {
	t.Helper()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	n, errno, end := 1, sys.Errno(0), time.Now().Add(patience)
	for n > 0 {
		if err := raw.Control(func(fd uintptr) { n, errno = sys.Unsent(int(fd)) }); err != nil || errno != 0 || time.Now().After(end) {
			t.Fatal(n, "bytes are on the way:", err, errno)
		}
	}
}
