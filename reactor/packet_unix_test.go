//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// Peers with a path, with an abstract name, also one with a NUL in it, and with
// none: the handler learns which, answers those that can be answered, and is told
// of the others.
func TestUnixPeers(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		from, answered := make(chan Peer, 1), make(chan error, 1)
		_, ln, _ := servePackets(t, o, "unixgram://"+filepath.Join(t.TempDir(), "server"), packetHandler{packet: func(s *PacketConn, p []byte, peer Peer) {
			from <- peer
			answered <- s.WriteTo(p, peer)
		}})
		names := []string{filepath.Join(t.TempDir(), "client"), ""}
		if runtime.GOOS == "linux" {
			names = append(names, fmt.Sprintf("@iomux-%d", time.Now().UnixNano()), fmt.Sprintf("@iomux\x00%d", time.Now().UnixNano()))
		}
		for _, name := range names {
			fd, errno := sys.Socket(unix.AF_UNIX, unix.SOCK_DGRAM)
			if errno != 0 {
				t.Fatal(errno)
			}
			if name != "" {
				if errno := sys.BindUnix(fd, name); errno != 0 {
					t.Fatal(errno)
				}
			}
			if errno := sys.ConnectUnix(fd, ln.sockets.address.name); errno != 0 {
				t.Fatal(errno)
			}
			if _, errno := sys.Write(fd, []byte("hello")); errno != 0 {
				t.Fatal(errno)
			}
			if got := receive(t, from); got != (Peer{Name: name}) {
				t.Errorf("the handler was told %+v, want the name %q", got, name)
			}
			err := receive(t, answered)
			switch {
			case name == "" && !errors.Is(err, unix.EDESTADDRREQ):
				t.Errorf("an answer to nobody: %v, want EDESTADDRREQ", err)
			case name != "" && err != nil:
				t.Errorf("an answer to %q: %v", name, err)
			case name != "":
				if got := readSoon(t, fd); got != "hello" {
					t.Errorf("%q got %q back", name, got)
				}
			}
			if errno := sys.Close(fd); errno != 0 {
				t.Error(errno)
			}
		}
	})
}

// readSoon reads from a non-blocking descriptor, when there is something.
func readSoon(t *testing.T, fd int) string {
	t.Helper()
	buf := make([]byte, 100)
	for end := time.Now().Add(patience); time.Now().Before(end); runtime.Gosched() {
		if n, errno := sys.Read(fd, buf); errno == 0 {
			return string(buf[:n])
		} else if errno != unix.EAGAIN {
			t.Fatal(errno)
		}
	}
	t.Fatal("nothing came")
	return ""
}

// A dialled Unix socket is answered where the system can give it a name.
func TestDialUnixgram(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, ln, _ := servePackets(t, o, "unixgram://"+filepath.Join(t.TempDir(), "server"), echoPackets)
		got, told := make(chan string, 10), make(chan error, 10)
		var s *PacketConn
		onLoop(t, g.loops[0], func() {
			var err error
			s, err = g.loops[0].DialPacket(ln.URL(), packetHandler{
				packet: func(_ *PacketConn, p []byte, from Peer) { got <- string(p) + " from " + from.Name },
				failed: func(_ *PacketConn, err error) { told <- err },
			}, ListenOptions{})
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = s.Write([]byte("hello"))
		})
		if runtime.GOOS == "linux" {
			if p, want := receive(t, got), "hello from "+ln.sockets.address.name; p != want {
				t.Errorf("got %q, want %q", p, want)
			}
			if name := s.LocalAddr().String(); !strings.HasPrefix(name, "@") {
				t.Errorf("its name is %q, want an abstract one", name)
			}
		}
		// The server goes: the kernel says so with the next datagram.
		ln.Close()
		onLoop(t, g.loops[0], func() {})
		onLoop(t, g.loops[0], func() { _, _ = s.Write([]byte("hello?")) })
		if err := receive(t, told); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("told %v, want ECONNREFUSED", err)
		}
	})
}

