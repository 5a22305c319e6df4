//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// full makes a socket's sends fail with EAGAIN for as long as it is true.
func full(t *testing.T, s *PacketConn) *atomic.Bool {
	t.Helper()
	var on atomic.Bool
	on.Store(true)
	hook(t, &sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		if on.Load() && sends(c.Op) && c.FD == s.fd {
			return unix.EAGAIN
		}
		return 0
	}})
	return &on
}

// When the kernel takes nothing, what fits the limit waits and leaves in order when
// it can; what does not is dropped, said to be, and counted. Empty datagrams count,
// too.
func TestPacketQueueIsBounded(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.LowWater, o.HighWater, o.WriteLimit = 1000, 2000, 10*(packetCost+100)
		for _, size := range []int{100, 0} {
			t.Run(fmt.Sprint(size, " bytes"), func(t *testing.T) {
				g, ln, _ := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{})
				s := ln.conns[0]
				c := packetDial(t, ln.Addr())
				to := Peer{Addr: c.LocalAddr().(*net.UDPAddr).AddrPort()}
				stuck := full(t, s)
				taken := 0
				onLoop(t, g.loops[0], func() {
					for range 100 {
						p := make([]byte, size)
						if size > 0 {
							p[0] = byte(taken)
						}
						if err := s.WriteTo(p, to); err == nil {
							taken++
						} else if !errors.Is(err, ErrWriteLimit) {
							t.Errorf("got %v, want ErrWriteLimit", err)
						}
					}
				})
				if want := o.WriteLimit / (packetCost + size); taken != want {
					t.Errorf("%d datagrams wait, want %d", taken, want)
				}
				stuck.Store(false)
				buf := make([]byte, 200)
				for i := range taken {
					n, err := c.Read(buf)
					if err != nil || n != size || size > 0 && buf[0] != byte(i) {
						t.Fatalf("datagram %d: %d bytes, %v", i, n, err)
					}
				}
				onLoop(t, g.loops[0], func() {})
				onLoop(t, g.loops[0], func() {
					if s.out != nil || s.blocked {
						t.Error("a queue with nothing in it is kept")
					}
				})
				if got := g.Stats().PacketsDropped; got != uint64(100-taken) {
					t.Errorf("%d counted as dropped, want %d", got, 100-taken)
				}
			})
		}
	})
}

// One datagram finds room whatever the limit: it is about what the kernel does not
// take.
func TestPacketSmallWriteLimit(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.LowWater, o.HighWater, o.WriteLimit = 10, 10, 10
		_, ln, _ := servePackets(t, o, "udp4://127.0.0.1:0", echoPackets)
		c := packetDial(t, ln.Addr())
		big := string(make([]byte, 65507))
		for range 3 {
			send(t, c, big)
			expectPacket(t, c, big)
		}
	})
}

// Close sends what waits if the kernel takes it now, and does not wait for it.
func TestPacketCloseWithOutputWaiting(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, takes := range []bool{true, false} {
			t.Run(fmt.Sprint("the kernel takes it: ", takes), func(t *testing.T) {
				g, ln, _ := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{})
				s := ln.conns[0]
				c := packetDial(t, ln.Addr())
				to := Peer{Addr: c.LocalAddr().(*net.UDPAddr).AddrPort()}
				stuck := full(t, s)
				stuck.Store(!takes)
				onLoop(t, g.loops[0], func() {
					for i := range 5 {
						if err := s.WriteTo(fmt.Append(nil, i), to); err != nil {
							t.Error(err)
						}
					}
					s.Close()
					s.Close()
					if err := s.WriteTo(nil, to); !errors.Is(err, ErrClosed) || !errors.Is(err, net.ErrClosed) {
						t.Errorf("WriteTo after Close: %v, want ErrClosed", err)
					}
				})
				onLoop(t, g.loops[0], func() {
					if s.fd >= 0 || g.loops[0].packets.busy() {
						t.Error("the socket is still open")
					}
				})
				stats := g.Stats()
				if takes {
					for i := range 5 {
						expectPacket(t, c, fmt.Sprint(i))
					}
				} else if stats.PacketsDropped != 5 {
					t.Errorf("%d datagrams counted as dropped, want 5", stats.PacketsDropped)
				}
				if err := s.JoinGroup(allRouters, 0); !errors.Is(err, ErrClosed) {
					t.Errorf("JoinGroup after Close: %v, want ErrClosed", err)
				}
			})
		}
	})
}

