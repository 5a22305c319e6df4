//go:build linux

package load

import (
	"bufio"
	"errors"
	"io"
	"math"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
)

// shapes are the loads that must come back whole: every kind of loop, sizes on
// both sides of the pattern's head, and one far beyond any socket buffer.
var shapes = map[string]Config{
	"one":          {Conns: 1, Size: 64},
	"many":         {Conns: 50, Size: 64},
	"pipelined":    {Conns: 10, Size: 64, Depth: 16},
	"framed":       {Conns: 10, Size: 64, Depth: 16, Whole: true},
	"one byte":     {Conns: 3, Size: 1, Depth: 3},
	"head only":    {Conns: 3, Size: headSize},
	"odd":          {Conns: 3, Size: 77, Depth: 5},
	"large":        {Conns: 2, Size: 300_001},
	"open":         {Conns: 10, Size: 64, Rate: 50_000},
	"open, bursts": {Conns: 3, Size: 5000, Rate: 1e6},
	"mixed":        {Conns: 10, Size: 4096, Mixed: true},
	"mixed, deep":  {Conns: 3, Size: 60_000, Depth: 16, Mixed: true},
	"mixed, whole": {Conns: 3, Size: 600, Depth: 16, Mixed: true, Whole: true},
	"mixed, open":  {Conns: 10, Size: 4096, Rate: 50_000, Mixed: true},
}

func TestCorrectServer(t *testing.T) {
	addr := serve(t, echoing(honest))
	for _, b := range iomux.Backends() {
		for name, c := range shapes {
			t.Run(string(b)+"/"+name, func(t *testing.T) {
				c.Addr, c.Backend, c.Messages = addr, b, 2000
				r, err := Run(c)
				if err != nil {
					t.Fatal(err)
				}
				// The last ones of an open loop are still on their way when
				// the window is over, and in closed loop the first may be
				// back before it opens.
				if c.Rate == 0 && (r.Messages < 1 || r.Messages > 2000) {
					t.Errorf("%d messages, want 1 to 2000", r.Messages)
				}
				if c.Rate > 0 && r.Latency.TotalCount()+r.Unanswered > 2000 {
					t.Errorf("%d latencies for 2000 messages", r.Latency.TotalCount())
				}
				if r.Elapsed <= 0 || r.Latency.TotalCount() == 0 {
					t.Errorf("elapsed %v, %d latencies", r.Elapsed, r.Latency.TotalCount())
				}
			})
		}
	}
}

// TestLiars runs servers that are wrong in ways a count of bytes does not see.
func TestLiars(t *testing.T) {
	liars := map[string]func() func(net.Conn){
		"flips a bit": func() func(net.Conn) {
			seen := 0
			return echoing(func(p []byte) []byte {
				if seen += len(p); seen > 5000 {
					p[len(p)-1] ^= 1
				}
				return p
			})
		},
		"flips a bit of mixed sizes": func() func(net.Conn) {
			seen := 0
			return echoing(func(p []byte) []byte {
				if seen += len(p); seen > 5000 {
					p[len(p)/2] ^= 1
				}
				return p
			})
		},
		"swaps two messages": func() func(net.Conn) {
			return func(c net.Conn) {
				var m [2][64]byte
				for {
					for i := range m {
						if _, err := io.ReadFull(c, m[i][:]); err != nil {
							return
						}
					}
					if _, err := c.Write(append(m[1][:], m[0][:]...)); err != nil {
						return
					}
				}
			}
		},
		"repeats a message": func() func(net.Conn) {
			n := 0
			return echoing(func(p []byte) []byte {
				if n++; n == 20 {
					return append(p, p...)
				}
				return p
			})
		},
		"repeats eight bytes at the very end": func() func(net.Conn) {
			return func(c net.Conn) {
				r := bufio.NewReader(io.TeeReader(c, c))
				last := make([]byte, 8)
				for {
					n, err := r.Read(last)
					if err != nil {
						c.Write(last)
						return
					}
					last = last[:n]
				}
			}
		},
		"answers another connection": func() func(net.Conn) {
			conns := make(chan net.Conn, 1)
			return func(c net.Conn) {
				// Each connection gets the echo of the next; the last waits for
				// one that never comes, but by then the first is refused.
				select {
				case other := <-conns:
					io.Copy(other, c)
				default:
					conns <- c
					io.Copy(io.Discard, c)
				}
			}
		},
	}
	for name, liar := range liars {
		t.Run(name, func(t *testing.T) {
			c := Config{Addr: serve(t, liar()), Conns: 2, Size: 64, Depth: 2, Messages: 1000}
			if strings.Contains(name, "bit") || strings.Contains(name, "a message") {
				c.Conns = 1 // they count over all connections
			}
			c.Mixed = strings.Contains(name, "mixed")
			if _, err := Run(c); !errors.Is(err, ErrWrongEcho) {
				t.Errorf("got %v, want %v", err, ErrWrongEcho)
			}
		})
	}
}

