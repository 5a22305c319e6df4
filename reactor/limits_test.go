//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/ipaddr"
	"example.com/iomux/internal/leaktest"
)

// Connections beyond the limit are closed at once and counted, and there is room
// again when one leaves.
func TestMaxConns(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.MaxConns, o.Loops = 3, 2
		g, ln, log := serve(t, o, echo)
		var held []*net.TCPConn
		for range 3 {
			c := dial(t, ln)
			roundTrip(t, c, "in")
			held = append(held, c)
		}
		expectEnd(t, dial(t, ln))
		for _, c := range held {
			roundTrip(t, c, "still in")
		}
		if log.count("too many connections: at most 3") == 0 {
			t.Error("the refusal was not logged")
		}
		if err := held[0].Close(); err != nil {
			t.Fatal(err)
		}
		for g.admission.conns.Load() == 3 {
			time.Sleep(time.Millisecond) // for the loop to see the end
		}
		roundTrip(t, dial(t, ln), "in again")
	})
}

// One address cannot take all there is; others are served. An IPv6 network of 64
// bits counts as one.
func TestMaxConnsPerAddr(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.MaxConnsPerAddr = 2
		g, ln, _ := serve(t, o, echo)
		from := func(ip string) net.Conn {
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(ip)}}
			c, err := d.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = c.Close() }) // some are closed before
			return c
		}
		first := from("127.0.0.2")
		roundTrip(t, first, "one")
		roundTrip(t, from("127.0.0.2"), "two")
		expectEnd(t, from("127.0.0.2"))
		roundTrip(t, from("127.0.0.3"), "another address")
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		for g.admission.conns.Load() == 3 {
			time.Sleep(time.Millisecond) // for the loop to see the end
		}
		roundTrip(t, from("127.0.0.2"), "again")
	})
	for _, test := range []struct{ a, b string }{
		{"2001:db8::1", "2001:db8::ffff:1"},
		{"::ffff:192.0.2.1", "192.0.2.1"},
		{"fe80::1%1", "fe80::2%2"},
	} {
		if ipaddr.Site(netip.MustParseAddr(test.a)) != ipaddr.Site(netip.MustParseAddr(test.b)) {
			t.Errorf("%s and %s count apart", test.a, test.b)
		}
	}
	for _, test := range []struct{ a, b string }{{"2001:db8::1", "2001:db8:0:1::1"}, {"192.0.2.1", "192.0.2.2"}} {
		if ipaddr.Site(netip.MustParseAddr(test.a)) == ipaddr.Site(netip.MustParseAddr(test.b)) {
			t.Errorf("%s and %s count as one", test.a, test.b)
		}
	}
}

// After any number of connections, admitted and refused, the counts are at zero.
func TestAdmissionForgets(t *testing.T) {
	leaktest.Check(t)
	g, ln, _ := serve(t, Options{Loops: 2, MaxConns: 5, MaxConnsPerAddr: 3}, echo)
	for range 200 {
		c := dial(t, ln)
		_, _ = c.Write([]byte("x")) // some are refused
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	if n := g.admission.conns.Load(); n != 0 || len(g.admission.addrs) != 0 {
		t.Errorf("%d connections and %v are counted after the end", n, g.admission.addrs)
	}
	if n := g.memory.Load(); n != 0 {
		t.Errorf("%d bytes are accounted after the end", n)
	}
}

// slowReader connects and asks for n bytes, which it does not read.
func slowReader(t *testing.T, ln *Listener) *net.TCPConn {
	t.Helper()
	c := dial(t, ln)
	if err := c.SetReadBuffer(2304); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "x"); err != nil {
		t.Fatal(err)
	}
	return c
}

