//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// packetHandler is a PacketHandler of two functions, each of which may be nil.
type packetHandler struct {
	packet func(s *PacketConn, p []byte, from Peer)
	failed func(s *PacketConn, err error)
}

func (h packetHandler) Packet(s *PacketConn, p []byte, from Peer) {
	if h.packet != nil {
		h.packet(s, p, from)
	}
}

func (h packetHandler) PacketError(s *PacketConn, err error) {
	if h.failed != nil {
		h.failed(s, err)
	}
}

// echoPackets is the handler under most tests.
var echoPackets = packetHandler{packet: func(s *PacketConn, p []byte, from Peer) { _ = s.WriteTo(p, from) }}

// openGroup makes a group that is shut down, by force if need be, when the test
// ends, and its log.
func openGroup(t *testing.T, o Options) (*Group, *logBuffer) {
	t.Helper()
	log := &logBuffer{}
	o.Logger = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	g, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = g.Shutdown(now) // by force: what was to drain, the test has seen
	})
	return g, log
}

// servePackets runs h in a group of its own.
func servePackets(t *testing.T, o Options, address string, h PacketHandler) (*Group, *PacketListener, *logBuffer) {
	t.Helper()
	g, log := openGroup(t, o)
	ln, err := g.ListenPacket(address, h, ListenOptions{})
	if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT) {
		t.Skip("this machine has no IPv6")
	}
	if err != nil {
		t.Fatal(err)
	}
	return g, ln, log
}

// packetDial makes a client's socket, which is closed when the test ends.
func packetDial(t *testing.T, to net.Addr) net.Conn {
	t.Helper()
	var c net.Conn
	var err error
	if server, ok := to.(*net.UnixAddr); ok {
		name := filepath.Join(t.TempDir(), "client")
		c, err = net.DialUnix("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"}, server)
	} else {
		c, err = net.Dial("udp", to.String())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return c
}

// send sends one datagram, which the kernel is to take.
func send(t *testing.T, c net.Conn, p string) {
	t.Helper()
	if _, err := c.Write([]byte(p)); err != nil {
		t.Fatal(err)
	}
}

// expectPacket reads one datagram.
func expectPacket(t *testing.T, c net.Conn, want string) {
	t.Helper()
	buf := make([]byte, 1<<16)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatalf("got %v, want %.40q", err, want)
	}
	if got := string(buf[:n]); got != want {
		t.Fatalf("got %d bytes, %.40q, want %d, %.40q", len(got), got, len(want), want)
	}
}

// packetAddresses are one of each kind.
func packetAddresses(t *testing.T) []string {
	list := []string{"udp4://127.0.0.1:0", "udp6://[::1]:0", "udp://[::]:0", "udp://localhost:0", "unixgram://" + filepath.Join(t.TempDir(), "server")}
	if runtime.GOOS == "linux" {
		list = append(list, fmt.Sprintf("unixgram:@iomux-%s-%d", strings.ReplaceAll(t.Name(), "/", "-"), time.Now().UnixNano()))
	}
	return list
}

// Datagrams keep their bounds and their order, empty ones and the largest too, and
// the handler learns who sent them.
func TestPacketEcho(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, address := range packetAddresses(t) {
			t.Run(strings.SplitN(address, "/", 4)[0]+" "+filepath.Base(address), func(t *testing.T) {
				from := make(chan string, 100)
				_, ln, _ := servePackets(t, o, address, packetHandler{packet: func(s *PacketConn, p []byte, peer Peer) {
					from <- peer.String()
					echoPackets.packet(s, p, peer)
				}})
				to := ln.Addr()
				if udp, ok := to.(*net.UDPAddr); ok && udp.IP.IsUnspecified() {
					to = &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: udp.Port} // IPv4 on a socket for both
				}
				c := packetDial(t, to)
				list := []string{"", "a", "", strings.Repeat("b", 1473), strings.Repeat("c", 9000), strings.Repeat("d", 65507), "e"}
				for _, p := range list {
					send(t, c, p)
				}
				for _, p := range list {
					expectPacket(t, c, p)
					if got := receive(t, from); got != c.LocalAddr().String() {
						t.Errorf("the handler was told %s, want %s", got, c.LocalAddr())
					}
				}
			})
		}
	})
}