// What is larger than the buffer is lost, never delivered in part, and told and
// counted; what follows is delivered.
func TestPacketTruncation(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		told := make(chan error, 1)
		g, ln, _ := servePackets(t, o, "unixgram://"+filepath.Join(t.TempDir(), "server"), packetHandler{
			packet: echoPackets.packet,
			failed: func(_ *PacketConn, err error) { told <- err },
		})
		c := packetDial(t, ln.Addr())
		if err := c.(*net.UnixConn).SetWriteBuffer(1 << 20); err != nil {
			t.Fatal(err)
		}
		for _, size := range []int{packetSize + 1, 100_000} {
			if _, err := c.Write(make([]byte, size)); errors.Is(err, unix.EMSGSIZE) {
				t.Skip("this system has no datagrams that large")
			} else if err != nil {
				t.Fatal(err)
			}
			send(t, c, "whole")
			if err := receive(t, told); !errors.Is(err, ErrTruncated) || !strings.Contains(err.Error(), c.LocalAddr().String()) {
				t.Errorf("told %v, want ErrTruncated and whose it was", err)
			}
			expectPacket(t, c, "whole")
		}
		send(t, c, strings.Repeat("x", packetSize))
		expectPacket(t, c, strings.Repeat("x", packetSize))
		onLoop(t, g.loops[0], func() {})
		if n := g.Stats().PacketsTruncated; n != 2 {
			t.Errorf("%d counted, want 2", n)
		}
	})
}

// A peer that does not read what it asked for costs itself its answers, and nobody
// else; the loop does not spin on it.
func TestUnixPeerThatDoesNotRead(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		told := make(chan error, 1000)
		g, ln, _ := servePackets(t, o, "unixgram://"+filepath.Join(t.TempDir(), "server"), packetHandler{
			packet: echoPackets.packet,
			failed: func(_ *PacketConn, err error) { told <- err },
		})
		lazy, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(t.TempDir(), "lazy"), Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer lazy.Close()
		busy := packetDial(t, ln.Addr())
		asked := 0
		for len(told) == 0 && asked < 1000 { // until its queue is full: ten, where nobody has changed it
			if _, err := lazy.WriteTo([]byte("a question"), ln.Addr()); err != nil {
				t.Fatal(err)
			}
			asked++
			send(t, busy, "quick")
			expectPacket(t, busy, "quick")
		}
		if asked == 1000 {
			t.Skip("this system's queues are longer than that")
		}
		if err := receive(t, told); !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.ENOBUFS) {
			t.Errorf("told %v, want EAGAIN or ENOBUFS", err)
		}
		var calls atomic.Int64
		restore := sys.SetHooks(&sys.Hooks{Trace: func(sys.Call) { calls.Add(1) }})
		const turns = 50
		for range turns {
			send(t, busy, "quick")
			expectPacket(t, busy, "quick")
		}
		restore()
		if n := calls.Load(); n > 20*turns {
			t.Errorf("%d system calls for %d datagrams", n, turns)
		}
		onLoop(t, g.loops[0], func() {
			if s := ln.conns[0]; s.blocked || s.out != nil {
				t.Error("something still waits")
			}
		})
	})
}

// A connected peer that does not read may fill the socket's send buffer, which then
// is nobody's any more: Linux's queue of such a peer has no bound of its own. When
// it goes, the others are served.
func TestUnixPeerThatFillsTheSendBuffer(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.LowWater, o.HighWater, o.WriteLimit = 1000, 1000, 64<<10
		g, ln, _ := servePackets(t, o, "unixgram://"+filepath.Join(t.TempDir(), "server"), echoPackets)
		lazy, busy := packetDial(t, ln.Addr()), packetDial(t, ln.Addr())
		for range 1000 {
			send(t, lazy, "a question")
		}
		onLoop(t, g.loops[0], func() {})
		_ = lazy.Close()
		send(t, busy, "quick")
		expectPacket(t, busy, "quick")
	})
}

// A connected Unix socket waits for its slow peer, and loses nothing.
func TestUnixConnectedPeerIsSlow(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		path := filepath.Join(t.TempDir(), "slow")
		slow, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer slow.Close()
		if err := slow.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		g, _ := openGroup(t, o)
		l := g.loops[0]
		const n = 1000
		var s *PacketConn
		onLoop(t, l, func() {
			var err error
			if s, err = l.DialPacket("unixgram://"+path, packetHandler{}, ListenOptions{}); err != nil {
				t.Error(err)
				return
			}
			for i := range n {
				if _, err := s.Write(fmt.Append(nil, i)); err != nil {
					t.Error(err)
				}
			}
		})
		if runtime.GOOS == "linux" {
			onLoop(t, l, func() {
				if !s.blocked {
					t.Error("it is not waiting for its peer")
				}
			})
		}
		buf := make([]byte, 10)
		for i := range n {
			size, err := slow.Read(buf)
			if err != nil || string(buf[:size]) != fmt.Sprint(i) {
				t.Fatalf("datagram %d: %q, %v", i, buf[:size], err)
			}
		}
	})
}

