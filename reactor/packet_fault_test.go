//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// receives and sends report whether a call is one of these for datagrams, on any
// system.
func receives(op sys.Op) bool { return op == sys.OpRecvmmsg || op == sys.OpRecvfrom }
func sends(op sys.Op) bool    { return op == sys.OpSendmmsg || op == sys.OpSendto }

// Errors of the network, and calls that are to be made again, end no socket; each
// datagram that the kernel does not want is one that was dropped, and counted.
func TestPacketFaults(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for _, errno := range []sys.Errno{
			unix.EAGAIN, unix.EINTR, unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENETDOWN,
			unix.EMSGSIZE, unix.EPERM, unix.ENOBUFS, unix.ENOMEM, unix.EACCES, unix.EINVAL,
		} {
			if errno != unix.EINVAL {
				t.Run("receive "+errno.Error(), func(t *testing.T) { packetFault(t, o, receives, errno) })
			}
			t.Run("send "+errno.Error(), func(t *testing.T) { packetFault(t, o, sends, errno) })
		}
	})
}

func packetFault(t *testing.T, o Options, which func(sys.Op) bool, errno sys.Errno) {
	told := make(chan error, 100)
	g, ln, _ := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{
		packet: echoPackets.packet,
		failed: func(_ *PacketConn, err error) { told <- err },
	})
	c := packetDial(t, ln.Addr())
	var times atomic.Int64
	hook(t, &sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		if which(c.Op) && c.FD == ln.conns[0].fd && times.Add(1)%2 == 1 {
			return errno
		}
		return 0
	}})
	again := errno == unix.EAGAIN || errno == unix.EINTR
	const rounds = 10
	lost := uint64(0)
	for i := range rounds {
		dropped := g.Stats().PacketsDropped
		send(t, c, fmt.Sprint(i))
		if which(sys.OpSendmmsg) && !again {
			if err := receive(t, told); !errors.Is(err, errno) {
				t.Fatalf("told %v, want %v", err, errno)
			}
			onLoop(t, g.loops[0], func() {})
			onLoop(t, g.loops[0], func() {}) // the counts are published at the end of the turn
			lost += g.Stats().PacketsDropped - dropped
			send(t, c, fmt.Sprint(i)) // this time the kernel takes it
		}
		expectPacket(t, c, fmt.Sprint(i))
	}
	if times.Load() == 0 {
		t.Fatal("no fault was injected")
	}
	switch {
	case again && len(told) > 0:
		t.Errorf("told %v", <-told)
	case which(sys.OpSendmmsg) && !again && lost != rounds:
		t.Errorf("%d datagrams dropped by the counts, want %d", lost, rounds)
	case which(sys.OpRecvmmsg) && !again:
		if err := receive(t, told); !errors.Is(err, errno) {
			t.Errorf("told %v, want %v", err, errno)
		}
	}
}

// When the descriptor is none any more, the socket ends, is said to have ended, and
// the others go on.
func TestPacketSocketBreaks(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		for name, which := range map[string]func(sys.Op) bool{"receive": receives, "send": sends} {
			t.Run(name, func(t *testing.T) {
				told := make(chan error, 1)
				g, ln, log := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{
					packet: echoPackets.packet,
					failed: func(s *PacketConn, err error) {
						if s.WriteTo(nil, Peer{}) == nil {
							t.Error("a socket that has ended takes a datagram")
						}
						told <- err
					},
				})
				other, err := g.ListenPacket("udp4://127.0.0.1:0", echoPackets, ListenOptions{})
				if err != nil {
					t.Fatal(err)
				}
				hit, honest := packetDial(t, ln.Addr()), packetDial(t, other.Addr())
				hook(t, &sys.Hooks{Fault: func(c sys.Call) sys.Errno {
					if which(c.Op) && c.FD == ln.conns[0].fd {
						return unix.EBADF
					}
					return 0
				}})
				send(t, hit, "x")
				if err := receive(t, told); !errors.Is(err, unix.EBADF) || !errors.Is(err, ErrClosed) {
					t.Errorf("told %v, want EBADF and ErrClosed", err)
				}
				send(t, honest, "unharmed")
				expectPacket(t, honest, "unharmed")
				onLoop(t, g.loops[0], func() {
					if ln.conns[0].fd >= 0 || len(g.loops[0].packets.conns) != 1 {
						t.Error("the socket is still open")
					}
				})
				if n := log.count("a socket for datagrams is closed"); n != 1 {
					t.Errorf("%d log lines, want 1", n)
				}
			})
		}
	})
}