// TestSwapAcrossMessages: two messages of one connection differ in more than
// their place in the stream, at every size that can tell.
func TestSwapAcrossMessages(t *testing.T) {
	for _, size := range []int{8, 9, 64, 1000} {
		p := newPattern(size)
		a, b := make([]byte, size), make([]byte, size)
		p.fill(a, 1, 2)
		p.fill(b, 1, 3)
		if p.check(a, 0, 1, 2) != -1 || p.check(b, 0, 1, 3) != -1 {
			t.Errorf("size %d: own message refused", size)
		}
		if p.check(a, 0, 1, 3) < 0 || p.check(a, 0, 2, 2) < 0 {
			t.Errorf("size %d: another's message taken", size)
		}
	}
}

// TestEveryByteCounts flips each byte of a message, whole and in two pieces.
func TestEveryByteCounts(t *testing.T) {
	const size = 40
	p := newPattern(size)
	for cut := range size {
		for at := range size {
			m := make([]byte, size)
			p.fill(m, 7, 9)
			m[at] ^= 0x10
			got := -1
			if i := p.check(m[:cut], 0, 7, 9); i >= 0 {
				got = i
			} else if i := p.check(m[cut:], cut, 7, 9); i >= 0 {
				got = cut + i
			}
			if got != at {
				t.Fatalf("cut at %d: byte %d flipped, found at %d", cut, at, got)
			}
		}
	}
}