// What waits is received by few calls and answered by as few, in order.
func TestPacketsGoInBatches(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this system has no call for several datagrams, or it is not used")
	}
	everywhere(t, func(t *testing.T, o Options) {
		_, ln, _ := servePackets(t, o, "udp4://127.0.0.1:0", echoPackets)
		c := packetDial(t, ln.Addr())
		for _, n := range []int{16, 64, 200} {
			goOn := standStill(t, ln.conns[0].Loop())
			for i := range n {
				send(t, c, fmt.Sprint(i))
			}
			var calls, transfers atomic.Int64
			restore := sys.SetHooks(&sys.Hooks{Trace: func(c sys.Call) {
				calls.Add(1)
				if c.FD == ln.conns[0].fd {
					transfers.Add(1)
				}
			}})
			goOn()
			for i := range n {
				expectPacket(t, c, fmt.Sprint(i))
			}
			restore()
			if got := float64(transfers.Load()) / float64(n); got > 0.2 {
				t.Errorf("%d datagrams: %.2f system calls for each, want no more than 0.2", n, got)
			}
			if got := float64(calls.Load()) / float64(n); n >= 64 && got > 0.2 {
				t.Errorf("%d datagrams: with waiting %.2f system calls for each, want no more than 0.2", n, got)
			}
		}
	})
}

// A callback's datagrams are gathered, whoever they are for and whatever socket
// they leave by.
func TestWritesOfACallbackGoInBatches(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this system has no call for several datagrams, or it is not used")
	}
	everywhere(t, func(t *testing.T, o Options) {
		const n = 300
		var other *PacketConn
		g, ln, _ := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{packet: func(s *PacketConn, _ []byte, from Peer) {
			for i := range n {
				_ = s.WriteTo(fmt.Append(nil, i), from)
				_ = other.WriteTo(fmt.Append(nil, i), from)
				if s.out != nil && s.out.Len() >= sys.BatchSize {
					t.Error("a whole batch waits for more")
				}
			}
		}})
		second, err := g.ListenPacket("udp4://127.0.0.1:0", packetHandler{}, ListenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		onLoop(t, g.loops[0], func() { other = second.conns[0] })
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := c.SetReadBuffer(1 << 20); err != nil {
			t.Fatal(err)
		}
		if _, err := c.WriteTo(nil, ln.Addr()); err != nil {
			t.Fatal(err)
		}
		next := map[string]int{}
		buf := make([]byte, 16)
		for range 2 * n {
			if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			size, from, err := c.ReadFrom(buf)
			if err != nil {
				t.Fatalf("after %v: %v", next, err)
			}
			if want := fmt.Sprint(next[from.String()]); string(buf[:size]) != want {
				t.Fatalf("from %v: got %s, want %s", from, buf[:size], want)
			}
			next[from.String()]++
		}
		onLoop(t, g.loops[0], func() {})
		if sends := g.Stats().Sends; sends > 2*(n/sys.BatchSize+1) {
			t.Errorf("%d calls to send %d datagrams", sends, 2*n)
		}
	})
}

