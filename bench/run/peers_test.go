//go:build linux

package run

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/bench/load"
)

// started builds a peer and runs it until the end of the test.
func started(t *testing.T, name string, loops, frame int) *server {
	t.Helper()
	shop, err := newWorkshop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shop.close() })
	p, err := findPeer(name)
	if err != nil {
		t.Fatal(err)
	}
	program, err := shop.program(t.Context(), p)
	if err != nil {
		needs := map[string]string{"c_epoll": "a C compiler", "gnet": "its modules"}
		if needs[name] == "" || name == "c_epoll" && compiler() {
			t.Fatal(err)
		}
		lacking(t, "%s needs %s: %v", name, needs[name], err)
	}
	s, err := launch{program: program, loops: loops, procs: loops, frame: frame}.start(t.Context())
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

func compiler() bool {
	_, err := exec.LookPath("cc")
	return err == nil && os.Getenv("CC") == ""
}

// TestPeersEcho: every server measured is a correct one.
func TestPeersEcho(t *testing.T) {
	for _, p := range Peers {
		t.Run(p.Name, func(t *testing.T) {
			for name, c := range map[string]load.Config{
				"one by one": {Conns: 20, Size: 64},
				"framed":     {Conns: 20, Size: 64, Depth: 16, Whole: true},
				"large":      {Conns: 2, Size: 300_000},
			} {
				t.Run(name, func(t *testing.T) {
					frame, loops := 0, 1
					if c.Whole {
						frame, loops = c.Size, 2
					}
					c.Addr, c.Messages = started(t, p.Name, loops, frame).addr, 300
					if _, err := load.Run(c); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

// TestLimitKeepsWhatIsRefused: a client that sends until nothing more is taken
// from it, and only then begins to read and says that it has no more, gets all
// of it back from the C server.
func TestLimitKeepsWhatIsRefused(t *testing.T) {
	c := dial(t, started(t, "c_epoll", 1, 0).addr)
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
	s := started(t, "c_epoll", 1, 0)
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
	s := started(t, "c_epoll", 1, 0)
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

// TestNobodyFailsTheRun: a peer without sources, one that refuses its flags and
// one that is fine.
func TestNobodyFailsTheRun(t *testing.T) {
	gonet, err := findPeer("gonet")
	if err != nil {
		t.Fatal(err)
	}
	scenarios, err := ParseScenarios("2x8")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Scenarios: scenarios, Peers: []Spec{{Peer: Peer{Name: "missing"}}, {gonet, []string{"-nonsense"}}, {Peer: gonet}}, Rounds: 1, Duration: 1e7, Loops: 1}
	var out bytes.Buffer
	r, err := Run(context.Background(), o, &out)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Skipped) != 2 || r.Skipped[0].Peer != "missing" || r.Skipped[0].Failed || !r.Skipped[1].Failed || strings.Count(out.String(), "skipped: ") != 2 {
		t.Errorf("skipped %+v", r.Skipped)
	}
	if len(r.Scenarios) != 1 || len(r.Scenarios[0].Rows) != 1 || r.Scenarios[0].Base != "gonet" {
		t.Errorf("report %+v", r)
	}
	o.Peers = o.Peers[:1]
	if _, err := Run(context.Background(), o, &out); err == nil {
		t.Error("nothing to measure, and no error")
	}
}

// TestSystemCallsCounted needs strace, and the right to trace.
func TestSystemCallsCounted(t *testing.T) {
	if _, err := exec.LookPath("strace"); err != nil {
		lacking(t, "strace: %v", err)
	}
	gonet, err := findPeer("gonet")
	if err != nil {
		t.Fatal(err)
	}
	scenarios, err := ParseScenarios("2x8")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Scenarios: scenarios, Peers: []Spec{{Peer: gonet}}, Rounds: 1, Duration: 1e7, Loops: 1, Calls: true}
	var out bytes.Buffer
	r, err := Run(context.Background(), o, &out)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Notes) > 0 {
		lacking(t, "%s", r.Notes[0])
	}
	if calls := r.Scenarios[0].Rows[0].Calls; calls["write"] < 0.9 || calls["write"] > 1.1 {
		t.Errorf("%v writes a message, want 1", calls["write"])
	}
}
