package sys

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// heap is so many datagrams of a size for one of two receivers.
type heap struct{ to, size, count int }

// Neighbours that are alike are one message, and arrive as what they are.
func TestGSO(t *testing.T) {
	leaktest.Check(t)
	for _, ip := range []string{"127.0.0.1", "::1"} {
		for _, connected := range []bool{false, true} {
			from, addr := bound(t, ip)
			if !CanGSO(from) {
				t.Skip("this kernel has no UDP_SEGMENT")
			}
			var to [2]int
			var addrs [2]netip.AddrPort
			for i := range to {
				to[i], addrs[i] = bound(t, ip)
			}
			if connected {
				ok(t, Connect(from, addrs[0]))
			}
			in, out := NewBatch(2000), NewSendBatch(1<<20)
			for _, test := range []struct {
				heaps    []heap
				messages int
			}{
				{[]heap{{0, 64, 1}}, 1},
				{[]heap{{0, 64, 5}}, 1},
				{[]heap{{0, 64, 2}, {0, 10, 1}}, 1},
				{[]heap{{0, 64, 2}, {0, 10, 2}}, 2}, // a shorter one is the last of its message
				{[]heap{{0, 10, 2}, {0, 64, 2}}, 2},
				{[]heap{{0, 64, 2}, {1, 64, 2}, {0, 64, 2}}, 3}, // as they were told, in order
				{[]heap{{0, 0, 3}}, 3},
				{[]heap{{0, 8, 2}, {0, 0, 1}, {0, 8, 2}}, 3},
				{[]heap{{0, gsoSize, 3}}, 1},
				{[]heap{{0, gsoSize + 1, 3}}, 3},
				{[]heap{{0, gsoHeaders, BatchSize}}, 2}, // before Linux 5.16 the kernel would not take all
				{[]heap{{0, 1, BatchSize}}, 4},
				{[]heap{{0, gsoSize, BatchSize}}, 2},
			} {
				name := fmt.Sprintf("%s, connected %v, %v", ip, connected, test.heaps)
				var want [2][]arrived
				count := 0
				for _, h := range test.heaps {
					if connected && h.to > 0 {
						continue
					}
					for range h.count {
						text := fmt.Sprintf("%d ", count)
						text = strings.Repeat(text, h.size/len(text)+1)[:h.size]
						dest := addrs[h.to]
						if connected {
							dest = netip.AddrPort{}
						}
						if !out.Add([]byte(text), dest, "") {
							t.Fatal("no room")
						}
						want[h.to] = append(want[h.to], arrived{text: text, from: addr})
						count++
					}
				}
				if connected && len(test.heaps) == 3 && test.heaps[1].to > 0 {
					test.messages = 1 // what is between them was left out
				}
				var said string
				remove := SetHooks(&Hooks{Trace: func(c Call) {
					if c.Op == OpSendmmsg {
						said = fmt.Sprintf("%s, result %d", c.Args, c.Result)
					}
				}})
				n, e := out.Send(from, true)
				remove()
				if n != count || e != 0 || out.Len() != 0 {
					t.Errorf("%s: Send: %d, %v, %d left", name, n, e, out.Len())
				}
				if messages := fmt.Sprintf(", result %d", test.messages); !strings.HasSuffix(said, messages) {
					t.Errorf("%s: %s, want%s", name, said, messages[1:])
				}
				for i := range to {
					if len(want[i]) == 0 {
						continue
					}
					if got := take(t, in, to[i], len(want[i])); !slices.Equal(got, want[i]) {
						t.Errorf("%s: receiver %d got %v\nwant %v", name, i, got, want[i])
					}
				}
			}
		}
	}
}

// A message that the kernel refuses is told from datagrams that it refuses, and does not
// take those before it along.
func TestGSORefused(t *testing.T) {
	from, to := datagramPair(t, "127.0.0.1")
	if !CanGSO(from) {
		t.Skip("this kernel has no UDP_SEGMENT")
	}
	addr, e := Getsockname(to)
	ok(t, e)
	nobody := netip.AddrPortFrom(addr.Addr(), 0)
	out := NewSendBatch(1000)
	for _, dest := range []netip.AddrPort{addr, addr, nobody, nobody, addr} {
		out.Add([]byte("x"), dest, "")
	}
	for _, want := range []struct {
		gso     bool
		sent    int
		errno   Errno
		refused bool
	}{
		{true, 2, 0, false},
		{true, 0, unix.EINVAL, true},
		{false, 0, unix.EINVAL, false},
	} {
		n, e := out.Send(from, want.gso)
		if n != want.sent || e != want.errno || e != 0 && out.RefusedGSO(e) != want.refused {
			t.Errorf("got %d, %v, refused %v; want %+v", n, e, out.RefusedGSO(e), want)
		}
	}
	if out.RefusedGSO(unix.EAGAIN) {
		t.Error("a full socket refuses nothing")
	}
	out.Drop()
	out.Drop()
	if n, e := out.Send(from, true); n != 1 || e != 0 {
		t.Errorf("the rest: %d, %v", n, e)
	}
	if CanGSO(boundUnix(t, "")) {
		t.Error("a Unix socket is said to take several datagrams in one message")
	}
}
