//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// bound is a non-blocking socket for datagrams, bound to a free port of ip,
// which is closed in the end.
func bound(t testing.TB, ip string) (fd int, addr netip.AddrPort) {
	t.Helper()
	addr = netip.AddrPortFrom(netip.MustParseAddr(ip), 0)
	fd, e := Socket(Family(addr), unix.SOCK_DGRAM)
	ok(t, e)
	t.Cleanup(func() { _ = unix.Close(fd) })
	if e := Bind(fd, addr); e != 0 {
		t.Skipf("no %s on this system: %v", ip, e)
	}
	addr, e = Getsockname(fd)
	ok(t, e)
	return fd, addr
}

// datagramPair is two sockets of [bound].
func datagramPair(t testing.TB, ip string) (a, b int) {
	t.Helper()
	a, _ = bound(t, ip)
	b, _ = bound(t, ip)
	return a, b
}

// boundUnix is a non-blocking Unix socket for datagrams, with a name if that is
// not "", which is closed in the end.
func boundUnix(t testing.TB, name string) int {
	t.Helper()
	fd, e := Socket(unix.AF_UNIX, unix.SOCK_DGRAM)
	ok(t, e)
	t.Cleanup(func() { _ = unix.Close(fd) })
	if name != "" {
		ok(t, BindUnix(fd, name))
	}
	return fd
}

// await waits until a read of fd would not block.
func await(t testing.TB, fd int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; {
		n, e := Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, time.Until(end))
		switch {
		case n == 1:
			return
		case e != unix.EINTR && (e != 0 || time.Now().After(end)):
			t.Fatalf("nothing came: %v", e)
		}
	}
}

// arrived is a datagram as it came in.
type arrived struct {
	text      string
	from      netip.AddrPort
	name      string
	truncated bool
}

// take receives count datagrams.
func take(t testing.TB, b *Batch, fd, count int) (list []arrived) {
	t.Helper()
	for len(list) < count {
		await(t, fd)
		n, e := b.Recv(fd, BatchSize)
		ok(t, e)
		if n != b.Len() {
			t.Fatalf("Recv says %d, Len %d", n, b.Len())
		}
		for i := range n {
			p, truncated := b.Packet(i)
			if cap(p) != len(p) {
				t.Errorf("datagram %d: %d bytes, of which an append would use %d", i, len(p), cap(p))
			}
			list = append(list, arrived{string(p), b.From(i), b.FromUnix(i), truncated})
		}
	}
	if n, e := b.Recv(fd, BatchSize); n != 0 || e != unix.EAGAIN || b.Len() != 0 {
		t.Fatalf("with nothing left: %d, %v, Len %d", n, e, b.Len())
	}
	return list
}

// sentBy are the datagrams in list that came from an address.
func sentBy(list []arrived, from netip.AddrPort) (some []arrived) {
	for _, a := range list {
		if a.from == from {
			some = append(some, a)
		}
	}
	return some
}

// Datagrams of all lengths come whole, each sender's in order, with the address
// they came from, by as many calls as a batch needs.
func TestBatch(t *testing.T) {
	leaktest.Check(t)
	for _, ip := range []string{"127.0.0.1", "::1"} {
		t.Run(ip, func(t *testing.T) {
			a, addrA := bound(t, ip)
			b, addrB := bound(t, ip)
			c, addrC := bound(t, ip)
			in, out := NewBatch(65535), NewSendBatch(1<<20)
			for _, count := range []int{1, 2, 3, BatchSize - 1, BatchSize, BatchSize + 1, 2*BatchSize + 2} {
				var want []arrived
				for i := range count {
					from, fromAddr := b, addrB
					if i%2 == 1 {
						from, fromAddr = c, addrC
					}
					text := string(bytes.Repeat([]byte{byte(i)}, i*7%500)) // the first is empty
					want = append(want, arrived{text: text, from: fromAddr})
					if !out.Add([]byte(text), addrA, "") || out.Len() != 1 || out.Size() != len(text) {
						t.Fatalf("Add: Len %d, Size %d", out.Len(), out.Size())
					}
					if n, e := out.Send(from, false); n != 1 || e != 0 || out.Len() != 0 || out.Size() != 0 {
						t.Fatalf("Send: %d, %v; Len %d, Size %d", n, e, out.Len(), out.Size())
					}
				}
				got := take(t, in, a, count)
				for _, from := range []netip.AddrPort{addrB, addrC} {
					if got, want := sentBy(got, from), sentBy(want, from); !slices.Equal(got, want) {
						t.Errorf("%d datagrams: got %v\nwant %v", count, got, want)
					}
				}
			}
		})
	}
}