// A socket that never runs dry does not keep the loop from the rest of its turn.
func TestPacketsAreFair(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, log := openGroup(t, o)
		seen := 0
		ln, err := g.ListenPacket("udp4://127.0.0.1:0", packetHandler{packet: func(*PacketConn, []byte, Peer) { seen++ }},
			ListenOptions{Socket: SocketOptions{ReadBuffer: 1 << 20}})
		if err != nil {
			t.Fatal(err)
		}
		l := g.loops[0]
		c := packetDial(t, ln.Addr())
		goOn := standStill(t, l)
		for range readsPerEvent*sys.BatchSize + 200 { // all that, if the kernel's limit of the buffer allows
			send(t, c, "x")
		}
		turn := make(chan int, 1)
		if err := l.Post(func() { turn <- seen }); err != nil { // runs at the end of the next turn
			t.Fatal(err)
		}
		goOn()
		if got := receive(t, turn); got > readsPerEvent*sys.BatchSize {
			t.Errorf("%d datagrams in one turn, want %d at most", got, readsPerEvent*sys.BatchSize)
		}
		if n := log.count("level=ERROR"); n > 0 {
			t.Errorf("%d errors in the log", n)
		}
	})
}

// A panic costs the datagram that it happened on and no other; so does a handler
// that ends its goroutine.
func TestPacketPanic(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		_, ln, log := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{packet: func(s *PacketConn, p []byte, from Peer) {
			switch string(p) {
			case "panic":
				panic("on purpose")
			case "exit":
				runtime.Goexit()
			}
			_ = s.WriteTo(p, from)
		}})
		c := packetDial(t, ln.Addr())
		goOn := standStill(t, ln.conns[0].Loop())
		for _, p := range []string{"1", "panic", "2", "panic", "panic", "3", "exit", "4", "panic"} {
			send(t, c, p)
		}
		goOn()
		for _, p := range []string{"1", "2", "3", "4"} {
			expectPacket(t, c, p)
		}
		send(t, c, "5")
		expectPacket(t, c, "5")
		if n := log.count("handler panicked"); n != 5 {
			t.Errorf("%d panics in the log, want 5", n)
		}
	})
}

// What a panic left of one socket's batch is delivered before another socket uses
// the buffer.
func TestPacketPanicBeforeAnotherSocket(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, first, _ := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{packet: func(s *PacketConn, p []byte, from Peer) {
			if string(p) == "panic" {
				panic("on purpose")
			}
			_ = s.WriteTo(p, from)
		}})
		second, err := g.ListenPacket("udp4://127.0.0.1:0", echoPackets, ListenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		a, b := packetDial(t, first.Addr()), packetDial(t, second.Addr())
		goOn := standStill(t, g.loops[0])
		send(t, a, "panic")
		for i := range 20 {
			send(t, a, fmt.Sprint("a", i))
			send(t, b, fmt.Sprint("b", i))
		}
		goOn()
		for i := range 20 {
			expectPacket(t, a, fmt.Sprint("a", i))
			expectPacket(t, b, fmt.Sprint("b", i))
		}
	})
}

// A panic of PacketError, or of a function posted in the socket's name, ends
// nothing either.
func TestPacketErrorPanic(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		told := make(chan error, 1)
		g, _, log := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{})
		var s *PacketConn
		onLoop(t, g.loops[0], func() {
			var err error
			if s, err = g.loops[0].DialPacket("udp://"+closedPort(t), packetHandler{failed: func(_ *PacketConn, err error) {
				told <- err
				panic("on purpose")
			}}, ListenOptions{}); err != nil {
				t.Error(err)
			}
		})
		for range 3 {
			if err := s.Post(func() { _, _ = s.Write([]byte("x")) }); err != nil {
				t.Fatal(err)
			}
			if err := receive(t, told); !errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("told %v, want ECONNREFUSED", err)
			}
		}
		if err := s.Post(func() { panic("on purpose") }); err != nil {
			t.Fatal(err)
		}
		onLoop(t, g.loops[0], func() {
			if s.state != packetOpen || s.untold != 0 {
				t.Errorf("state %v, %d untold", s.state, s.untold)
			}
		})
		if n := log.count("handler panicked"); n < 4 {
			t.Errorf("%d panics in the log, want 4 or more", n)
		}
	})
}