// The socket's file has its mode, goes with the listener or the group, and stays
// with Leave.
func TestPacketSocketFile(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		path := filepath.Join(t.TempDir(), "server")
		gone := func() bool {
			_, err := os.Lstat(path)
			return errors.Is(err, fs.ErrNotExist)
		}
		for name, end := range map[string]func(g *Group, ln *PacketListener){
			"close":    func(_ *Group, ln *PacketListener) { ln.Close(); ln.Close() },
			"shutdown": func(g *Group, _ *PacketListener) { _ = g.Shutdown(t.Context()) },
			"leave":    func(_ *Group, ln *PacketListener) { ln.Leave(); ln.Close() },
		} {
			g, log := openGroup(t, o)
			ln, err := g.ListenPacket("unixgram://"+path, echoPackets, ListenOptions{Mode: 0o640})
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Lstat(path); err != nil || info.Mode() != fs.ModeSocket|0o640 {
				t.Errorf("%v, %v, want a socket of mode 0640", info, err)
			}
			if _, err := g.ListenPacket("unixgram://"+path, echoPackets, ListenOptions{}); !errors.Is(err, unix.EADDRINUSE) {
				t.Errorf("a second one there: %v, want EADDRINUSE", err)
			}
			end(g, ln)
			if want := name != "leave"; gone() != want {
				t.Errorf("%s: the file is gone: %v, want %v", name, gone(), want)
			}
			_ = g.Shutdown(t.Context()) // the next one finds a dead socket, if it finds one
			if n := log.count("cannot remove"); n > 0 {
				t.Errorf("%s: the file could not be removed", name)
			}
		}
	})
}

// A successor takes the sockets over: nothing that is sent meanwhile is lost, and
// the file is there all the time.
func TestAdoptPacket(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.Loops = 2
		for _, address := range []string{"udp4://127.0.0.1:0", "unixgram://" + filepath.Join(t.TempDir(), "server")} {
			old, ln, _ := servePackets(t, o, address, echoPackets)
			next, _ := openGroup(t, o)
			c := packetDial(t, ln.Addr())
			files, err := ln.Files()
			if err != nil {
				t.Fatal(err)
			}
			heir, err := next.AdoptPacket(files, packetHandler{packet: func(s *PacketConn, p []byte, from Peer) {
				_ = s.WriteTo(append([]byte("heir: "), p...), from)
			}}, ListenOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if heir.Addr().String() != ln.Addr().String() || len(heir.Conns()) != len(ln.Conns()) {
				t.Errorf("it has %v with %d sockets, want %v with %d", heir.Addr(), len(heir.Conns()), ln.Addr(), len(ln.Conns()))
			}
			if _, err := next.Adopt(files, NopHandler{}, ListenOptions{}); !errors.Is(err, ErrOption) {
				t.Errorf("Adopt for connections: %v, want ErrOption", err)
			}
			for _, f := range files {
				if err := f.Close(); err != nil {
					t.Error(err)
				}
			}
			ln.Leave()
			for _, s := range ln.conns {
				onLoop(t, s.loop, func() {})
				onLoop(t, s.loop, func() {}) // the sockets are closed at the end of the turn
			}
			if _, err := ln.Files(); !errors.Is(err, ErrClosed) {
				t.Errorf("Files of a listener that is closed: %v, want ErrClosed", err)
			}
			for i := range 20 {
				send(t, c, fmt.Sprint(i))
				expectPacket(t, c, fmt.Sprint("heir: ", i))
			}
			if err := old.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			send(t, c, "still there")
			expectPacket(t, c, "heir: still there")
		}
		g, _ := openGroup(t, o)
		if _, err := g.AdoptPacket(nil, echoPackets, ListenOptions{}); !errors.Is(err, ErrOption) {
			t.Errorf("nothing to adopt: %v, want ErrOption", err)
		}
		if _, err := g.AdoptPacket(nil, nil, ListenOptions{}); !errors.Is(err, ErrOption) {
			t.Errorf("no handler: %v, want ErrOption", err)
		}
	})
}
