package itest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
)

// stages are how far a connection gets before its client resets it.
var stages = []struct {
	name string
	do   func(c bare) error
}{
	{"at once", func(bare) error { return nil }},
	{"after accept", func(c bare) error { return c.echoed("x") }},
	{"in the middle of a read", func(c bare) error {
		_, err := c.Write(make([]byte, 32<<10))
		return err
	}},
	{"in the middle of a write", func(c bare) error { // of the server, whose buffer is small
		_, err := c.Write(make([]byte, 128<<10))
		return err
	}},
	{"half-closed", func(c bare) error {
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		return unix.Shutdown(int(c), unix.SHUT_WR)
	}},
}

// N1: twenty thousand clients reset at all stages, the administrator kills
// connections from outside, and a firewall resets others. The server closes each
// connection once and keeps nothing of it, and a hundred honest clients do not
// notice.
func TestResetStorm(t *testing.T) {
	const storm, early, handshakes = 20_000, 2_000, 500
	leaktest.Check(t)
	ss := tool(t, "ss")
	n := ownNetwork(t)
	h := &counted{t: t}
	group := openGroup(t, reactor.Options{Loops: 2})
	ln := listen(t, group, "tcp://127.0.0.1:0", h, reactor.ListenOptions{Socket: reactor.SocketOptions{WriteBuffer: 4608}})
	addr := addrPort(t, ln)
	n.rules(fmt.Sprintf(`table inet storm {
		chain in {
			type filter hook input priority 0;
			ip daddr 127.0.0.3 tcp flags & (syn|ack) == (syn|ack) drop
			ip daddr 127.0.0.2 tcp sport %d tcp flags & (syn|fin|rst) == 0 numgen inc mod 3 0 counter reject with tcp reset
		}
	}`, addr.Port()))
	before := descriptors(t)

	honest := n.honest(addr, 100)
	n.resets(addr, storm-early-handshakes, 8)

	// Before accept: they are reset while they wait in the kernel's queue.
	ln.Pause()
	settled(t, group)
	n.resets(addr, early, 1)
	ln.Resume()

	// During the handshake, whose answer they never get.
	for range handshakes {
		n.halfOpen(netip.MustParseAddr("127.0.0.3"), addr)
	}
	n.kills(ss, addr)
	n.firewalled(netip.MustParseAddr("127.0.0.2"), addr)

	if done := honest(); done < 100*20 {
		t.Errorf("the honest clients exchanged only %d messages meanwhile", done)
	} else {
		t.Logf("the honest clients exchanged %d messages meanwhile", done)
	}
	h.balanced(group)
	if opened, want := h.opened.Load(), int64(storm-handshakes+100+200+60); opened != want {
		t.Errorf("of %d connects the server saw %d", want, opened)
	}
	if seen := h.closedFor(unix.ECONNRESET); seen < storm/4 {
		t.Errorf("only %d connections were reset as the server saw it: too few to test anything", seen)
	}
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before the storm, %d after", before, after)
	}
	c, err := bareDial(addr)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.echoed(message); err != nil {
		t.Errorf("after the storm: %v", err)
	}
	c.close()
	h.balanced(group)
}

// honest has clients talk until the returned function is called, which says how
// many messages came back. Each wants its own words and an end in order.
func (n *network) honest(addr netip.AddrPort, clients int) (stop func() int64) {
	var over atomic.Bool
	var exchanged atomic.Int64
	var wg sync.WaitGroup
	for i := range clients {
		n.start(&wg, func() {
			c, err := bareDial(addr)
			if err != nil {
				n.t.Errorf("honest client %d: %v", i, err)
				return
			}
			defer c.close()
			for m := 0; !over.Load() || m < 20; m++ {
				if err := c.echoed(strings.Repeat(fmt.Sprintf("client %d says %d; ", i, m), 1+m%50)); err != nil {
					n.t.Errorf("honest client %d, message %d: %v", i, m, err)
					return
				}
				exchanged.Add(1)
				time.Sleep(50 * time.Millisecond) // it thinks
			}
			if err := unix.Shutdown(int(c), unix.SHUT_WR); err != nil {
				n.t.Error(err)
			}
			if err := c.ended(); err != nil {
				n.t.Errorf("honest client %d, at the end: %v", i, err)
			}
		})
	}
	return func() int64 {
		over.Store(true)
		wg.Wait()
		return exchanged.Load()
	}
}