// What waits in all connections together is bounded, and accounted while it waits.
func TestMemoryLimit(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.MemoryLimit = 2 << 20
		ends := make(chan error, 10)
		wrote := make(chan struct{}, 10)
		g, ln, _ := serve(t, o, handler{
			data: func(c *Conn, p []byte) int {
				if err := unix.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 1); err != nil {
					t.Error(err)
				}
				_, _ = c.Write(make([]byte, 800<<10)) // what becomes of it is the subject
				wrote <- struct{}{}
				return len(p)
			},
			closed: func(_ *Conn, err error) { ends <- err },
		})
		for range 2 {
			slowReader(t, ln)
			receive(t, wrote)
		}
		onLoop(t, g.loops[0], func() {}) // what was written is accounted
		if n := g.memory.Load(); n < 1<<20 || n > 2<<20 {
			t.Errorf("%d bytes are accounted for two times 800 KiB, some of which the kernel has", n)
		}
		slowReader(t, ln)
		if err := receive(t, ends); !errors.Is(err, ErrMemoryLimit) {
			t.Errorf("closed with %v, want ErrMemoryLimit", err)
		}
		onLoop(t, g.loops[0], func() {})
		if n := g.memory.Load(); n > 2<<20 {
			t.Errorf("%d bytes are accounted behind the limit", n)
		}
		if n := int64(g.Stats().Buffered); n == 0 || n > 2<<20 {
			t.Errorf("Stats tells of %d buffered bytes", n)
		}
	})
}

// With Refuse a Write beyond the limit is answered with ErrWriteLimit and nothing
// of it is sent; the connection lives.
func TestRefuse(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.LowWater, o.HighWater, o.WriteLimit, o.Overflow = 1000, 2000, 4000, Refuse
		conns := make(chan *Conn, 1)
		_, ln, _ := serve(t, o, handler{opened: func(c *Conn) { conns <- c }})
		c := dial(t, ln)
		conn := receive(t, conns)
		var sent int
		onLoop(t, conn.Loop(), func() {
			if err := unix.SetsockoptInt(int(conn.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 1); err != nil {
				t.Error(err)
			}
			message := []byte(strings.Repeat("m", 999) + "\n")
			for range 100_000 {
				n, err := conn.Write(message)
				conn.settle() // so that the kernel is full in the end
				if err != nil {
					if !errors.Is(err, ErrWriteLimit) || n != 0 {
						t.Errorf("got %d and %v, want ErrWriteLimit", n, err)
					}
					return
				}
				sent++
			}
			t.Error("nothing was refused")
		})
		onLoop(t, conn.Loop(), conn.Close)
		all, err := io.ReadAll(c)
		if err != nil || len(all) != sent*1000 {
			t.Errorf("got %d bytes and %v, want %d whole messages", len(all), err, sent)
		}
	})
}

// drained is a handler that is told when a slow peer has caught up.
type drained struct {
	handler
	drained func(c *Conn)
}

func (d drained) Drained(c *Conn) { d.drained(c) }

// A source writes until its output is over the high mark, and goes on when it is
// told to: all of it arrives, and never waits beyond the mark by more than a write.
func TestDrained(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.LowWater, o.HighWater = 10_000, 50_000
		const total, piece = 3_000_000, 5_000
		left, most, calls := total, 0, 0
		full := make(chan struct{})
		more := func(c *Conn) {
			for left > 0 && c.Buffered() <= o.HighWater {
				if _, err := c.Write(make([]byte, piece)); err != nil {
					t.Error(err)
					return
				}
				left -= piece
				most = max(most, c.Buffered())
			}
			if left == 0 {
				c.Close()
			}
		}
		g, ln, _ := serve(t, o, drained{
			handler: handler{opened: func(c *Conn) {
				if err := unix.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 32<<10); err != nil {
					t.Error(err)
				}
				more(c)
				close(full)
			}},
			drained: func(c *Conn) {
				calls++
				if c.Buffered() > o.LowWater {
					t.Errorf("Drained with %d bytes waiting", c.Buffered())
				}
				more(c)
			},
		})
		c := dial(t, ln)
		if err := c.SetReadBuffer(64 << 10); err != nil {
			t.Fatal(err)
		}
		receive(t, full) // a peer that reads meanwhile may be fast enough
		if n, err := io.Copy(io.Discard, c); n != total || err != nil {
			t.Errorf("got %d bytes and %v, want %d", n, err, total)
		}
		onLoop(t, g.loops[0], func() {
			if most > o.HighWater+piece || calls == 0 {
				t.Errorf("at most %d bytes waited; Drained was called %d times", most, calls)
			}
		})
	})
}

