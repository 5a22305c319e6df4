//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

var allRouters = netip.MustParseAddr("224.0.0.2")

// groupInterface is an interface that has multicast: this machine's own for itself,
// but for IPv6 on Linux, which has no route for groups there.
func groupInterface(t *testing.T, v6 bool) int {
	t.Helper()
	if !v6 {
		return loopback(t).Index
	}
	list, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	const want = net.FlagUp | net.FlagMulticast
	i := slices.IndexFunc(list, func(i net.Interface) bool { return i.Flags&want == want })
	if i < 0 {
		t.Skip("no interface here has multicast for IPv6")
	}
	return list[i].Index
}

// A socket that has joined gets one copy of what is sent to the group, others on
// the same port none; after it has left, it gets none.
func TestMulticast(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		o.Loops = 2
		for listen, group := range map[string]string{
			"udp4://0.0.0.0:0": "239.255.77.88",
			"udp6://[::]:0":    "ff11::7788", // of scope 1: it stays on the machine
		} {
			t.Run(group, func(t *testing.T) {
				got := make(chan string, 10)
				note := packetHandler{packet: func(_ *PacketConn, p []byte, _ Peer) { got <- string(p) }}
				g, ln, _ := servePackets(t, o, listen, note)
				_, sending, _ := servePackets(t, Options{Backend: o.Backend, Wait: o.Wait, Loops: 1}, listen, packetHandler{})
				addr := netip.MustParseAddr(group)
				ifi := groupInterface(t, addr.Is6())
				port := ln.conns[0].LocalAddrPort().Port()
				s, sender := ln.conns[0], sending.conns[0]
				must := func(err error) {
					t.Helper()
					switch {
					case errors.Is(err, errors.ErrUnsupported), errors.Is(err, unix.ENODEV):
						t.Skip("no multicast on the loopback interface here: ", err)
					case err != nil:
						t.Fatal(err)
					}
				}
				do := func(s *PacketConn, f func() error) (err error) {
					onLoop(t, s.Loop(), func() { err = f() })
					return err
				}
				write := func(p string, to netip.Addr) {
					must(do(sender, func() error { return sender.WriteTo([]byte(p), Peer{Addr: netip.AddrPortFrom(to, port)}) }))
				}
				must(do(s, func() error { return s.JoinGroup(addr, ifi) }))
				must(do(sender, func() error { return sender.SetMulticastInterface(ifi) }))
				must(do(sender, func() error { return sender.SetMulticastTTL(0) }))
				must(do(sender, func() error { return sender.SetMulticastLoopback(true) }))
				if err := do(s, func() error { return s.JoinGroup(addr, ifi) }); !errors.Is(err, unix.EADDRINUSE) {
					t.Errorf("joining twice: %v, want EADDRINUSE", err)
				}
				self := map[bool]netip.Addr{true: netip.MustParseAddr("127.0.0.1"), false: netip.IPv6Loopback()}[addr.Is4()]
				write("to the group", addr)
				if p := receive(t, got); p != "to the group" {
					t.Fatalf("got %q", p)
				}
				// Whatever else there were would have come before this.
				write("behind", self)
				if p := receive(t, got); p != "behind" {
					t.Errorf("got %q, a second copy", p)
				}
				must(do(s, func() error { return s.LeaveGroup(addr, ifi) }))
				if err := do(s, func() error { return s.LeaveGroup(addr, ifi) }); !errors.Is(err, unix.EADDRNOTAVAIL) {
					t.Errorf("leaving twice: %v, want EADDRNOTAVAIL", err)
				}
				write("to nobody", addr)
				write("behind", self)
				if p := receive(t, got); p != "behind" {
					t.Errorf("after leaving: got %q", p)
				}
				for _, l := range g.loops {
					onLoop(t, l, func() {})
				}
				if len(got) > 0 {
					t.Errorf("got %q as well", <-got)
				}
			})
		}
	})
}

// What cannot be is refused, whichever system it is.
func TestMulticastArguments(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		g, udp, _ := servePackets(t, o, "udp4://127.0.0.1:0", packetHandler{})
		local, err := g.ListenPacket("unixgram://"+filepath.Join(t.TempDir(), "server"), packetHandler{}, ListenOptions{})
		if err != nil {
			t.Fatal(err)
		}
		onLoop(t, g.loops[0], func() {
			s := udp.conns[0]
			for what, err := range map[string]error{
				"join 127.0.0.1":  s.JoinGroup(netip.MustParseAddr("127.0.0.1"), 0),
				"leave 127.0.0.1": s.LeaveGroup(netip.MustParseAddr("127.0.0.1"), 0),
				"join nothing":    s.JoinGroup(netip.Addr{}, 0),
				"interface -1":    s.SetMulticastInterface(-1),
				"TTL -1":          s.SetMulticastTTL(-1),
				"TTL 256":         s.SetMulticastTTL(256),
			} {
				if !errors.Is(err, ErrOption) {
					t.Errorf("%s: %v, want ErrOption", what, err)
				}
			}
			if err := s.SetMulticastInterface(1 << 30); err == nil {
				t.Error("an interface that is not there was taken")
			}
			s = local.conns[0]
			for what, err := range map[string]error{
				"join":      s.JoinGroup(allRouters, 0),
				"leave":     s.LeaveGroup(allRouters, 0),
				"interface": s.SetMulticastInterface(0),
				"TTL":       s.SetMulticastTTL(1),
				"loopback":  s.SetMulticastLoopback(true),
			} {
				if !errors.Is(err, errors.ErrUnsupported) {
					t.Errorf("%s of a Unix socket: %v, want errors.ErrUnsupported", what, err)
				}
			}
		})
	})
}