func TestBrokenServers(t *testing.T) {
	release := make(chan struct{}) // ends "stays open" together with the test
	tests := map[string]struct {
		handle   func(net.Conn)
		rate     float64
		patience time.Duration
		want     string
	}{
		"closes early":     {func(c net.Conn) { io.CopyN(c, c, 640) }, 0, 0, "after 10 messages"},
		"closes open loop": {func(c net.Conn) { io.CopyN(c, c, 640) }, 1e4, 0, "connection 0"},
		"resets": {func(c net.Conn) {
			tcp(c).SetLinger(0)
			io.CopyN(io.Discard, c, 64)
		}, 0, 0, "connection 0"},
		"silent": {func(c net.Conn) { io.Copy(io.Discard, c) }, 0, 200 * time.Millisecond, "no echo for"},
		"stays open": {func(c net.Conn) {
			io.Copy(c, c)
			<-release
		}, 0, 200 * time.Millisecond, "still open"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			addr := serve(t, test.handle)
			if name == "stays open" {
				t.Cleanup(func() { close(release) }) // before serve's waits for it
			}
			_, err := Run(Config{Addr: addr, Conns: 1, Size: 64, Messages: 1000, Rate: test.rate, Patience: test.patience})
			if err == nil || errors.Is(err, ErrWrongEcho) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestClosesInTheEnd: a server that leaves an echo out and closes, when nothing
// new is sent any more.
func TestClosesInTheEnd(t *testing.T) {
	ended := make(chan struct{})
	addr := serve(t, func(c net.Conn) {
		io.CopyN(io.Discard, c, 64)
		<-ended
	})
	_, err := Run(Config{Addr: addr, Conns: 1, Size: 64, Duration: 20 * time.Millisecond, Ended: func() error { close(ended); return nil }})
	if err == nil || !strings.Contains(err.Error(), "closed by the server after 0 messages") {
		t.Errorf("got %v", err)
	}
}

// TestUnanswered: an open loop against a server that never answers ends all the
// same, and counts each message with the time it waited.
func TestUnanswered(t *testing.T) {
	addr := serve(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	const patience = 50 * time.Millisecond
	r, err := Run(Config{Addr: addr, Conns: 3, Size: 64, Rate: 1e4, Messages: 100, Duration: 20 * time.Millisecond, Patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	// The first may have been meant to leave before the window opened.
	if r.Unanswered < 99 || r.Messages != 0 || r.Latency.TotalCount() != r.Unanswered {
		t.Errorf("unanswered %d, messages %d, latencies %d; want 99 or 100, 0, as many", r.Unanswered, r.Messages, r.Latency.TotalCount())
	}
	if m := time.Duration(r.Latency.Min()); m < patience*99/100 {
		t.Errorf("least latency %v, though each waited %v", m, patience)
	}
}

// TestStallIsFeltByAll is what an open loop is for: a server that stops for a
// while, in front of a full socket, delays every message that was meant to
// leave meanwhile, though none of them could be sent. Bounds are from below,
// so that a slow machine passes.
func TestStallIsFeltByAll(t *testing.T) {
	const (
		stall = 200 * time.Millisecond
		rate  = 1000.0
		size  = 128 << 10
	)
	addr := serve(t, func(c net.Conn) {
		tcp(c).SetReadBuffer(2 * size) // small enough to fill
		first := make([]byte, size)
		if _, err := io.ReadFull(c, first); err != nil {
			return
		}
		<-time.After(stall)
		c.Write(first)
		io.Copy(c, c)
	})
	r, err := Run(Config{Addr: addr, Conns: 1, Size: size, Rate: rate, Duration: 2 * stall, Patience: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	// Those meant to leave in the first half waited for the second at least.
	want := int64(rate*stall.Seconds()/2) - 1
	var felt int64
	for _, b := range r.Latency.Distribution() {
		if b.From >= int64(stall/2)*99/100 {
			felt += b.Count
		}
	}
	if felt < want {
		t.Errorf("%d messages waited %v or more, want at least %d", felt, stall/2, want)
	}
	if all := int64(rate * 2 * stall.Seconds()); r.Latency.TotalCount() < all-1 || r.Latency.TotalCount() > all+1 {
		t.Errorf("%d latencies, want %d: one for each message", r.Latency.TotalCount(), all)
	}
	if r.Lag <= 0 {
		t.Error("nothing was ever late, though the socket was full")
	}
}

func TestHooks(t *testing.T) {
	addr := serve(t, echoing(honest))
	var calls []string
	hook := func(name string) func() error {
		return func() error { calls = append(calls, name); return nil }
	}
	c := Config{Addr: addr, Conns: 2, Size: 8, Warm: time.Millisecond, Duration: time.Millisecond, Began: hook("began"), Ended: hook("ended")}
	if _, err := Run(c); err != nil || strings.Join(calls, " ") != "began ended" {
		t.Errorf("calls %q, error %v", calls, err)
	}
	sentinel := errors.New("sentinel")
	c.Began = func() error { return sentinel }
	if _, err := Run(c); !errors.Is(err, sentinel) {
		t.Errorf("got %v, want Began's error", err)
	}
}

func TestBadConfig(t *testing.T) {
	good := Config{Addr: netip.MustParseAddrPort("127.0.0.1:1"), Conns: 1, Size: 1, Duration: time.Second}
	bad := map[string]func(*Config){
		"no address":    func(c *Config) { c.Addr = netip.AddrPort{} },
		"another host":  func(c *Config) { c.Addr = netip.MustParseAddrPort("192.0.2.1:80") },
		"IPv6":          func(c *Config) { c.Addr = netip.MustParseAddrPort("[::1]:80") },
		"no conns":      func(c *Config) { c.Conns = 0 },
		"huge conns":    func(c *Config) { c.Conns = MaxConns + 1 },
		"no size":       func(c *Config) { c.Size = 0 },
		"huge burst":    func(c *Config) { c.Size, c.Depth = 1<<19, 3 },
		"overflow":      func(c *Config) { c.Size, c.Depth = 1<<20, 1<<60 },
		"bad depth":     func(c *Config) { c.Depth = -1 },
		"bad rate":      func(c *Config) { c.Rate = -1 },
		"depth, open":   func(c *Config) { c.Rate, c.Depth = 1, 2 },
		"whole, open":   func(c *Config) { c.Rate, c.Whole = 1, true },
		"endless":       func(c *Config) { c.Duration = 0 },
		"too long":      func(c *Config) { c.Duration = time.Hour },
		"bad warm":      func(c *Config) { c.Warm = -1 },
		"no number":     func(c *Config) { c.Rate = math.NaN() },
		"less than one": func(c *Config) { c.Rate = 0.5 },
		"bad kind":      func(c *Config) { c.Kind = -1 },
		"no such kind":  func(c *Config) { c.Kind = UDP + 1 },
		"bad slow":      func(c *Config) { c.Slow = -1 },
		"too slow":      func(c *Config) { c.Slow = MaxSlow + 1 },
		"churn, deep":   func(c *Config) { c.Kind, c.Depth = Churn, 2 },
		"churn, open":   func(c *Config) { c.Kind, c.Rate = Churn, 100 },
		"churn, slow":   func(c *Config) { c.Kind, c.Slow = Churn, 1 },
		"idle, deep":    func(c *Config) { c.Kind, c.Depth = Idle, 2 },
		"idle, work":    func(c *Config) { c.Kind, c.Messages = Idle, 2 },
		"idle, endless": func(c *Config) { c.Kind, c.Duration = Idle, 0 },
		"short line":    func(c *Config) { c.Kind, c.Size = Chat, LeastLine-1 },
		"chat, mixed":   func(c *Config) { c.Kind, c.Size, c.Mixed = Chat, 64, true },
		"chat, whole":   func(c *Config) { c.Kind, c.Size, c.Whole = Chat, 64, true },
		"short room":    func(c *Config) { c.Kind, c.Size, c.Rate = Room, LeastRoomLine-1, 1 },
		"room, closed":  func(c *Config) { c.Kind, c.Size = Room, LeastRoomLine },
		"room of one":   func(c *Config) { c.Kind, c.Size, c.Rate, c.Conns = Room, LeastRoomLine, 1, 1 },
		"room, whole":   func(c *Config) { c.Kind, c.Size, c.Rate, c.Whole = Room, LeastRoomLine, 1, true },
		"short gram":    func(c *Config) { c.Kind, c.Size = UDP, LeastDatagram-1 },
		"long gram":     func(c *Config) { c.Kind, c.Size = UDP, MaxDatagram+1 },
		"bad messages":  func(c *Config) { c.Messages = -1 },
		"bad patience":  func(c *Config) { c.Patience = -1 },
		"no backend":    func(c *Config) { c.Backend = "none" },
		"nobody there":  func(*Config) {},
		"long patience": func(c *Config) { c.Patience = time.Hour },
	}
	for name, spoil := range bad {
		t.Run(name, func(t *testing.T) {
			c := good
			spoil(&c)
			if _, err := Run(c); err == nil || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want an error of one line", err)
			} else if name != "nobody there" && errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("found out only by connecting: %v", err)
			}
		})
	}
}
