//go:build linux

package run

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/bench/load"
	"example.com/iomux/bench/scenario"
)

// shop builds each peer once for all tests.
var shop *workshop

func TestMain(m *testing.M) {
	var err error
	if shop, err = newWorkshop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	status := m.Run()
	if err := shop.close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// started builds a peer and runs it until the end of the test.
func started(t *testing.T, name string, loops int, serve scenario.Kind, frame int) *server {
	t.Helper()
	p, err := parseSpec(name)
	if err != nil {
		t.Fatal(err)
	}
	m := shop.make(t.Context(), p.Peer)
	if m.err != nil {
		lacking(t, "%s: %v", name, m.err)
	}
	s, err := launch{command: slices.Concat(m.command, p.Flags), loops: loops, procs: loops, serve: serve, frame: frame}.start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.stop() })
	return s
}

// lacking skips a test whose tool is missing, or fails it where all tools are
// said to be there.
func lacking(t *testing.T, format string, args ...any) {
	t.Helper()
	if os.Getenv("IOMUX_REQUIRE_TOOLS") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// smoke is a round of each kind of load, small enough for seconds in all.
var smoke = map[scenario.Kind]map[string]load.Config{
	scenario.Echo: {
		"one by one": {Conns: 20, Size: 64, Messages: 300},
		"framed":     {Conns: 20, Size: 64, Depth: 16, Whole: true, Messages: 300},
		"mixed":      {Conns: 5, Size: 4096, Depth: 4, Mixed: true, Messages: 300},
		"large":      {Conns: 2, Size: 300_000, Messages: 300},
		"slow":       {Conns: 5, Size: 64, Slow: 2, Messages: 2000},
	},
	scenario.Churn: {"churn": {Kind: load.Churn, Conns: 8, Size: 64, Messages: 300}},
	scenario.Idle:  {"idle": {Kind: load.Idle, Conns: 100, Size: 64, Duration: 10 * time.Millisecond}},
	scenario.UDP:   {"datagrams": {Kind: load.UDP, Conns: 4, Size: 64, Depth: 8, Messages: 1000}},
	scenario.Room: {
		"a room":          {Kind: load.Room, Conns: 50, Size: 64, Rate: 500, Messages: 3000},
		"a room, bursts":  {Kind: load.Room, Conns: 50, Size: 64, Depth: 10, Rate: 1000, Messages: 6000},
		"a room, pressed": {Kind: load.Room, Conns: 50, Size: 64, Depth: 10, Rate: 20_000, Messages: 50_000},
	},
	scenario.Chat: {
		"a line":  {Kind: load.Chat, Conns: 10, Size: 64, Messages: 300},
		"a burst": {Kind: load.Chat, Conns: 10, Size: 64, Depth: 32, Messages: 2000},
	},
}

// TestPeers: every server measured is a correct one, in all that it is measured
// at.
func TestPeers(t *testing.T) {
	for _, p := range Peers {
		t.Run(p.Name, func(t *testing.T) {
			for _, kind := range p.Kinds {
				for name, c := range smoke[kind] {
					t.Run(name, func(t *testing.T) {
						serve, frame := kind, 0
						if kind == scenario.Churn || kind == scenario.Idle {
							serve = scenario.Echo
						}
						if c.Whole {
							frame = c.Size
						}
						c.Addr = started(t, p.Name, 1, serve, frame).addr
						r, err := load.Run(c)
						if err != nil {
							t.Fatal(err)
						}
						if r.Lost > 0 {
							t.Logf("%d datagrams lost", r.Lost)
						}
					})
				}
			}
		})
	}
}

// TestPeersTwoLoops: so are those that have several loops, with two.
func TestPeersTwoLoops(t *testing.T) {
	for name, kinds := range map[string][]scenario.Kind{
		"c_epoll": {scenario.Echo}, "c_udp": {scenario.UDP}, "c_uring": {scenario.Echo},
		"iomux": {scenario.Echo, scenario.UDP, scenario.Chat, scenario.Room}, "gnet": {scenario.Echo, scenario.UDP, scenario.Chat, scenario.Room},
		"netpoll": {scenario.Echo}, "evio": {scenario.Echo}, "nbio": {scenario.Echo}, "gaio": {scenario.Echo},
	} {
		for _, kind := range kinds {
			for load, c := range smoke[kind] {
				t.Run(name+"/"+load, func(t *testing.T) { twoLoops(t, name, kind, c) })
			}
		}
	}
}

// TestDatagramsJoined: datagrams that leave as one message arrive as what they are.
func TestDatagramsJoined(t *testing.T) {
	for _, size := range []int{8, 64, 1472, 1473} {
		c := load.Config{Kind: load.UDP, Conns: 4, Size: size, Depth: 16, Messages: 2000}
		c.Addr = started(t, "c_udp -gso 1", 1, scenario.UDP, 0).addr
		if _, err := load.Run(c); err != nil {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func twoLoops(t *testing.T, name string, kind scenario.Kind, c load.Config) {
	frame := 0
	if c.Whole {
		frame = c.Size
	}
	c.Addr = started(t, name, 2, kind, frame).addr
	if _, err := load.Run(c); err != nil {
		t.Error(err)
	}
}

// TestLimitKeepsWhatIsRefused: a client that sends until nothing more is taken
// from it, and only then begins to read and says that it has no more, gets all
// of it back from the C server.
func TestLimitKeepsWhatIsRefused(t *testing.T) {
	c := dial(t, started(t, "c_epoll", 1, scenario.Echo, 0).addr)
	sent := bytes.Repeat([]byte("0123456789abcdef!"), 4<<20)
	taken := 0
	for stuck := false; !stuck && taken < len(sent); {
		c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		n, err := c.Write(sent[taken:])
		if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
		taken += n
		stuck = n == 0
	}
	if taken == len(sent) {
		t.Fatalf("all of %d bytes taken, though none was read: that much is kept", taken)
	}
	if err := c.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	back, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(back, sent[:taken]) {
		t.Errorf("%d bytes back, equal to the %d sent only up to %d", len(back), taken, common(back, sent))
	}
}

// TestLimitSurvivesResets: connections that end badly, with and without an echo
// still to send, do not take the C server with them.
func TestLimitSurvivesResets(t *testing.T) {
	s := started(t, "c_epoll", 1, scenario.Echo, 0)
	for i := range 20 {
		c := dial(t, s.addr)
		if _, err := c.Write(make([]byte, i*100_000)); err != nil && !errors.Is(err, unix.ECONNRESET) {
			t.Fatal(err)
		}
		c.SetLinger(0)
		c.Close()
	}
	echoes(t, dial(t, s.addr))
}

// TestLimitOutOfDescriptors: who does not fit waits, and is served as soon as
// another leaves.
func TestLimitOutOfDescriptors(t *testing.T) {
	s := started(t, "c_epoll", 1, scenario.Echo, 0)
	const few = 12
	if err := unix.Prlimit(s.cmd.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: few, Max: few}, nil); err != nil {
		t.Fatal(err)
	}
	conns := make([]*net.TCPConn, 2*few)
	for i := range conns {
		conns[i] = dial(t, s.addr)
	}
	for _, c := range conns {
		echoes(t, c)
		c.Close()
	}
}

func dial(t *testing.T, addr netip.AddrPort) *net.TCPConn {
	t.Helper()
	c, err := net.DialTCP("tcp4", nil, net.TCPAddrFromAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func echoes(t *testing.T, c *net.TCPConn) {
	t.Helper()
	buf := []byte("hello")
	if _, err := c.Write(buf); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != "hello" {
		t.Fatalf("got %q, %v", buf, err)
	}
}

func common(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