// The selector refuses to watch for room to send: the socket ends.
func TestPacketWatchFault(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		told := make(chan error, 1)
		_, ln, _ := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{
			packet: echoPackets.packet,
			failed: func(_ *PacketConn, err error) { told <- err },
		})
		var refused atomic.Bool
		hook(t, &sys.Hooks{Fault: func(c sys.Call) sys.Errno {
			switch {
			case sends(c.Op):
				return unix.EAGAIN
			case c.Op == "epoll_ctl" && c.FD >= 0:
				refused.Store(true)
				return unix.ENOMEM
			}
			return 0
		}})
		c := packetDial(t, ln.Addr())
		send(t, c, "x")
		if o.Backend != "epoll" {
			return // it has no such call to break
		}
		if err := receive(t, told); !errors.Is(err, unix.ENOMEM) || !errors.Is(err, ErrClosed) || !refused.Load() {
			t.Errorf("told %v, want ENOMEM and ErrClosed", err)
		}
	})
}

// Every system call of ListenPacket and DialPacket fails once in turn: an error
// comes back, and nothing stays open.
func TestPacketStartUpFaults(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.Loops = 2
		for name, start := range map[string]func(t *testing.T, g *Group) error{
			"listen udp":      func(_ *testing.T, g *Group) error { return listenOnce(g, "udp://127.0.0.1:0") },
			"listen udp6":     func(_ *testing.T, g *Group) error { return listenOnce(g, "udp6://[::1]:0") },
			"listen unixgram": func(t *testing.T, g *Group) error { return listenOnce(g, "unixgram://"+t.TempDir()+"/socket") },
			"dial udp":        func(t *testing.T, g *Group) error { return dialOnce(t, g, "udp://127.0.0.1:9") },
			"dial unixgram":   func(t *testing.T, g *Group) error { return dialOnce(t, g, "unixgram://"+unixSink(t)) },
		} {
			t.Run(name, func(t *testing.T) {
				k := 1
				for more := true; more; k++ {
					t.Run(fmt.Sprint("call ", k), func(t *testing.T) { more = packetStartUpFault(t, o, k, start) })
				}
				if k < 5 {
					t.Errorf("only %d calls at start: the test shows nothing", k-1)
				}
			})
		}
	})
}

func listenOnce(g *Group, address string) error {
	_, err := g.ListenPacket(address, echoPackets, ListenOptions{})
	if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT) {
		return nil // this machine has no IPv6
	}
	return err
}

func dialOnce(t *testing.T, g *Group, address string) (err error) {
	onLoop(t, g.loops[0], func() { _, err = g.loops[0].DialPacket(address, echoPackets, ListenOptions{}) })
	return err
}

// unixSink is a Unix socket that takes datagrams and reads none.
func unixSink(t *testing.T) (path string) {
	t.Helper()
	path = t.TempDir() + "/sink"
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return path
}

// packetStartUpFault has the kth call fail; false: there are not so many.
func packetStartUpFault(t *testing.T, o Options, k int, start func(*testing.T, *Group) error) (more bool) {
	leaktest.Check(t)
	g, _ := openGroup(t, o)
	var calls atomic.Int64
	var failed sys.Call
	restore := sys.SetHooks(&sys.Hooks{Fault: func(c sys.Call) sys.Errno {
		switch c.Op {
		case sys.OpSocket, sys.OpSetsockopt, sys.OpBind, sys.OpConnect, sys.OpGetsockname, sys.OpGetpeername, sys.OpFchmod, "epoll_ctl":
		default: // the loop's own, and the file's, which package socketfile breaks
			return 0
		}
		if calls.Add(1) != int64(k) {
			return 0
		}
		failed = c
		return unix.ENOMEM
	}})
	err := start(t, g)
	more = calls.Load() >= int64(k)
	restore()
	if more && !errors.Is(err, unix.ENOMEM) && !optional(failed) {
		t.Errorf("%v failed: got %v", failed, err)
	}
	if err := g.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	return more
}

// optional reports whether a call may fail and the socket be good: the options that
// not every kernel has.
func optional(c sys.Call) bool { return c.Op == sys.OpSetsockopt }

// A storm of errors is counted whole and told in part; the loop's list of functions
// stays short.
func TestPacketErrorStorm(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		const storm = 1000
		var told atomic.Int64
		g, ln, _ := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{
			failed: func(*PacketConn, error) { told.Add(1) },
		})
		hook(t, &sys.Hooks{Fault: func(c sys.Call) sys.Errno {
			if sends(c.Op) {
				return unix.EPERM
			}
			return 0
		}})
		s := ln.conns[0]
		onLoop(t, g.loops[0], func() {
			for range storm {
				_ = s.WriteTo(nil, s.local)
			}
			s.flush()
			if s.untold > untoldLimit {
				t.Errorf("%d errors wait to be told, want %d at most", s.untold, untoldLimit)
			}
		})
		onLoop(t, g.loops[0], func() {})
		onLoop(t, g.loops[0], func() {})
		if n := told.Load(); n == 0 || n > untoldLimit {
			t.Errorf("told of %d errors, want 1 to %d", n, untoldLimit)
		}
		if stats := g.Stats(); stats.PacketErrors != storm || stats.PacketsDropped != storm {
			t.Errorf("counted %d errors and %d dropped, want %d of each", stats.PacketErrors, stats.PacketsDropped, storm)
		}
	})
}
