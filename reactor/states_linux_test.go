package reactor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
)

// A socket for both families marks what it sends to peers of either: IPV6_TCLASS alone
// left IPv4 without.
func TestDSCPOfBothFamilies(t *testing.T) {
	leaktest.Check(t)
	conns := make(chan *Conn, 1)
	g, _, _ := serve(t, Options{Loops: 1}, NopHandler{})
	ln := listenAt(t, g, "tcp://[::]:0", handler{opened: func(c *Conn) { conns <- c }}, ListenOptions{Socket: SocketOptions{DSCP: 46}})
	port := ln.Addr().(*net.TCPAddr).Port
	for _, test := range []struct {
		host       string
		level, opt int
	}{{"127.0.0.1", unix.IPPROTO_IP, unix.IP_TOS}, {"::1", unix.IPPROTO_IPV6, unix.IPV6_TCLASS}} {
		client, err := net.Dial("tcp", net.JoinHostPort(test.host, fmt.Sprint(port)))
		if err != nil {
			t.Fatal(err)
		}
		c := receive(t, conns)
		onLoop(t, c.Loop(), func() {
			if n, err := unix.GetsockoptInt(int(c.fd), test.level, test.opt); n != 46<<2 || err != nil {
				t.Errorf("to %s: got %d and %v, want %d", test.host, n, err, 46<<2)
			}
		})
		_ = client.Close() // nothing was sent
	}
}

// Answers to one peer that are more than the server's own send buffer holds wait for
// room, and are not taken for those of a peer whose queue is full.
func TestUnixAnswersWaitForTheirOwnSendBuffer(t *testing.T) {
	everywhere(t, func(t *testing.T, o Options) {
		const n, size = 10, 3000
		g, _ := openGroup(t, o)
		ln, err := g.ListenPacket("unixgram://"+socketPath(t), packetHandler{packet: func(s *PacketConn, _ []byte, from Peer) {
			for i := range n {
				if err := s.WriteTo([]byte(strings.Repeat(fmt.Sprint(i), size)), from); err != nil {
					t.Error(err)
				}
			}
		}}, ListenOptions{Socket: SocketOptions{WriteBuffer: 4608}})
		if err != nil {
			t.Fatal(err)
		}
		s := ln.conns[0]
		c := packetDial(t, ln.Addr())
		send(t, c, "all, please")
		waited := false
		for i := range n {
			until(t, s.loop, "it has sent what it can", func() bool {
				waited = waited || s.blocked
				return s.blocked || s.out == nil && g.loops[0].counts.PacketsIn > 0
			})
			expectPacket(t, c, strings.Repeat(fmt.Sprint(i), size))
		}
		if s := g.Stats(); s.PacketsDropped != 0 || !waited {
			t.Errorf("%d were dropped; some waited: %v", s.PacketsDropped, waited)
		}
	})
}

// A socket of a family that the reactor has no addresses for is not adopted as one of
// another: a netlink socket, which takes datagrams too, used to pass for UDP.
func TestAdoptRefusesOtherFamilies(t *testing.T) {
	leaktest.Check(t)
	fd, errno := sys.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM)
	if errno != 0 {
		t.Skip("this machine has no netlink sockets: ", errno)
	}
	files := []*os.File{os.NewFile(uintptr(fd), "netlink")}
	defer closeFiles(t, files)
	g, _, _ := serve(t, Options{Loops: 1}, NopHandler{})
	if _, err := g.AdoptPacket(files, nopPackets{}, ListenOptions{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("AdoptPacket: got %v, want ErrUnsupported", err)
	}
	if _, err := g.Adopt(files, NopHandler{}, ListenOptions{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Adopt: got %v, want ErrUnsupported", err)
	}
}
