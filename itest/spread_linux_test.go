package itest

import (
	"net/netip"
	"testing"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/reactor"
)

// host is a server that says when it has a guest.
type host struct {
	reactor.NopHandler
	opened chan *reactor.Loop
}

func (h host) Opened(c *reactor.Conn) { h.opened <- c.Loop() }

// guests connects one client after the other, each when the last one is there, and
// returns how many came to each loop.
func guests(t *testing.T, group *reactor.Group, addr netip.AddrPort, h host, clients int) []int {
	t.Helper()
	number := map[*reactor.Loop]int{}
	for i, l := range group.Loops() {
		number[l] = i
	}
	got := make([]int, len(number))
	for range clients {
		c, err := bareDial(addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.close)
		got[number[arrives(t, h.opened)]]++
	}
	return got
}

// N8, evio issue 25: a new connection wakes one loop of four, and not for nothing;
// and each loop gets its share.
func TestNoThunderingHerd(t *testing.T) {
	const loops, clients = 4, 4000
	for _, balance := range []reactor.Balance{reactor.ReusePort, reactor.RoundRobin, reactor.LeastConnections} {
		t.Run(string(balance), func(t *testing.T) {
			leaktest.Check(t)
			room(t, 2*clients)
			h := host{opened: make(chan *reactor.Loop, 1)}
			group := openGroup(t, reactor.Options{Loops: loops})
			addr := addrPort(t, listen(t, group, "tcp://127.0.0.1:0", h, reactor.ListenOptions{Balance: balance}))
			settled(t, group)
			before := group.Stats()
			got := guests(t, group, addr, h, clients)
			await(t, "the loops have counted all", func() bool { return group.Stats().Opened == clients })
			after := group.Stats()

			// A turn is a wake-up. One that accepts is useful, and so is one for
			// a connection that another loop has accepted and hands over.
			turns, events, posted := after.Turns-before.Turns, after.Events-before.Events, after.Posted-before.Posted
			useless := (float64(turns) - float64(clients+posted)) / clients
			t.Logf("%d wake-ups and %d events for %d connections, of which %d were handed over: %.4f useless wake-ups each; spread %v",
				turns, events, clients, posted, useless, got)
			if useless > 0.02 {
				t.Errorf("%.4f useless wake-ups for each connection, want at most 0.02", useless)
			}
			if events > clients+clients/50 {
				t.Errorf("%d events for %d connections", events, clients)
			}
			for i, n := range got {
				if n < clients/loops*8/10 || n > clients/loops*12/10 {
					t.Errorf("loop %d got %d connections of %d, want a quarter give or take a fifth of it", i, n, clients)
				}
			}
		})
	}
}
