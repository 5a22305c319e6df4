//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// listenAt listens in a group that serve has made.
func listenAt(t *testing.T, g *Group, address string, h Handler, o ListenOptions) *Listener {
	t.Helper()
	ln, err := g.Listen(address, h, o)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// socketPath is a path for a socket: short, and without what is special in a URL,
// as a test's name may have it.
func socketPath(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "iomux")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return filepath.Join(dir, "s")
}

// connect is dial for any address that a listener has.
func connect(t *testing.T, ln *Listener) net.Conn {
	t.Helper()
	c, err := net.Dial(ln.Addr().Network(), ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // some tests close it before
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// streams are addresses of every kind of stream that the system has.
func streams(t *testing.T) []string {
	list := []string{
		"tcp://127.0.0.1:0", "tcp4://127.0.0.1:0", "tcp://[::1]:0", "tcp6://[::1]:0",
		"tcp://0.0.0.0:0", "tcp://[::]:0", "tcp6://[::]:0", "tcp://localhost:0",
		"unix://" + socketPath(t),
	}
	if abstractNames {
		list = append(list, fmt.Sprintf("unix:@iomux-test-%d", unix.Getpid()))
	}
	return list
}

// Every stream echoes a megabyte, half-closed, on every backend; the URL that a
// listener tells is one that can be dialled.
func TestEveryStream(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := serve(t, o, echo)
		for _, address := range streams(t) {
			ln := listenAt(t, g, address, echo, ListenOptions{})
			c := connect(t, ln)
			text := strings.Repeat("0123456789abcdef", 4096)
			go func() {
				_, err := io.WriteString(c, text)
				if err == nil {
					err = c.(interface{ CloseWrite() error }).CloseWrite()
				}
				if err != nil {
					t.Error(address, err)
				}
			}()
			if got, err := io.ReadAll(c); err != nil || string(got) != text {
				t.Errorf("%s: got %d bytes and %v, want %d", address, len(got), err, len(text))
			}
			if a, err := parseAddress(ln.URL()); err != nil || a.String() != ln.URL() {
				t.Errorf("%s: its URL %s parses as %v, %v", address, ln.URL(), a, err)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			ln.Close()
		}
	})
}

// A socket for all of IPv6 takes IPv4 too, tcp6 does not: N6.
func TestDualStack(t *testing.T) {
	leaktest.Check(t)
	g, _, _ := serve(t, Options{Loops: 1}, echo)
	for _, test := range []struct {
		address string
		v4      bool
	}{{"tcp://[::]:0", true}, {"tcp6://[::]:0", false}} {
		ln := listenAt(t, g, test.address, echo, ListenOptions{})
		port := ln.Addr().(*net.TCPAddr).Port
		for host, want := range map[string]bool{"::1": true, "127.0.0.1": test.v4} {
			c, err := net.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(port)))
			if (err == nil) != want {
				t.Errorf("%s: dial %s: %v", test.address, host, err)
			}
			if err == nil {
				roundTrip(t, c, "hello")
				_ = c.Close() // read from to the end
			}
		}
	}
}

// Both sides of a connection see addresses, of IPv4 as IPv4 on a socket for both.
func TestAddressesOfBothFamilies(t *testing.T) {
	leaktest.Check(t)
	conns := make(chan string, 1)
	g, _, _ := serve(t, Options{Loops: 1}, NopHandler{})
	h := handler{opened: func(c *Conn) { conns <- c.RemoteAddr().String() + " " + c.LocalAddr().String() }}
	ln := listenAt(t, g, "tcp://[::]:0", h, ListenOptions{})
	port := ln.Addr().(*net.TCPAddr).Port
	for _, host := range []string{"127.0.0.1", "::1"} {
		c, err := net.Dial("tcp", net.JoinHostPort(host, fmt.Sprint(port)))
		if err != nil {
			t.Fatal(err)
		}
		want := c.LocalAddr().String() + " " + c.RemoteAddr().String()
		if got := receive(t, conns); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		_ = c.Close() // nothing was sent
	}
}

// Messages keep their bounds both ways, whatever is gathered or waits.
func TestMessages(t *testing.T) {
	if !seqpackets {
		return // the system has none, which the documentation says
	}
	everywhere(t, func(t *testing.T, o Options) {
		var sizes []int
		done := make(chan error, 1)
		g, _, _ := serve(t, o, NopHandler{})
		ln := listenAt(t, g, "unixpacket://"+socketPath(t), handler{
			data: func(c *Conn, p []byte) int {
				sizes = append(sizes, len(p))
				for range 200 { // more than the kernel takes: some wait
					if _, err := c.Write(p); err != nil {
						t.Error(err)
					}
				}
				return len(p) / 2 // of a message the rest is dropped
			},
			closed: func(_ *Conn, err error) { done <- err },
		}, ListenOptions{})
		c := connect(t, ln)
		want := []int{1, 70, 3000, 20000, 5}
		for _, n := range want {
			if n > 5000 {
				// 200 of these would exceed the write limit; the handler has an
				// error for it, so they are read meanwhile.
				n = 4000
			}
			if _, err := c.Write(make([]byte, n)); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 1<<16)
			for i := range 200 {
				if got, err := c.Read(buf); err != nil || got != n {
					t.Fatalf("message %d of %d bytes: got %d and %v", i, n, got, err)
				}
			}
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if err := receive(t, done); !errors.Is(err, io.EOF) {
			t.Errorf("closed with %v, want io.EOF", err)
		}
		if len(sizes) != len(want) {
			t.Errorf("Data was called %d times for %d messages", len(sizes), len(want))
		}
	})
}

