package itest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// rawSocket is one to forge packets with.
func rawSocket(t *testing.T, protocol int) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		missing(t, "raw(7)", fmt.Sprintf("a raw socket is not to be had: %v", err))
	}
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// udpHeader is that of a datagram, without a checksum, which IPv4 permits.
func udpHeader(from, to uint16, payload int) []byte {
	h := binary.BigEndian.AppendUint16(nil, from)
	h = binary.BigEndian.AppendUint16(h, to)
	h = binary.BigEndian.AppendUint16(h, uint16(8+payload))
	return append(h, 0, 0)
}

// icmpAbout is an ICMP message of a type and code about a datagram that was sent.
func icmpAbout(kind, code byte, from, to netip.AddrPort) []byte {
	p := []byte{kind, code, 0, 0, 0, 0, 0, 0}
	header := []byte{0x45, 0, 0, 28 + 4, 0, 0, 0, 0, 64, unix.IPPROTO_UDP, 0, 0}
	header = append(append(header, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	binary.BigEndian.PutUint16(header[10:], checksum(header))
	p = append(append(p, header...), udpHeader(from.Port(), to.Port(), 4)...)
	p = append(p, "data"...)
	binary.BigEndian.PutUint16(p[2:], checksum(p))
	return p
}

// checksum is the internet's, RFC 1071.
func checksum(p []byte) uint16 {
	var sum uint32
	for ; len(p) > 1; p = p[2:] {
		sum += uint32(binary.BigEndian.Uint16(p))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// peer is a handler of a connected socket that passes on what it is told.
type peer struct {
	got chan string
	mu  sync.Mutex
	// told are the errors, by errno.
	told map[unix.Errno]int
}

func (h *peer) Packet(_ *reactor.PacketConn, p []byte, _ reactor.Peer) { h.got <- string(p) }

func (h *peer) PacketError(_ *reactor.PacketConn, err error) {
	var errno unix.Errno
	_ = errors.As(err, &errno)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told[errno]++
}

// U7: whatever ICMP says about the datagrams of a socket, some of it forged, the
// socket goes on; what is an error of its peer's the handler is told. A forged
// "too big" lives on in the kernel's routes for ten minutes, hence the network.
func TestICMPEndsNothing(t *testing.T) {
	leaktest.Check(t)
	n := ownNetwork(t)
	raw := rawSocket(t, unix.IPPROTO_ICMP)
	group := openGroup(t, reactor.Options{Loops: 1})
	n.move(group.Loops()[0])
	server, err := group.ListenPacket("udp://127.0.0.1:0", echo.Packets{}, reactor.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	to := netip.MustParseAddrPort(server.Addr().String())
	h := &peer{got: make(chan string, 10), told: map[unix.Errno]int{}}
	dialled := make(chan *reactor.PacketConn, 1)
	if err := group.Loops()[0].Post(func() {
		s, err := group.Loops()[0].DialPacket(server.URL(), h, reactor.ListenOptions{})
		if err != nil {
			t.Error(err)
		}
		dialled <- s
	}); err != nil {
		t.Fatal(err)
	}
	s := arrives(t, dialled)
	if s == nil {
		t.FailNow()
	}
	from := s.LocalAddrPort()
	ask := func(message string) {
		if err := s.Post(func() { s.Write([]byte(message)) }); err != nil {
			t.Fatal(err)
		}
		if got := arrives(t, h.got); got != message {
			t.Fatalf("got %q, want %q", got, message)
		}
	}
	for round := range 20 {
		for _, kind := range []byte{3, 4, 5, 11, 12} { // unreachable, quench, redirect, time exceeded, bad parameter
			for code := range byte(16) {
				for _, p := range [][]byte{icmpAbout(kind, code, from, to), icmpAbout(kind, code, to, from)} {
					if err := unix.Sendto(raw, p, 0, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
						t.Fatal(err)
					}
				}
				ask(fmt.Sprintf("round %d, type %d, code %d", round, kind, code))
			}
		}
	}
	settled(t, group)
	h.mu.Lock()
	t.Logf("told: %v", h.told)
	for _, want := range []unix.Errno{unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENOPROTOOPT, unix.EPROTO} {
		if h.told[want] == 0 {
			t.Errorf("of %v the handler was told nothing", want)
		}
	}
	h.mu.Unlock()

	// A server that is gone, and comes back: the kernel's own ICMP.
	server.Close()
	settled(t, group)
	before := h.refused()
	await(t, "the socket hears that nobody is there", func() bool {
		if err := s.Post(func() { s.Write([]byte("anybody?")) }); err != nil {
			t.Fatal(err)
		}
		return h.refused() >= before+10
	})
	settled(t, group)
	if _, err := group.ListenPacket(server.URL(), echo.Packets{}, reactor.ListenOptions{}); err != nil {
		t.Fatal(err)
	}
	ask("is there somebody again?")
}

// refused is how often the handler was told that nobody is there.
func (h *peer) refused() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.told[unix.ECONNREFUSED]
}

// U7: an answer is never longer than what it answers, and who may be a server that
// answers answers gets none, nor does who sends from port 0, whatever a forger
// writes into the header.
func TestForgedSourcesAreNotAnswered(t *testing.T) {
	leaktest.Check(t)
	n := ownNetwork(t)
	raw := rawSocket(t, unix.IPPROTO_UDP)
	group := openGroup(t, reactor.Options{Loops: 1})
	ln, err := group.ListenPacket("udp://127.0.0.1:0", echo.Packets{}, reactor.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	to := netip.MustParseAddrPort(ln.Addr().String())
	forge := func(port uint16) {
		t.Helper()
		p := append(udpHeader(port, to.Port(), 4), "data"...)
		if err := unix.Sendto(raw, p, 0, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
			t.Fatal(err)
		}
	}
	forged := []uint16{0, 7, 19, 53, 123, 1023, to.Port()}
	for _, port := range forged {
		forge(port)
	}
	await(t, "the forged datagrams are in", func() bool { return group.Stats().PacketsIn == uint64(len(forged)) })
	settled(t, group)
	if s := group.Stats(); s.PacketsOut > 0 || n.count("Udp", "OutDatagrams") > 0 {
		t.Errorf("%d forged datagrams were answered, the kernel has sent %d", s.PacketsOut, n.count("Udp", "OutDatagrams"))
	}
	// That forging works: an honest port is answered.
	forge(40_000)
	await(t, "the honest one is answered", func() bool { return group.Stats().PacketsOut == 1 })

	c, err := bareConnect(unix.AF_INET, unix.SOCK_DGRAM, sockaddr(to))
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	before := group.Stats()
	buf := make([]byte, 1<<16)
	sent := 0
	for _, size := range []int{0, 1, 64, 1472, 1473, 9000, 65507} {
		want := bytes.Repeat([]byte{byte(size)}, size)
		if _, err := c.Write(want); err != nil {
			t.Fatal(err)
		}
		got, err := unix.Read(int(c), buf)
		if err != nil || !bytes.Equal(buf[:got], want) {
			t.Errorf("%d bytes: %d came back, %v", size, got, err)
		}
		sent += size
	}
	await(t, "the answers are counted", func() bool { return group.Stats().PacketsOut-before.PacketsOut == 7 })
	if s := group.Stats(); s.BytesOut-before.BytesOut != uint64(sent) || s.BytesIn-before.BytesIn != uint64(sent) {
		t.Errorf("%d bytes were sent, %d arrived and %d went back", sent, s.BytesIn-before.BytesIn, s.BytesOut-before.BytesOut)
	}
}

// U7: a datagram that is longer than what is taken is reported and counted, never
// delivered as if that were all. Only a Unix socket brings such.
func TestCutDatagramsAreNotDelivered(t *testing.T) {
	leaktest.Check(t)
	group := openGroup(t, reactor.Options{Loops: 1})
	dir := publicDir(t)
	h := &peer{got: make(chan string, 10), told: map[unix.Errno]int{}}
	if _, err := group.ListenPacket("unixgram://"+filepath.Join(dir, "s"), h, reactor.ListenOptions{}); err != nil {
		t.Fatal(err)
	}
	c, err := bareConnect(unix.AF_UNIX, unix.SOCK_DGRAM, &unix.SockaddrUnix{Name: filepath.Join(dir, "s")})
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for i, size := range []int{65535, 65536, 100_000, 150_000, 1} {
		if _, err := c.Write(bytes.Repeat([]byte{byte(i)}, size)); err != nil {
			t.Fatal(err)
		}
		if size > 65535 {
			continue
		}
		if got := arrives(t, h.got); got != string(bytes.Repeat([]byte{byte(i)}, size)) {
			t.Errorf("%d bytes were sent, %d others arrived", size, len(got))
		}
	}
	await(t, "the cut ones are counted", func() bool { return group.Stats().PacketsTruncated == 3 })
	settled(t, group)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.told[0] != 3 { // ErrTruncated has no errno
		t.Errorf("told %v, want three that were cut", h.told)
	}
}
