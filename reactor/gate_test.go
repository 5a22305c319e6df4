//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"testing"
)

// gate is a Gate that lets in so many.
type gate atomic.Int32

func (g *gate) Room() int  { return int((*atomic.Int32)(g).Load()) }
func (g *gate) Took(n int) { (*atomic.Int32)(g).Add(-int32(n)) }

// A gate lets in as many connections as it says, one after the other, and the rest
// wait in the kernel until Resume.
func TestGateOfConnections(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		var left atomic.Int32
		opened := make(chan struct{}, 10)
		g, _, _ := serve(t, o, NopHandler{})
		ln := listenAt(t, g, "tcp://127.0.0.1:0", handler{
			opened: func(*Conn) { opened <- struct{}{} },
			data:   echo.data,
		}, ListenOptions{Gate: (*gate)(&left)})
		clients := []io.ReadWriter{dial(t, ln), dial(t, ln), dial(t, ln)}
		settle(t, g)
		for i := range clients {
			if n := len(opened); n != 0 {
				t.Fatalf("%d too many", n)
			}
			left.Store(1)
			ln.Resume()
			receive(t, opened)
			settle(t, g)
			settle(t, g)
			if i == 1 {
				ln.Resume() // with nothing left it does nothing
				settle(t, g)
			}
		}
		for _, c := range clients {
			_, _ = io.WriteString(c, "x")
			if _, err := c.Read(make([]byte, 1)); err != nil {
				t.Error(err)
			}
		}
	})
}

// The same of datagrams, of which a call must not take more than there may be.
func TestGateOfDatagrams(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		var left atomic.Int32
		got := make(chan string, 20)
		g, _, _ := serve(t, o, NopHandler{})
		ln, err := g.ListenPacket("udp://127.0.0.1:0", packetFunc(func(_ *PacketConn, p []byte, _ Peer) {
			got <- string(p)
		}), ListenOptions{Gate: (*gate)(&left)})
		if err != nil {
			t.Fatal(err)
		}
		c := packetDial(t, ln.Addr())
		for i := range 9 {
			send(t, c, fmt.Sprint(i))
		}
		settle(t, g)
		next := 0
		for _, n := range []int{1, 3, 2, 3} {
			if len(got) != 0 {
				t.Fatal("too many")
			}
			left.Store(int32(n))
			ln.Resume()
			for range n {
				if s := receive(t, got); s != fmt.Sprint(next) {
					t.Fatalf("got %q, want %d", s, next)
				}
				next++
			}
			settle(t, g)
			settle(t, g)
		}
	})
}

// packetFunc is a PacketHandler.
type packetFunc func(*PacketConn, []byte, Peer)

func (f packetFunc) Packet(s *PacketConn, p []byte, from Peer) { f(s, p, from) }

func TestGateTakesOneSocket(t *testing.T) {
	g, _, _ := serve(t, Options{Loops: 2}, NopHandler{})
	none := new(gate)
	if ln := listenAt(t, g, "tcp://127.0.0.1:0", NopHandler{}, ListenOptions{Gate: none}); len(ln.acceptors) != 1 {
		t.Errorf("%d sockets", len(ln.acceptors))
	}
	if _, err := g.Listen("tcp://127.0.0.1:0", NopHandler{}, ListenOptions{Gate: none, Balance: ReusePort}); !errors.Is(err, ErrOption) {
		t.Errorf("got %v", err)
	}
}

// What is detached goes on without the loop, and the peer notices nothing.
func TestDetach(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		files := make(chan *os.File, 1)
		g, ln, _ := serve(t, o, Blocking(func(s *Stream) error {
			f, err := s.Detach()
			if err != nil {
				return err
			}
			files <- f
			if _, err := s.Detach(); !errors.Is(err, ErrClosed) {
				t.Errorf("a second time: %v", err)
			}
			_, err = s.Read(make([]byte, 1))
			return err
		}))
		c := dial(t, ln)
		f := receive(t, files)
		await(t, g, func() bool { return len(g.loops[0].conns) == 0 })
		roundTripBy := func(p string) {
			_, _ = io.WriteString(c, p)
			buf := make([]byte, len(p))
			if _, err := io.ReadFull(f, buf); err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write(buf); err != nil {
				t.Fatal(err)
			}
			expect(t, c, p)
		}
		roundTripBy("after the end of the connection")
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		expectEnd(t, c)
	})
}