// One Send takes a batch from the front, in order, whatever the destinations.
func TestSendBatch(t *testing.T) {
	leaktest.Check(t)
	from, addr := bound(t, "127.0.0.1")
	var to [3]int
	var addrs [3]netip.AddrPort
	for i := range to {
		to[i], addrs[i] = bound(t, "127.0.0.1")
	}
	const count = 2*BatchSize + 6
	out := NewSendBatch(1 << 16)
	var want [3][]arrived
	bytes := 0
	for i := range count {
		text := fmt.Sprintf("datagram %d", i)
		if !out.Add([]byte(text), addrs[i%3], "") {
			t.Fatal("no room")
		}
		bytes += len(text)
		want[i%3] = append(want[i%3], arrived{text: text, from: addr})
	}
	if out.Len() != count || out.Size() != bytes {
		t.Errorf("Len %d, Size %d of %d datagrams with %d bytes", out.Len(), out.Size(), count, bytes)
	}
	for _, left := range []int{BatchSize + 6, 6, 0} {
		before := out.Len()
		if n, e := out.Send(from, false); e != 0 || n != before-left || out.Len() != left {
			t.Fatalf("Send: %d, %v; %d left of %d, want %d", n, e, out.Len(), before, left)
		}
	}
	if n, e := out.Send(from, false); n != 0 || e != 0 || out.Size() != 0 {
		t.Errorf("Send of nothing: %d, %v; Size %d", n, e, out.Size())
	}
	in := NewBatch(100)
	for i := range to {
		if got := take(t, in, to[i], len(want[i])); !slices.Equal(got, want[i]) {
			t.Errorf("socket %d got %v\nwant %v", i, got, want[i])
		}
	}
}

// A datagram that is longer than the batch's size is cut there and said to be;
// one of just that size is not, and the next one is whole again.
func TestTruncated(t *testing.T) {
	for _, size := range []int{1, 63, 100, 8000} {
		from, to := datagramPair(t, "127.0.0.1")
		addr, e := Getsockname(to)
		ok(t, e)
		in, out := NewBatch(size), NewSendBatch(1<<20)
		lengths := []int{size, size + 1, size - 1, size + 200, size + 5000, size}
		for _, n := range lengths {
			out.Add(bytes.Repeat([]byte{'x'}, n), addr, "")
		}
		if n, e := out.Send(from, false); n != len(lengths) || e != 0 {
			t.Fatalf("Send: %d, %v", n, e)
		}
		for i, got := range take(t, in, to, len(lengths)) {
			if n := lengths[i]; len(got.text) != min(n, size) || got.truncated != (n > size) {
				t.Errorf("room for %d: %d of %d bytes, truncated %v", size, len(got.text), n, got.truncated)
			}
		}
	}
}