// Connections are spread evenly over loops, and handed to the one with the fewest
// where that is asked for; the kernel's way spreads them too.
func TestBalance(t *testing.T) {
	for _, balance := range []Balance{RoundRobin, LeastConnections} {
		t.Run(string(balance), func(t *testing.T) {
			everywhere(t, func(t *testing.T, o Options) {
				o.Loops = 3
				g, _, _ := serve(t, o, NopHandler{})
				loops := make(chan *Loop, 1)
				ln := listenAt(t, g, "tcp://127.0.0.1:0", handler{
					opened: func(c *Conn) { loops <- c.Loop() },
				}, ListenOptions{Balance: balance})
				count := map[*Loop]int{}
				var held []net.Conn
				for range 12 {
					held = append(held, dial(t, ln))
					count[receive(t, loops)]++
				}
				for _, l := range g.loops {
					if count[l] != 4 {
						t.Errorf("loop %d got %d of 12", l.number, count[l])
					}
				}
				if balance != LeastConnections {
					return
				}
				// One loop loses all of its own; the next ones go there.
				empty := g.loops[1]
				onLoop(t, empty, func() {
					for _, c := range empty.conns {
						c.Abort()
					}
				})
				onLoop(t, empty, func() {})
				for range 4 {
					dial(t, ln)
					if l := receive(t, loops); l != empty {
						t.Errorf("loop %d got one though loop 1 has the fewest", l.number)
					}
				}
				_ = held
			})
		})
	}
	leaktest.Check(t)
	g, _, _ := serve(t, Options{Loops: 2}, NopHandler{})
	for _, bad := range []ListenOptions{{Balance: "fair"}, {Mode: 0o7777}} {
		if _, err := g.Listen("tcp://127.0.0.1:0", echo, bad); !errors.Is(err, ErrOption) {
			t.Errorf("%+v: got %v, want ErrOption", bad, err)
		}
	}
	if _, err := g.Listen("unix://"+socketPath(t), echo, ListenOptions{Balance: ReusePort}); !errors.Is(err, ErrOption) {
		t.Errorf("reuseport of a Unix socket: got %v, want ErrOption", err)
	}
}

// Accepting pauses and goes on; meanwhile clients wait and are not refused.
func TestPauseAccepting(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.Loops = 2
		g, ln, _ := serve(t, o, echo)
		ln.Pause()
		ln.Pause()
		for _, l := range g.loops {
			onLoop(t, l, func() {})
		}
		c := dial(t, ln) // the kernel takes it
		if _, err := io.WriteString(c, "waits"); err != nil {
			t.Fatal(err)
		}
		for _, l := range g.loops {
			onLoop(t, l, func() {
				if len(l.conns) != 0 {
					t.Error("accepted during a pause")
				}
			})
		}
		ln.Resume()
		ln.Resume()
		expect(t, c, "waits")
		ln.Pause()
		ln.Close() // paused
		ln.Resume()
	})
}

// What was cut is listed.
func TestForcedError(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		conns := make(chan *Conn, 5)
		g, ln, _ := serve(t, o, handler{opened: func(c *Conn) {
			if err := unix.SetsockoptInt(int(c.fd), unix.SOL_SOCKET, unix.SO_SNDBUF, 1); err != nil {
				t.Error(err)
			}
			_, _ = c.Write(make([]byte, 900<<10)) // nobody reads it
			conns <- c
		}})
		want := map[string]bool{}
		for range 5 {
			c := dial(t, ln)
			want[c.LocalAddr().String()] = true
			receive(t, conns)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		err := g.Shutdown(ctx)
		var forced *ForcedError
		if !errors.As(err, &forced) || !errors.Is(err, ErrForced) || !errors.Is(err, context.Canceled) {
			t.Fatalf("got %v, want a ForcedError", err)
		}
		if forced.Count != 5 || len(forced.Conns) != 5 {
			t.Errorf("%d connections, %d listed", forced.Count, len(forced.Conns))
		}
		for _, a := range forced.Conns {
			if !want[a.String()] {
				t.Errorf("%v was not one of them", a)
			}
		}
		if s := fmt.Sprint(err); !strings.Contains(s, "5 connections") || strings.Contains(s, "\n") {
			t.Errorf("it says %q", s)
		}
	})
}