// closedPort is an address of this machine where nobody receives.
func closedPort(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

// One socket serves all peers where that is asked for.
func TestOnePacketSocket(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.Loops = 3
		g, _ := openGroup(t, o)
		ln, err := g.ListenPacket("udp4://127.0.0.1:0", echoPackets, ListenOptions{Balance: RoundRobin})
		if err != nil {
			t.Fatal(err)
		}
		if n := len(ln.Conns()); n != 1 {
			t.Errorf("%d sockets, want 1", n)
		}
		for range 10 {
			c := packetDial(t, ln.Addr())
			send(t, c, "hello")
			expectPacket(t, c, "hello")
		}
	})
}

// Of several loops each has a socket where the kernel spreads peers, and a peer
// stays with its loop.
func TestPeersAreSpread(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.Loops = 3
		loops := make(chan *Loop, 1)
		_, ln, _ := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{packet: func(s *PacketConn, p []byte, from Peer) {
			loops <- s.Loop()
			_ = s.WriteTo(p, from)
		}})
		if want := map[bool]int{true: 1, false: 3}[reusePort == 0]; len(ln.Conns()) != want {
			t.Fatalf("%d sockets, want %d", len(ln.Conns()), want)
		}
		count := map[*Loop]int{}
		for range 60 {
			c := packetDial(t, ln.Addr())
			send(t, c, "a")
			expectPacket(t, c, "a")
			first := receive(t, loops)
			send(t, c, "b")
			expectPacket(t, c, "b")
			if receive(t, loops) != first {
				t.Error("a peer was moved to another loop")
			}
			count[first]++
			_ = c.Close()
		}
		if len(count) != len(ln.Conns()) {
			t.Errorf("60 peers went to %d of %d loops", len(count), len(ln.Conns()))
		}
	})
}

// Nothing is allocated for a datagram.
func TestPacketsAllocateNothing(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		if why := allocates[o.Backend]; why != "" {
			t.Skip(why)
		}
		for _, address := range []string{"udp4://127.0.0.1:0", "udp6://[::1]:0"} {
			t.Run(address, func(t *testing.T) {
				l, _ := turnByHand(t, o, NopHandler{})
				peer, s := packetByHand(t, l, address)
				buf := make([]byte, 64)
				const burst = 20
				echo := func() {
					for range burst {
						if _, err := unix.Write(peer, buf); err != nil {
							t.Fatal(err)
						}
					}
					l.turn()
					for range burst {
						if _, err := unix.Read(peer, buf); err != nil {
							t.Fatal(err)
						}
					}
				}
				echo() // buffers are made with the first
				if n := testing.AllocsPerRun(100, echo); n != 0 {
					t.Errorf("%v allocations for %d datagrams, want 0", n, burst)
				}
				if len(l.packets.spare) != 1 || s.out != nil {
					t.Error("a socket with nothing to send holds a queue")
				}
			})
		}
	})
}

// packetByHand adds a socket that echoes to a loop whose turns the caller makes,
// and returns a descriptor that is connected to it.
func packetByHand(t testing.TB, l *Loop, address string) (peer int, s *PacketConn) {
	t.Helper()
	a, err := parseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	inet, err := a.toBind(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server, err := bindSockets(a, inet, 1, &ListenOptions{})
	if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT) {
		t.Skip("this machine has no IPv6")
	}
	if err != nil {
		t.Fatal(err)
	}
	s = newPacketConn(l, server.fds[0], echoPackets)
	s.v6, s.local = a.kind(inet, false).v6, Peer{Addr: server.inet}
	if err := l.adoptPacket(s); err != nil {
		t.Fatal(err)
	}
	peer, errno := sys.Socket(sys.Family(inet), unix.SOCK_DGRAM)
	if errno != 0 {
		t.Fatal(errno)
	}
	if errno := sys.Connect(peer, server.inet); errno != 0 {
		t.Fatal(errno)
	}
	t.Cleanup(func() {
		s.Close()
		l.settle()
		if errno := sys.Close(peer); errno != 0 {
			t.Error(errno)
		}
	})
	return peer, s
}