// Unix sockets send to a name, and say the name they have.
func TestBatchUnix(t *testing.T) {
	leaktest.Check(t)
	dir := t.TempDir()
	names := []string{filepath.Join(dir, "a"), "", filepath.Join(dir, "longer than that")}
	if abstractNames {
		names = append(names, fmt.Sprintf("@iomux\x00batch\x00%d", time.Now().UnixNano()))
	}
	to := filepath.Join(dir, "to")
	receiver := boundUnix(t, to)
	in, out := NewBatch(1000), NewSendBatch(1000)
	var want []arrived
	for _, name := range slices.Concat(names, names) {
		fd, e := Socket(unix.AF_UNIX, unix.SOCK_DGRAM)
		ok(t, e)
		if name != "" {
			ok(t, BindUnix(fd, name))
		}
		if !out.Add([]byte(name), netip.AddrPort{}, to) {
			t.Fatal("no room")
		}
		if n, e := out.Send(fd, false); n != 1 || e != 0 {
			t.Fatalf("Send: %d, %v", n, e)
		}
		ok(t, Close(fd))
		if name != "" && name[0] == '/' {
			ok(t, Unlink(name))
		}
		want = append(want, arrived{text: name, name: name})
	}
	if got := take(t, in, receiver, len(want)); !slices.Equal(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	// What the last senders' places say is not what these have.
	for range 3 {
		fd := boundUnix(t, "")
		ok(t, ConnectUnix(fd, to))
		out.Add(nil, netip.AddrPort{}, "")
		if n, e := out.Send(fd, false); n != 1 || e != 0 {
			t.Fatalf("Send to where it is connected: %d, %v", n, e)
		}
	}
	if got := take(t, in, receiver, 3); !slices.Equal(got, make([]arrived, 3)) {
		t.Errorf("from sockets without a name: %+v", got)
	}
}

// A batch serves sockets of all families, and each datagram has its own sender,
// whatever lay in its place before.
func TestBatchReused(t *testing.T) {
	dir := t.TempDir()
	in, out := NewBatch(100), NewSendBatch(100)
	name := filepath.Join(dir, "a name that is longer than an address of IPv6")
	to := filepath.Join(dir, "to")
	receiver, unnamed, named := boundUnix(t, to), boundUnix(t, ""), boundUnix(t, name)
	from4, addr4 := bound(t, "127.0.0.1")
	from6, addr6 := bound(t, "::1")
	for i, c := range []struct {
		from, at int
		to       netip.AddrPort
		name     string
		want     arrived
	}{
		{from: from4, at: from4, to: addr4, want: arrived{from: addr4}},
		{from: unnamed, at: receiver, name: to},
		{from: from6, at: from6, to: addr6, want: arrived{from: addr6}},
		{from: named, at: receiver, name: to, want: arrived{name: name}},
		{from: from4, at: from4, to: addr4, want: arrived{from: addr4}},
		{from: named, at: receiver, name: to, want: arrived{name: name}},
		{from: unnamed, at: receiver, name: to},
	} {
		out.Add(nil, c.to, c.name)
		if n, e := out.Send(c.from, false); n != 1 || e != 0 {
			t.Fatalf("Send %d: %d, %v", i, n, e)
		}
		if got := take(t, in, c.at, 1); got[0] != c.want {
			t.Errorf("datagram %d: %+v, want %+v", i, got[0], c.want)
		}
	}
}

// A datagram that cannot be sent stops those behind it, not those before it;
// dropped, it is out of the way.
func TestSendBatchFails(t *testing.T) {
	dir := t.TempDir()
	to := filepath.Join(dir, "to")
	receiver, fd := boundUnix(t, to), boundUnix(t, "")
	in, out := NewBatch(1000), NewSendBatch(1000)
	for i, bad := range []struct {
		name string
		want Errno
	}{
		{filepath.Join(dir, "none"), unix.ENOENT},
		{"a\x00b", unix.EINVAL},
		{string(bytes.Repeat([]byte{'x'}, MaxUnixName+1)), unix.ENAMETOOLONG},
	} {
		for _, name := range []string{to, to, bad.name, to} {
			if !out.Add([]byte{byte(i)}, netip.AddrPort{}, name) {
				t.Fatal("no room")
			}
		}
		if n, e := out.Send(fd, false); n != 2 || e != 0 || out.Len() != 2 {
			t.Fatalf("%q: sent %d, %v, with %d left", bad.name, n, e, out.Len())
		}
		for range 2 {
			if n, e := out.Send(fd, false); n != 0 || e != bad.want || out.Len() != 2 || out.Size() != 2 {
				t.Fatalf("%q: sent %d, %v, with %d left", bad.name, n, e, out.Len())
			}
		}
		out.Drop()
		if n, e := out.Send(fd, false); n != 1 || e != 0 || out.Len() != 0 {
			t.Fatalf("behind %q: sent %d, %v, with %d left", bad.name, n, e, out.Len())
		}
		if got := take(t, in, receiver, 3); len(got) != 3 {
			t.Errorf("%d datagrams came", len(got))
		}
	}
	out.Drop() // of nothing
	if out.Len() != 0 || out.Size() != 0 {
		t.Errorf("Len %d, Size %d", out.Len(), out.Size())
	}
}

// The queue has a bound in bytes, and one in number for those that have none.
func TestSendBatchBound(t *testing.T) {
	for _, limit := range []int{0, 1, 100, 1600} {
		out := NewSendBatch(limit)
		if out.Add(make([]byte, limit+1), netip.AddrPort{}, "") {
			t.Errorf("%d bytes into %d", limit+1, limit)
		}
		if !out.Add(make([]byte, limit), netip.AddrPort{}, "") || out.Size() != limit {
			t.Errorf("%d bytes do not fit into as many", limit)
		}
		if out.Add([]byte{1}, netip.AddrPort{}, "") || out.Len() != 1 {
			t.Error("one more fits in")
		}
		n := 1
		for out.Add(nil, netip.AddrPort{}, "") {
			n++
		}
		if want := BatchSize + limit/16; n != want || out.Len() != want {
			t.Errorf("%d datagrams into a queue of %d bytes, want %d", n, limit, want)
		}
	}
}

// Whatever is added and dropped in whatever order, what waits is what a plain
// slice would hold, and memory stays within a few times the limit.
func TestSendBatchModel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const limit = 4000
	out := NewSendBatch(limit)
	var model [][]byte
	size, next := 0, byte(0)
	for step := range 200_000 {
		// Long stretches that fill it and long ones that empty it.
		if random.IntN(100) < 35+30*(step/1000%2) {
			p := bytes.Repeat([]byte{next}, random.IntN(1<<random.IntN(9)))
			next++
			fits := len(p) <= limit-size && len(model) < BatchSize+limit/16
			if out.Add(p, netip.AddrPort{}, "") != fits {
				t.Fatalf("step %d: Add of %d bytes to %d says %v", step, len(p), size, !fits)
			}
			if fits {
				model, size = append(model, p), size+len(p)
			}
		} else {
			out.Drop()
			if len(model) > 0 {
				model, size = model[1:], size-len(model[0])
			}
		}
		if out.Len() != len(model) || out.Size() != size {
			t.Fatalf("step %d: Len %d and Size %d, want %d and %d", step, out.Len(), out.Size(), len(model), size)
		}
		if step%50 == 0 {
			at := out.begin
			for i, want := range model {
				n := out.queue[out.first+i].size
				if got := out.bytes[at:][:n]; !bytes.Equal(got, want) {
					t.Fatalf("step %d: datagram %d is %v, want %v", step, i, got, want)
				}
				at += n
			}
		}
	}
	if cap(out.bytes) > 5*limit || cap(out.queue) > 5*(BatchSize+limit/16) {
		t.Errorf("room for %d bytes and %d datagrams, and the limit is %d", cap(out.bytes), cap(out.queue), limit)
	}
}