// Shutdown has what has arrived handled and answered, also where the handler panics
// on the way, and does not wait for somebody who goes on sending.
func TestPacketDrain(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, _ := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{packet: func(s *PacketConn, p []byte, from Peer) {
			_ = s.WriteTo(p, from)
			if len(p)%2 == 0 {
				panic("on purpose")
			}
		}})
		c := packetDial(t, ln.Addr())
		goOn := standStill(t, g.loops[0])
		const n = 150
		for i := range n {
			send(t, c, fmt.Sprint(i))
		}
		down := make(chan error, 1)
		go func() { down <- g.Shutdown(context.Background()) }()
		for g.isOpen() {
			runtime.Gosched()
		}
		goOn()
		for i := range n {
			expectPacket(t, c, fmt.Sprint(i))
		}
		if err := receive(t, down); err != nil {
			t.Error(err)
		}
	})
}

// Who keeps sending does not keep the loop from ending: what is received at the end
// has a bound.
func TestPacketDrainEnds(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, _ := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{packet: func(s *PacketConn, p []byte, from Peer) {
			_ = s.WriteTo(p, s.local) // to itself, for ever
		}})
		c := packetDial(t, ln.Addr())
		goOn := standStill(t, g.loops[0])
		for range 2 * sys.BatchSize { // so that there is always a batch that is full
			send(t, c, "perpetual")
		}
		goOn()
		down := make(chan error, 1)
		go func() { down <- g.Shutdown(context.Background()) }()
		if err := receive(t, down); err != nil {
			t.Error(err)
		}
	})
}

// By force it ends with output waiting, and with a handler that never comes to an
// end by itself.
func TestPacketForce(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, _ := servePackets(t, o, "udp4://127.0.0.1:0", echoPackets)
		full(t, ln.conns[0])
		send(t, packetDial(t, ln.Addr()), "x")
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := g.Shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if _, err := g.ListenPacket("udp4://127.0.0.1:0", echoPackets, ListenOptions{}); !errors.Is(err, ErrClosed) {
			t.Errorf("ListenPacket after Shutdown: %v, want ErrClosed", err)
		}
		if err := ln.conns[0].Post(func() {}); !errors.Is(err, ErrClosed) {
			t.Errorf("Post after Shutdown: %v, want ErrClosed", err)
		}
		if got, want := ln.conns[0].LocalAddr().String(), ln.Addr().String(); got != want {
			t.Errorf("after the end the address is %s, want %s", got, want)
		}
	})
}

// A loop that is about to end makes no sockets any more.
func TestDialPacketWhileDraining(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, _ := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{})
		tried := make(chan error, 1)
		l := g.loops[0]
		if err := l.Post(func() {
			l.drain()
			_, err := l.DialPacket(ln.URL(), echoPackets, ListenOptions{})
			tried <- err
		}); err != nil {
			t.Fatal(err)
		}
		if err := receive(t, tried); !errors.Is(err, ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	})
}

