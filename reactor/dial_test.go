//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// outcome is what becomes of a Dial.
type outcome struct {
	conn *Conn
	err  error
}

// dialing dials and returns where the outcome comes.
func dialing(t *testing.T, l *Loop, address string, h handler, o DialOptions) (*Dial, <-chan outcome) {
	t.Helper()
	ch := make(chan outcome, 2)
	opened := h.opened
	h.opened = func(c *Conn) {
		ch <- outcome{conn: c}
		if opened != nil {
			opened(c)
		}
	}
	d, err := l.Dial(address, h, o, func(err error) { ch <- outcome{err: err} })
	if err != nil {
		t.Fatal(err)
	}
	return d, ch
}

// A loop dials itself, over every stream, from a callback, and talks to itself: it
// never blocks (N10, peers' deadlocks of a dial in a callback).
func TestDial(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := serve(t, o, NopHandler{})
		l := g.loops[0]
		for _, address := range streams(t) {
			ln := listenAt(t, g, address, echo, ListenOptions{})
			got := make(chan string, 1)
			var text strings.Builder
			client := handler{
				opened: func(c *Conn) { _, _ = io.WriteString(c, "over "); _, _ = io.WriteString(c, address) },
				data: func(c *Conn, p []byte) int {
					text.Write(p)
					if text.Len() == len("over ")+len(address) {
						got <- text.String()
						c.Close()
					}
					return len(p)
				},
			}
			url := strings.Replace(strings.Replace(ln.URL(), "0.0.0.0", "127.0.0.1", 1), "[::]", "[::1]", 1)
			onLoop(t, l, func() {
				if _, err := l.Dial(url, client, DialOptions{}, func(err error) { t.Error(err) }); err != nil {
					t.Error(err)
				}
			})
			if s := receive(t, got); s != "over "+address {
				t.Errorf("%s: got %q", address, s)
			}
			ln.Close()
		}
		onLoop(t, l, func() {
			if len(l.dials) != 0 {
				t.Errorf("%d dials are left", len(l.dials))
			}
		})
	})
}

// What does not come about is told once, with the kernel's reason.
func TestDialFails(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, _ := serve(t, o, NopHandler{})
		l := g.loops[0]
		closed := ln.URL()
		ln.Close()
		onLoop(t, l, func() {})
		for _, test := range []struct {
			address string
			want    error
		}{
			{closed, unix.ECONNREFUSED},
			{"unix://" + socketPath(t), unix.ENOENT},
			{"tcp://no.such.host.invalid:1", ErrAddress},
			{"tcp4://[::1]:1", ErrAddress},
		} {
			_, ch := dialing(t, l, test.address, handler{}, DialOptions{})
			out := receive(t, ch)
			if !errors.Is(out.err, test.want) {
				t.Errorf("%s: got %v, want %v", test.address, out.err, test.want)
			}
			if out.err != nil && !strings.Contains(out.err.Error(), "dial "+strings.SplitN(test.address, ":", 2)[0]) {
				t.Errorf("%s: the error does not name it: %v", test.address, out.err)
			}
		}
		for _, bad := range []string{"", "tcp://", "udp://127.0.0.1:1", "http://127.0.0.1:1", "unixgram:///x"} {
			if _, err := l.Dial(bad, echo, DialOptions{}, func(error) {}); !errors.Is(err, ErrAddress) {
				t.Errorf("%q: got %v, want ErrAddress", bad, err)
			}
		}
		if _, err := l.Dial(closed, nil, DialOptions{}, func(error) {}); !errors.Is(err, ErrOption) {
			t.Errorf("no handler: got %v, want ErrOption", err)
		}
		if _, err := l.Dial(closed, echo, DialOptions{Timeout: -1}, func(error) {}); !errors.Is(err, ErrOption) {
			t.Errorf("negative timeout: got %v, want ErrOption", err)
		}
	})
}

// blackHole is the address of a listener whose queue is full: connects to it are
// never answered.
func blackHole(t *testing.T) string {
	t.Helper()
	fd, errno := sys.Socket(unix.AF_INET, unix.SOCK_STREAM)
	if errno != 0 {
		t.Fatal(errno)
	}
	fds := []int{fd}
	t.Cleanup(func() {
		for _, fd := range fds {
			_ = sys.Close(fd) // nothing went through it
		}
	})
	if errno := sys.Bind(fd, netip.MustParseAddrPort("127.0.0.1:0")); errno != 0 {
		t.Fatal(errno)
	}
	if errno := sys.Listen(fd, 0); errno != 0 {
		t.Fatal(errno)
	}
	addr, errno := sys.Getsockname(fd)
	if errno != 0 {
		t.Fatal(errno)
	}
	for range 4 {
		c, errno := sys.Socket(unix.AF_INET, unix.SOCK_STREAM)
		if errno != 0 {
			t.Fatal(errno)
		}
		fds = append(fds, c)
		if errno := sys.Connect(c, addr); errno != 0 && errno != unix.EINPROGRESS {
			t.Fatal(errno)
		}
	}
	return "tcp://" + addr.String()
}

