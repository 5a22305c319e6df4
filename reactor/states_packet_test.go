//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"net"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// A socket that drains while another's handler panics, of whose datagrams some are
// still to be delivered, is not forgotten: Shutdown used to wait for it for ever.
func TestShutdownWithASocketWhoseHandlerPanics(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, _, _ := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{})
		ln, err := g.ListenPacket("udp4://127.0.0.1:0", packetHandler{
			packet: func(*PacketConn, []byte, Peer) { panic("on purpose") },
		}, ListenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		c := packetDial(t, ln.Addr())
		const n = 6
		down, goOn := shutdown(t, g)
		for range n {
			send(t, c, "x")
		}
		goOn()
		if err := receive(t, down); err != nil {
			t.Error(err)
		}
		if s := g.Stats(); s.PacketsIn != n || s.Panics != n {
			t.Errorf("%d datagrams were delivered and %d panics are counted, want %d", s.PacketsIn, s.Panics, n)
		}
	})
}

// What no queue could ever hold is answered with ErrMessageSize, not with
// ErrWriteLimit, which is for later; it costs no other datagram.
func TestAHugeDatagramIsRefused(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, limit := range []int{0, 1000} {
			o.WriteLimit = limit
			g, ln, _ := servePackets(t, o, "udp4://127.0.0.1:0", echoPackets)
			c := packetDial(t, ln.Addr())
			to := Peer{Addr: c.LocalAddr().(*net.UDPAddr).AddrPort()}
			s := ln.conns[0]
			onLoop(t, g.loops[0], func() {
				huge := make([]byte, max(g.options.WriteLimit, packetSize)+1)
				for _, before := range []string{"", "first"} { // with nothing waiting, and behind another
					if before != "" {
						if err := s.WriteTo([]byte(before), to); err != nil {
							t.Error(err)
						}
					}
					if err := s.WriteTo(huge, to); !errors.Is(err, ErrMessageSize) {
						t.Errorf("limit %d: got %v, want ErrMessageSize", g.options.WriteLimit, err)
					}
				}
				if err := s.WriteTo([]byte("second"), to); err != nil {
					t.Error(err)
				}
			})
			expectPacket(t, c, "first")
			expectPacket(t, c, "second")
			onLoop(t, g.loops[0], func() {}) // the counts are made known
			if n := g.Stats().PacketsDropped; n != 0 {
				t.Errorf("%d are counted as dropped, but the caller was told", n)
			}
		}
	})
}

// The file of a socket for datagrams is left alone, too, when it is a stranger's.
func TestOwnFileOfPacketsLeavesAStrangersFile(t *testing.T) {
	leaktest.Check(t)
	path := socketPath(t)
	g, ln, _ := servePackets(t, Options{Loops: 1}, "unixgram://"+path, packetHandler{})
	files, err := ln.Files()
	if err != nil {
		t.Fatal(err)
	}
	next, err := g.AdoptPacket(files, packetHandler{}, ListenOptions{})
	closeFiles(t, files)
	if err != nil {
		t.Fatal(err)
	}
	ln.Leave()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	stranger, err := g.ListenPacket("unixgram://"+path, echoPackets, ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	next.OwnFile()
	next.Close()
	c := packetDial(t, stranger.Addr())
	send(t, c, "still there")
	expectPacket(t, c, "still there")
	stranger.Close()
	if err := unix.Access(path, unix.F_OK); !errors.Is(err, unix.ENOENT) {
		t.Errorf("the stranger's own Close left its file: %v", err)
	}
}