// A connected socket: ICMP's answer that nobody receives there is told and ends
// nothing; when somebody does, datagrams go both ways, and strangers are not heard.
func TestDialPacket(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		address := closedPort(t)
		g, _ := openGroup(t, o)
		l := g.loops[0]
		told, got := make(chan error, 100), make(chan string, 100)
		var s *PacketConn
		onLoop(t, l, func() {
			var err error
			s, err = l.DialPacket("udp4://"+address, packetHandler{
				packet: func(s *PacketConn, p []byte, from Peer) {
					if from != s.remote || from.String() != address {
						t.Errorf("a datagram from %v, want %s only", from, address)
					}
					got <- string(p)
				},
				failed: func(_ *PacketConn, err error) { told <- err },
			}, ListenOptions{})
			if err != nil {
				t.Error(err)
			}
		})
		write := func(p string) {
			onLoop(t, l, func() {
				if n, err := s.Write([]byte(p)); n != len(p) || err != nil {
					t.Errorf("Write: %d, %v", n, err)
				}
				s.settle()
			})
		}
		for range 3 {
			write("is anybody there?")
			if err := receive(t, told); !errors.Is(err, unix.ECONNREFUSED) {
				t.Errorf("told %v, want ECONNREFUSED", err)
			}
		}
		server, err := net.ListenPacket("udp4", address)
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		write("hello")
		buf := make([]byte, 100)
		if err := server.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		n, from, err := server.ReadFrom(buf)
		for err == nil && string(buf[:n]) != "hello" { // one that was sent when the port was just opened
			n, from, err = server.ReadFrom(buf)
		}
		if err != nil || from.String() != s.LocalAddr().String() {
			t.Fatalf("%v from %v, want hello from %v", err, from, s.LocalAddr())
		}
		stranger := packetDial(t, s.LocalAddr())
		_, _ = stranger.Write([]byte("let me in")) // the kernel may say at once that nobody is there
		if _, err := server.WriteTo([]byte("welcome"), from); err != nil {
			t.Fatal(err)
		}
		if p := receive(t, got); p != "welcome" {
			t.Errorf("got %q", p)
		}
		onLoop(t, l, func() {
			if err := s.WriteTo(nil, s.remote); err != nil {
				t.Errorf("WriteTo the peer: %v", err)
			}
			other := Peer{Addr: stranger.LocalAddr().(*net.UDPAddr).AddrPort()}
			if err := s.WriteTo(nil, other); !errors.Is(err, unix.EISCONN) {
				t.Errorf("WriteTo another: %v, want EISCONN", err)
			}
			s.Close()
		})
	})
}

// The error that an earlier datagram brought back does not cost the next one, whose
// call it comes with.
func TestAnErrorCostsNoOtherDatagram(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		address := closedPort(t)
		g, _ := openGroup(t, o)
		told := make(chan error, 10)
		var server net.PacketConn
		onLoop(t, g.loops[0], func() {
			s, err := g.loops[0].DialPacket("udp4://"+address, packetHandler{failed: func(_ *PacketConn, err error) { told <- err }}, ListenOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = s.Write([]byte("lost"))
			s.settle()
			if server, err = net.ListenPacket("udp4", address); err != nil {
				t.Error(err)
				return
			}
			_, _ = s.Write([]byte("found"))
			s.settle()
		})
		if server == nil {
			return
		}
		defer server.Close()
		if err := receive(t, told); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("told %v, want ECONNREFUSED", err)
		}
		if err := server.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 100)
		if n, _, err := server.ReadFrom(buf); err != nil || string(buf[:n]) != "found" {
			t.Errorf("got %q, %v", buf[:n], err)
		}
		onLoop(t, g.loops[0], func() {})
		onLoop(t, g.loops[0], func() {})
		if n := g.Stats().PacketsDropped; n != 0 {
			t.Errorf("%d counted as dropped, want 0", n)
		}
	})
}

// Answers to a port that is closed bring errors back that end nothing.
func TestAnswersToAClosedPort(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, _ := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{
			packet: echoPackets.packet,
			failed: func(_ *PacketConn, err error) { t.Errorf("told %v", err) },
		})
		gone := packetDial(t, ln.Addr())
		goOn := standStill(t, g.loops[0])
		for range 20 {
			send(t, gone, "goodbye")
		}
		_ = gone.Close()
		goOn()
		c := packetDial(t, ln.Addr())
		for range 20 {
			send(t, c, "hello")
			expectPacket(t, c, "hello")
		}
	})
}

// Writing to nobody in particular is refused at once.
func TestPacketWithoutPeer(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, _ := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{})
		onLoop(t, g.loops[0], func() {
			if err := ln.conns[0].WriteTo(nil, Peer{}); !errors.Is(err, unix.EDESTADDRREQ) {
				t.Errorf("WriteTo: %v, want EDESTADDRREQ", err)
			}
			if n, err := ln.conns[0].Write([]byte("x")); n != 0 || !errors.Is(err, unix.EDESTADDRREQ) {
				t.Errorf("Write: %d, %v, want EDESTADDRREQ", n, err)
			}
		})
	})
}