// BenchmarkPackets is what a datagram costs in a batch of 32: receiving, Packet,
// answering.
func BenchmarkPackets(b *testing.B) {
	for _, v := range variants() {
		b.Run(fmt.Sprintf("%s/%s", v.backend, v.wait), func(b *testing.B) {
			l, _ := turnByHand(b, Options{Backend: v.backend, Wait: v.wait}, NopHandler{})
			peer, _ := packetByHand(b, l, "udp4://127.0.0.1:0")
			buf := bytes.Repeat([]byte{1}, 64)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, err := unix.Write(peer, buf); err != nil {
					b.Fatal(err)
				}
				if i%32 < 31 {
					continue
				}
				l.turn()
				for range 32 {
					if _, err := unix.Read(peer, buf); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// What an address or an argument cannot be is said before anything is opened.
func TestPacketArguments(t *testing.T) {
	leaktest.Check(t)
	g, _ := openGroup(t, Options{Loops: 1})
	for address, want := range map[string]string{
		"tcp://127.0.0.1:0":                    "Listen takes",
		"unix:///tmp/iomux.test":               "Listen takes",
		"http://127.0.0.1":                     "not supported",
		"udp://127.0.0.1":                      "no port",
		"udp://no.such.invalid:0":              "resolve",
		"unixgram://relative":                  "want unixgram:///relative",
		"unixgram:" + strings.Repeat("x", 200): "takes",
	} {
		if ln, err := g.ListenPacket(address, echoPackets, ListenOptions{}); !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v, %v, want ErrAddress and %q", address, ln, err, want)
		}
	}
	if _, err := g.ListenPacket("udp://127.0.0.1:0", nil, ListenOptions{}); !errors.Is(err, ErrOption) {
		t.Errorf("no handler: %v, want ErrOption", err)
	}
	if _, err := g.ListenPacket("udp://127.0.0.1:0", echoPackets, ListenOptions{Balance: "sometimes"}); !errors.Is(err, ErrOption) {
		t.Errorf("a bad option: %v, want ErrOption", err)
	}
	if _, err := g.Listen("udp://127.0.0.1:0", echo, ListenOptions{}); !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), "ListenPacket") {
		t.Errorf("Listen for datagrams: %v, want ErrAddress and a hint", err)
	}
	l := g.loops[0]
	onLoop(t, l, func() {
		for address, want := range map[string]string{
			"tcp://127.0.0.1:7000": "Dial makes",
			"udp://localhost:7000": "not a number",
			"udp://127.0.0.1:0":    "port 0",
			"udp:127.0.0.1":        "want udp://",
		} {
			if s, err := l.DialPacket(address, echoPackets, ListenOptions{}); !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, %v, want ErrAddress and %q", address, s, err, want)
			}
		}
		if _, err := l.DialPacket("udp://127.0.0.1:9", nil, ListenOptions{}); !errors.Is(err, ErrOption) {
			t.Errorf("no handler: %v, want ErrOption", err)
		}
		if _, err := l.DialPacket("unixgram://"+filepath.Join(t.TempDir(), "nobody"), echoPackets, ListenOptions{}); !errors.Is(err, unix.ENOENT) {
			t.Errorf("nobody there: %v, want ENOENT", err)
		}
	})
}

// A port that is taken is refused, and so is one that this very program has.
func TestPacketPortTaken(t *testing.T) {
	leaktest.Check(t)
	g, ln, _ := servePackets(t, Options{Loops: 2}, "udp4://127.0.0.1:0", echoPackets)
	for range 2 {
		if _, err := g.ListenPacket(ln.URL(), echoPackets, ListenOptions{}); !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("got %v, want EADDRINUSE", err)
		}
	}
	c := packetDial(t, ln.Addr())
	send(t, c, "unharmed")
	expectPacket(t, c, "unharmed")
}