// A queue that is always nearly full moves no more bytes than it sends.
func TestSendBatchMoves(t *testing.T) {
	out := NewSendBatch(10_000)
	p := make([]byte, 100)
	for out.Add(p, netip.AddrPort{}, "") {
	}
	sent, moved := 0, 0
	for range 10_000 {
		before := out.begin
		out.Drop()
		out.Add(p, netip.AddrPort{}, "")
		sent += len(p)
		if out.begin < before {
			moved += out.Size()
		}
	}
	if out.Size() != 10_000 || moved == 0 || moved > sent {
		t.Errorf("moved %d bytes to send %d; %d wait", moved, sent, out.Size())
	}
}

// Places begin at different sets of a cache, whatever the size.
func TestBatchPlaces(t *testing.T) {
	for _, size := range []int{1, 64, 512, 1344, 1500, 2048, 9000, 65343, 65535} {
		b := NewBatch(size)
		if b.stride < size+192 || b.stride > size+192+128 || b.stride%128 != 64 {
			t.Errorf("datagrams of %d bytes lie %d apart", size, b.stride)
		}
		if len(b.place(BatchSize-1)) != b.stride {
			t.Errorf("the last has %d bytes", len(b.place(BatchSize-1)))
		}
	}
}

// A fault is one for the whole call, and what an earlier one brought is gone.
func TestBatchFault(t *testing.T) {
	from, to := datagramPair(t, "127.0.0.1")
	addr, e := Getsockname(to)
	ok(t, e)
	in, out := NewBatch(100), NewSendBatch(100)
	fill := func() {
		out.Add([]byte("a"), addr, "")
		out.Add([]byte("b"), addr, "")
	}
	fill()
	calls := 0
	restore := SetHooks(&Hooks{Fault: func(Call) Errno { calls++; return unix.ENOBUFS }})
	n, e := out.Send(from, false)
	restore()
	if n != 0 || e != unix.ENOBUFS || calls != 1 || out.Len() != 2 {
		t.Errorf("Send: %d, %v by %d calls, with %d left", n, e, calls, out.Len())
	}
	if n, e := out.Send(from, false); n != 2 || e != 0 {
		t.Fatalf("Send: %d, %v", n, e)
	}
	await(t, to)
	if n, e := in.Recv(to, BatchSize); n != 2 || e != 0 {
		t.Fatalf("Recv: %d, %v", n, e)
	}
	calls = 0
	restore = SetHooks(&Hooks{Fault: func(Call) Errno { calls++; return unix.ENOBUFS }})
	n, e = in.Recv(to, BatchSize)
	restore()
	if n != 0 || e != unix.ENOBUFS || calls != 1 || in.Len() != 0 {
		t.Errorf("Recv: %d, %v by %d calls, Len %d", n, e, calls, in.Len())
	}
	fill()
	if n, e := out.Send(from, false); n != 2 || e != 0 {
		t.Fatalf("Send: %d, %v", n, e)
	}
	if got := take(t, in, to, 2); got[0].text != "a" || got[1].text != "b" || got[0].from != got[1].from {
		t.Errorf("after the fault: %v", got)
	}
}

