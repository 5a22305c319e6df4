package itest

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// burst begins to connect as often as told, without waiting for any of them, and
// returns the sockets.
func (n *network) burst(addr netip.AddrPort, connects int) []bare {
	n.t.Helper()
	list := make([]bare, connects)
	const workers = 4
	var wg sync.WaitGroup
	for w := range workers {
		n.start(&wg, func() {
			for i := w; i < connects; i += workers {
				c, err := bareSocket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK)
				if err == nil {
					err = unix.Connect(int(c), sockaddr(addr))
				}
				if err != nil && !errors.Is(err, unix.EINPROGRESS) {
					n.t.Errorf("connect %d: %v", i, err)
				}
				list[i] = c
			}
		})
	}
	wg.Wait()
	return list
}

// connected counts those of a burst that have a connection.
func connected(list []bare) (count int) {
	for _, c := range list {
		if _, err := unix.Getpeername(int(c)); err == nil {
			count++
		}
	}
	return count
}

// N9: five thousand clients that connect at once are all let in, with the default
// backlog, whether the server accepts at the time or is busy with something else.
func TestConnectBurst(t *testing.T) {
	const connects = 5000
	leaktest.Check(t)
	room(t, 2*connects)
	ss := tool(t, "ss")
	n := ownNetwork(t)
	group := openGroup(t, reactor.Options{Loops: 2}) // each has a queue of its own
	ln := listen(t, group, "tcp://127.0.0.1:0", echo.Handler{}, reactor.ListenOptions{})
	addr := addrPort(t, ln)

	// The kernel has the backlog as its own limit lets it.
	limit := n.setting("core/somaxconn")
	if limit < 4096 {
		t.Errorf("somaxconn is %d, less than the default backlog 4096", limit)
	}
	sockets := n.run("", ss, "-ltnH", fmt.Sprintf("sport = :%d", addr.Port()))
	for line := range strings.Lines(sockets) {
		if fields := strings.Fields(line); len(fields) < 3 || fields[2] != fmt.Sprint(min(4096, limit)) {
			t.Errorf("ss says of a listening socket %q, want a Send-Q of %d", fields, min(4096, limit))
		}
	}
	if strings.Count(sockets, "\n") != 2 {
		t.Errorf("ss says there are these listening sockets, want two:\n%s", sockets)
	}

	overflows := func() int { return n.count("TcpExt", "ListenOverflows") + n.count("TcpExt", "ListenDrops") }
	for _, busy := range []bool{false, true} {
		if busy { // nobody accepts meanwhile, and only the queues take them
			ln.Pause()
			settled(t, group)
		}
		list := n.burst(addr, connects)
		if busy {
			if got := connected(list); got != connects {
				t.Errorf("of %d clients %d have a connection", connects, got)
			}
			ln.Resume()
		}
		for i, c := range list {
			if err := unix.SetNonblock(int(c), false); err != nil {
				t.Fatal(err)
			}
			if err := c.echoed(message); err != nil {
				t.Errorf("busy %v, client %d: %v", busy, i, err)
			}
		}
		if lost := overflows(); lost > 0 {
			t.Errorf("busy %v: the kernel has dropped %d connects", busy, lost)
		}
		for _, c := range list {
			c.close()
		}
		await(t, "the connections are closed", func() bool { return group.Stats().Conns == 0 })
	}

	// That the kernel would count what did not fit: a smaller queue overflows.
	small := openGroup(t, reactor.Options{Loops: 1, Backlog: 100})
	crowded := listen(t, small, "tcp://127.0.0.1:0", echo.Handler{}, reactor.ListenOptions{})
	crowded.Pause()
	settled(t, small)
	list := n.burst(addrPort(t, crowded), 200)
	if got := connected(list); got > 150 || overflows() == 0 {
		t.Errorf("with a backlog of 100, %d of 200 clients have a connection and %d were dropped", got, overflows())
	}
	for _, c := range list {
		c.close()
	}
}