// resets connects and resets, at every stage in turn, or only at the first ones.
func (n *network) resets(addr netip.AddrPort, connects, workers int) {
	var wg sync.WaitGroup
	var next atomic.Int64
	kinds := len(stages)
	if workers == 1 {
		kinds = 1
	}
	for range workers {
		n.start(&wg, func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= connects {
					return
				}
				c, err := bareDial(addr)
				if err != nil {
					n.t.Error(err)
					return
				}
				stage := stages[i%kinds]
				if err := stage.do(c); err != nil {
					n.t.Errorf("%s: %v", stage.name, err)
				}
				c.reset()
			}
		})
	}
	wg.Wait()
}

// halfOpen begins a connect from an address that gets no answers, and gives up.
func (n *network) halfOpen(from netip.Addr, to netip.AddrPort) {
	n.t.Helper()
	c, err := bareSocket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK)
	if err != nil {
		n.t.Fatal(err)
	}
	if err := unix.Bind(int(c), sockaddr(netip.AddrPortFrom(from, 0))); err != nil {
		n.t.Fatal(err)
	}
	if err := unix.Connect(int(c), sockaddr(to)); err != unix.EINPROGRESS {
		n.t.Errorf("connect without an answer: %v, want EINPROGRESS", err)
	}
	c.reset()
}

// kills has ss -K kill half of two hundred connections, at the server's end or at
// the client's. The others live.
func (n *network) kills(ss string, addr netip.AddrPort) {
	n.t.Helper()
	conns := make([]net.Conn, 200)
	for i := range conns {
		conn, err := dial(addr.String(), nil)
		if err != nil {
			n.t.Fatal(err)
		}
		defer conn.Close()
		if err := exchange(conn, message); err != nil {
			n.t.Fatal(err)
		}
		conns[i] = conn
	}
	rand.Shuffle(len(conns), func(i, j int) { conns[i], conns[j] = conns[j], conns[i] })
	ports := func(which string, conns []net.Conn) string {
		var list []string
		for _, c := range conns {
			list = append(list, fmt.Sprintf("%s = :%d", which, c.LocalAddr().(*net.TCPAddr).Port))
		}
		return strings.Join(list, " or ")
	}
	n.run("", ss, "-K", "-t", fmt.Sprintf("sport = :%d and ( %s )", addr.Port(), ports("dport", conns[:50])))
	n.run("", ss, "-K", "-t", fmt.Sprintf("dport = :%d and ( %s )", addr.Port(), ports("sport", conns[50:100])))
	for i, c := range conns {
		switch err := exchange(c, message); {
		case i >= 100 && err != nil:
			n.t.Errorf("a connection that nobody has killed: %v", err)
		case i < 100 && err == nil:
			missing(n.t, "ss", "it does not kill connections here, see CONFIG_INET_DIAG_DESTROY")
		case i < 100 && !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.ECONNABORTED) && !errors.Is(err, syscall.EPIPE):
			n.t.Errorf("a connection that ss -K has killed: %v", err)
		}
	}
}

// firewalled has clients talk through a rule that answers every third segment of
// the server with a reset, and drops it.
func (n *network) firewalled(from netip.Addr, to netip.AddrPort) {
	n.t.Helper()
	var wg sync.WaitGroup
	for range 60 {
		n.start(&wg, func() {
			d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
			conn, err := d.Dial("tcp", to.String())
			if err != nil {
				n.t.Error(err)
				return
			}
			defer conn.Close()
			for range 30 {
				// What the rule has dropped never comes.
				_ = conn.SetDeadline(time.Now().Add(300 * time.Millisecond))
				if exchange(conn, message) != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	out := n.run("", tool(n.t, "nft"), "list", "ruleset")
	if m := regexp.MustCompile(`counter packets (\d+)`).FindStringSubmatch(out); m == nil || m[1] == "0" {
		n.t.Errorf("the firewall has reset nobody:\n%s", out)
	} else {
		n.t.Logf("the firewall has reset %s times", m[1])
	}
}
