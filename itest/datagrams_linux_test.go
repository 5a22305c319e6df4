package itest

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
	"example.com/iomux/internal/sys"
	"example.com/iomux/reactor"
	"example.com/iomux/servers/echo"
)

// packets is a role: it answers datagrams on one loop, until it is to end.
func packets(args []string) int {
	group, err := reactor.Open(reactor.Options{Loops: 1})
	if err != nil {
		return complain(err)
	}
	for _, url := range args {
		ln, err := group.ListenPacket(url, echo.Packets{}, reactor.ListenOptions{})
		if err != nil {
			return complain(err)
		}
		fmt.Println(ln.Addr())
	}
	untilEnd()
	if err := group.Shutdown(context.Background()); err != nil {
		return complain(err)
	}
	return 0
}

// volley is one client that keeps a number of datagrams of 64 bytes under way.
type volley struct {
	c    bare
	out  *sys.SendBatch
	in   *sys.Batch
	next uint64 // the number in the next datagram
}

func newVolley(to netip.AddrPort) (*volley, error) {
	c, err := bareConnect(unix.AF_INET, unix.SOCK_DGRAM, sockaddr(to))
	if err != nil {
		return nil, err
	}
	return &volley{c: c, out: sys.NewSendBatch(64 << 10), in: sys.NewBatch(64)}, nil
}

// shoot sends as many datagrams as told and waits until they have come back, whole
// and in order.
func (v *volley) shoot(datagrams int) error {
	p := make([]byte, 64)
	wanted := v.next
	for range datagrams {
		binary.BigEndian.PutUint64(p, v.next)
		v.next++
		v.out.Add(p, netip.AddrPort{}, "")
	}
	for v.out.Len() > 0 {
		if _, errno := v.out.Send(int(v.c), false); errno != 0 {
			return fmt.Errorf("send: %w", errno)
		}
	}
	for wanted < v.next {
		ready := []unix.PollFd{{Fd: int32(v.c), Events: unix.POLLIN}}
		switch n, err := unix.Poll(ready, int(patience.Milliseconds())); {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("poll: %w", err)
		case n == 0:
			return fmt.Errorf("datagram %d of %d does not come back", wanted, v.next)
		}
		n, errno := v.in.Recv(int(v.c), sys.BatchSize)
		if errno != 0 && errno != unix.EAGAIN {
			return fmt.Errorf("receive: %w", errno)
		}
		for i := range n {
			if p, _ := v.in.Packet(i); len(p) != 64 || binary.BigEndian.Uint64(p) != wanted {
				return fmt.Errorf("got %x instead of datagram %d", p, wanted)
			}
			wanted++
		}
	}
	return nil
}

// under load is four clients with 48 datagrams each under way: they fit the queue
// of the server's socket, which loses none then.
const (
	volleyClients = 4
	volleyWindow  = 48
)

// volleys has the clients shoot so many rounds.
func volleys(t *testing.T, to netip.AddrPort, rounds int) {
	t.Helper()
	var wg sync.WaitGroup
	for range volleyClients {
		v, err := newVolley(to)
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			defer v.c.close()
			for range rounds {
				if err := v.shoot(volleyWindow); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// Under load a datagram costs a fifth of a system call at most, as strace counts
// them: all of the process's but the Go runtime's own.
func TestCallsOfDatagrams(t *testing.T) {
	const rounds = 50
	tr := straced(t, "all")
	p := startRole(t, tr.command, "packets", "udp://127.0.0.1:0")
	to := netip.MustParseAddrPort(p.line())
	marker, err := bareConnect(unix.AF_INET, unix.SOCK_DGRAM, sockaddr(to))
	if err != nil {
		t.Fatal(err)
	}
	defer marker.close()
	volleys(t, to, 2) // until threads are started and buffers made
	if err := marker.echoed(beginMark); err != nil {
		t.Fatal(err)
	}
	volleys(t, to, rounds)
	if err := marker.echoed(endMark); err != nil {
		t.Fatal(err)
	}
	if _, status := p.end(); status != 0 {
		t.Fatalf("exit status %d: %s", status, p.log.String())
	}
	names := map[string]int{}
	counting, over, calls := false, false, 0
	for _, c := range tr.calls() {
		switch {
		case c.name == "recvmmsg" && strings.Contains(c.args, beginMark):
			counting = true
			continue
		case c.name == "recvmmsg" && strings.Contains(c.args, endMark):
			over = true
		}
		if counting && !over && !slices.Contains(runtimeCalls, c.name) {
			calls++
			names[c.name]++
		}
	}
	const datagrams = volleyClients * volleyWindow * rounds
	if !over {
		t.Fatal("the marks are not in the trace")
	}
	each := float64(calls) / datagrams
	t.Logf("%d datagrams, %d calls: %.3f each; %v", datagrams, calls, each, names)
	if each > 0.2 || names["recvmmsg"] == 0 || names["sendmmsg"] == 0 {
		t.Errorf("a datagram takes %.3f system calls, want at most 0.2", each)
	}
	if batch := float64(datagrams) / float64(names["recvmmsg"]); batch < 16 {
		t.Errorf("%.1f datagrams for each recvmmsg, want at least 16", batch)
	}
}

// The same without a tracer, which slows the server down and so fills its batches,
// by the loop's own counts.
func TestDatagramsFillBatches(t *testing.T) {
	const rounds = 500
	leaktest.Check(t)
	group := openGroup(t, reactor.Options{Loops: 1})
	ln, err := group.ListenPacket("udp://127.0.0.1:0", echo.Packets{}, reactor.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	volleys(t, netip.MustParseAddrPort(ln.Addr().String()), rounds)
	const datagrams = volleyClients * volleyWindow * rounds
	await(t, "all is counted", func() bool { return group.Stats().PacketsOut >= datagrams })
	s := group.Stats()
	each := float64(s.Recvs+s.Sends+s.Waits+s.Watches) / datagrams
	batch := float64(s.PacketsIn) / float64(s.Recvs-s.Again)
	t.Logf("%d datagrams: %d recvmmsg, %d sendmmsg, %d waits: %.3f each, %.1f datagrams a batch; %d dropped",
		datagrams, s.Recvs, s.Sends, s.Waits, each, batch, s.PacketsDropped)
	if s.PacketsIn != datagrams || s.PacketsOut != datagrams {
		t.Errorf("%d datagrams came in and %d went out, want %d", s.PacketsIn, s.PacketsOut, datagrams)
	}
	// How far batches fill is the machine's doing: a call for the batch, one for
	// the answers, one for the wait, and one that finds no more.
	if limit := max(0.2, 4/batch); each > limit {
		t.Errorf("a datagram takes %.3f system calls, want at most %.3f", each, limit)
	}
}