// A dial that nobody answers times out, or is cancelled, and leaves nothing.
func TestDialTimesOut(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		clock := &fakeClock{now: time.Unix(1_000_000, 0)}
		o.clock = clock.read
		g, _, _ := serve(t, o, NopHandler{})
		l := g.loops[0]
		hole := blackHole(t)
		_, ch := dialing(t, l, hole, handler{}, DialOptions{Timeout: time.Second})
		canceled, other := dialing(t, l, hole, handler{}, DialOptions{Timeout: time.Hour})
		onLoop(t, l, func() {}) // they have begun
		clock.pass(t, l, time.Second-1)
		select {
		case out := <-ch:
			t.Fatalf("early: %v", out.err)
		default:
		}
		clock.pass(t, l, 1)
		if out := receive(t, ch); !errors.Is(out.err, ErrTimeout) {
			t.Errorf("got %v, want ErrTimeout", out.err)
		}
		canceled.Cancel()
		canceled.Cancel()
		if out := receive(t, other); !errors.Is(out.err, ErrCanceled) {
			t.Errorf("got %v, want ErrCanceled", out.err)
		}
		onLoop(t, l, func() {
			if len(l.dials) != 0 || len(l.alarms) != 0 {
				t.Errorf("%d dials and %d alarms are left", len(l.dials), len(l.alarms))
			}
		})
	})
}

// Shutdown ends what is still being dialled.
func TestShutdownEndsDials(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := serve(t, o, NopHandler{})
		hole := blackHole(t)
		_, ch := dialing(t, g.loops[0], hole, handler{}, DialOptions{})
		onLoop(t, g.loops[0], func() {})
		if err := g.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if out := receive(t, ch); out.err == nil {
			t.Error("it was said to be connected")
		}
		if _, err := g.loops[0].Dial(hole, echo, DialOptions{}, func(error) {}); !errors.Is(err, ErrClosed) {
			t.Errorf("dial after the end: %v, want ErrClosed", err)
		}
	})
}

// Several addresses are tried in turn, and the first that answers is taken; if
// none does, the first one's error is told.
func TestDialInTurn(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, _ := serve(t, o, echo)
		l := g.loops[0]
		port := netip.MustParseAddrPort(ln.Addr().String()).Port()
		attempts := 0
		onLoop(t, l, func() {
			hook(t, &sys.Hooks{Trace: func(c sys.Call) {
				if c.Op == sys.OpConnect {
					attempts++
				}
			}})
		})
		for _, hosts := range [][]string{{"127.0.0.9", "127.0.0.1", "127.0.0.8"}, {"127.0.0.9", "127.0.0.8"}} {
			ch := make(chan outcome, 1)
			h := handler{opened: func(c *Conn) { ch <- outcome{conn: c}; c.Close() }}
			attempts = 0
			onLoop(t, l, func() {
				a, err := parseAddress("tcp://many.invalid:1")
				if err != nil {
					t.Error(err)
				}
				d := &Dial{loop: l, address: a, options: DialOptions{Timeout: time.Minute}, fd: -1,
					failed: func(err error) { ch <- outcome{err: err} }, service: newService(l, nil, h, Timeouts{}, a)}
				l.dials = append(l.dials, d)
				d.end = l.later(time.Minute)
				var list []netip.AddrPort
				for _, host := range hosts {
					list = append(list, netip.AddrPortFrom(netip.MustParseAddr(host), port))
				}
				d.resolved(list, nil)
			})
			out := receive(t, ch)
			if len(hosts) == 3 {
				onLoop(t, l, func() {
					if out.conn == nil || out.conn.RemoteAddr().String() != ln.Addr().String() || attempts != 2 {
						t.Errorf("got %v after %d attempts", out, attempts)
					}
				})
			} else if !errors.Is(out.err, unix.ECONNREFUSED) || !strings.Contains(out.err.Error(), "127.0.0.9") {
				t.Errorf("got %v, want ECONNREFUSED of the first", out.err)
			}
		}
	})
}

// Every system call of a dial fails once in turn: failed is called once, or the
// connection comes all the same, and nothing stays open.
func TestDialFaults(t *testing.T) {
	for _, op := range []sys.Op{sys.OpSocket, sys.OpConnect, sys.OpSetsockopt, sys.OpGetsockopt, sys.OpBind, "epoll_ctl"} {
		t.Run(string(op), func(t *testing.T) {
			leaktest.Check(t)
			g, ln, _ := serve(t, Options{Loops: 1}, echo)
			l := g.loops[0]
			failed := false
			onLoop(t, l, func() {
				hook(t, &sys.Hooks{Fault: func(c sys.Call) sys.Errno {
					if c.Op == op && !failed {
						failed = true
						return unix.ENOBUFS
					}
					return 0
				}})
			})
			_, ch := dialing(t, l, ln.URL(), handler{}, DialOptions{Local: netip.MustParseAddrPort("127.0.0.1:0")})
			out := receive(t, ch)
			if op == "epoll_ctl" && l.sel.Backend() != "epoll" {
				return
			}
			if !errors.Is(out.err, unix.ENOBUFS) {
				t.Errorf("got %v, want ENOBUFS", out.err)
			}
		})
	}
}

// A Unix listener whose queue is full is asked again until there is room.
func TestDialAFullQueue(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := serve(t, o, NopHandler{})
		ln := listenAt(t, g, "unix://"+socketPath(t), echo, ListenOptions{})
		full := 3
		onLoop(t, g.loops[0], func() {
			hook(t, &sys.Hooks{Fault: func(c sys.Call) sys.Errno {
				if c.Op == sys.OpConnect && full > 0 {
					full--
					return unix.EAGAIN
				}
				return 0
			}})
		})
		_, ch := dialing(t, g.loops[0], ln.URL(), handler{}, DialOptions{})
		if out := receive(t, ch); out.err != nil {
			t.Errorf("got %v", out.err)
		}
	})
}