// A message that is too long for the kernel is refused, and the connection stays;
// one that is too long for the loop's buffer ends it, for it has been cut.
func TestLongMessages(t *testing.T) {
	if !seqpackets {
		return // the system has none, which the documentation says
	}
	everywhere(t, func(t *testing.T, o Options) {
		conns, ends := make(chan *Conn, 1), make(chan error, 1)
		g, _, _ := serve(t, o, NopHandler{})
		ln := listenAt(t, g, "unixpacket://"+socketPath(t), handler{
			opened: func(c *Conn) { conns <- c },
			closed: func(_ *Conn, err error) { ends <- err },
		}, ListenOptions{})
		c := connect(t, ln)
		conn := receive(t, conns)
		onLoop(t, conn.Loop(), func() {
			for _, n := range []int{maxMessage + 1, maxMessage} {
				if _, err := conn.Write(make([]byte, n)); !errors.Is(err, ErrMessageSize) {
					t.Errorf("%d bytes: got %v, want ErrMessageSize", n, err)
				}
			}
			if n, err := conn.Write([]byte("fits")); n != 4 || err != nil {
				t.Errorf("got %d and %v", n, err)
			}
		})
		expect(t, c, "fits")
		if _, err := c.Write(make([]byte, readSize+1)); err != nil {
			t.Fatal(err)
		}
		if err := receive(t, ends); !errors.Is(err, ErrTruncated) {
			t.Errorf("closed with %v, want ErrTruncated", err)
		}
	})
}

// Who connects to a Unix socket is known, and can be refused: U4.
func TestCredentials(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		creds := make(chan Credentials, 1)
		h := handler{opened: func(c *Conn) {
			cred, err := c.Credentials()
			if err != nil {
				t.Error(err)
			}
			creds <- cred
		}}
		g, _, log := serve(t, o, NopHandler{})
		ln := listenAt(t, g, "unix://"+socketPath(t), h, ListenOptions{})
		connect(t, ln)
		if cred := receive(t, creds); cred.UID != uint32(unix.Getuid()) || cred.PID != unix.Getpid() {
			t.Errorf("got %+v, want user %d, process %d", cred, unix.Getuid(), unix.Getpid())
		}
		asked := make(chan Credentials, 1)
		refused := listenAt(t, g, "unix://"+socketPath(t), echo, ListenOptions{
			AllowPeer: func(c Credentials) bool { asked <- c; return false },
		})
		expectEnd(t, connect(t, refused))
		if cred := receive(t, asked); cred.UID != uint32(unix.Getuid()) {
			t.Errorf("AllowPeer got %+v", cred)
		}
		if log.count("its user is not allowed") != 1 {
			t.Error("the refusal was not logged")
		}
		if n := g.Stats().Refused; n > 1 {
			t.Errorf("%d refused, want 1 at most, as the turn may not be over", n)
		}
	})
}

// Options arrive at the sockets that are accepted and dialled.
func TestSocketOptions(t *testing.T) {
	leaktest.Check(t)
	g, _, _ := serve(t, Options{Loops: 1}, NopHandler{})
	type value struct{ level, opt, want int }
	check := func(c *Conn, values []value) {
		for _, v := range values {
			got, err := unix.GetsockoptInt(int(c.fd), v.level, v.opt)
			if err != nil || got != v.want {
				t.Errorf("option %d of level %d: got %d and %v, want %d", v.opt, v.level, got, err, v.want)
			}
		}
	}
	for _, test := range optionTests {
		conns := make(chan *Conn, 2)
		h := handler{opened: func(c *Conn) { conns <- c }}
		ln := listenAt(t, g, "tcp://127.0.0.1:0", h, ListenOptions{Socket: test.options})
		if _, err := g.Dial(ln.URL(), h, DialOptions{Socket: test.ofDial()}, func(err error) { t.Error(err) }); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			c := receive(t, conns)
			onLoop(t, c.Loop(), func() {
				for _, v := range test.want {
					check(c, []value{value(v)})
				}
			})
		}
		ln.Close()
	}
	for _, bad := range []SocketOptions{{DSCP: 64}, {ReadBuffer: -1}, {KeepAlive: KeepAlive{Count: 200}}, {UserTimeout: -1}} {
		if _, err := g.Listen("tcp://127.0.0.1:0", echo, ListenOptions{Socket: bad}); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: got %v, want ErrOption", bad, err)
		}
	}
	if _, err := g.Listen("unix://"+socketPath(t), echo, ListenOptions{Socket: SocketOptions{DSCP: 1}}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("DSCP of a Unix socket: got %v, want ErrUnsupported", err)
	}
}