// Nothing is allocated for a datagram, but where x/sys decodes its address.
func TestBatchAllocates(t *testing.T) {
	unixPath := filepath.Join(t.TempDir(), "to")
	for _, c := range []struct {
		name     string
		from, to int
		addr     netip.AddrPort
		path     string
	}{
		{name: "127.0.0.1"}, {name: "::1"}, {name: "connected"}, {name: "unix", path: unixPath},
	} {
		t.Run(c.name, func(t *testing.T) {
			switch c.name {
			case "unix":
				c.from, c.to = boundUnix(t, ""), boundUnix(t, c.path)
			case "connected":
				c.from, c.to = datagramPair(t, "127.0.0.1")
				addr, e := Getsockname(c.to)
				ok(t, e)
				ok(t, Connect(c.from, addr))
			default:
				c.from, _ = bound(t, c.name)
				c.to, c.addr = bound(t, c.name)
			}
			in, out := NewBatch(1500), NewSendBatch(10000)
			p := []byte("a datagram")
			const count = 8 // what a Unix socket's queue holds
			failed := 0
			n := testing.AllocsPerRun(200, func() {
				for range count {
					if !out.Add(p, c.addr, c.path) {
						failed++
					}
				}
				if n, e := out.Send(c.from, false); n != count || e != 0 {
					failed++
				}
				for left, tries := count, 0; left > 0; tries++ {
					n, e := in.Recv(c.to, BatchSize)
					if e == unix.EAGAIN && tries < 1_000_000 {
						continue // it is under way
					}
					for i := range n {
						got, truncated := in.Packet(i)
						if len(got) != len(p) || truncated || c.path == "" && !in.From(i).IsValid() {
							failed++
						}
					}
					left -= n
					if n == 0 {
						failed++
						return
					}
				}
			})
			if failed > 0 {
				t.Errorf("%d failures", failed)
			}
			if n != 0 && batchAllocatesNothing {
				t.Errorf("%v allocations for %d datagrams", n, count)
			}
		})
	}
}
