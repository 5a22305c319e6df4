package sys

import (
	"fmt"
	"math/bits"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The array of heads lies as the kernel reads it, struct mmsghdr of
// <bits/socket.h>, on machines of either size.
func TestMmsghdr(t *testing.T) {
	var h mmsghdr
	size, length := unsafe.Sizeof(h), unsafe.Offsetof(h.length)
	wantSize, wantLength := uintptr(64), uintptr(56)
	if bits.UintSize == 32 {
		wantSize, wantLength = 32, 28
	}
	if size != wantSize || length != wantLength {
		t.Errorf("%d bytes, the length at %d; want %d and %d", size, length, wantSize, wantLength)
	}
}

// A full queue at the other end stops a Send part of the way. What is left
// waits, and goes in order once there is room.
func TestSendBatchPartly(t *testing.T) {
	to := fmt.Sprintf("@iomux\x00partly%d", time.Now().UnixNano())
	receiver, fd := boundUnix(t, to), boundUnix(t, "")
	in, out := NewBatch(100), NewSendBatch(1<<16)
	const count = 3 * BatchSize
	var want []arrived
	for i := range count {
		text := fmt.Sprint(i)
		out.Add([]byte(text), netip.AddrPort{}, to)
		want = append(want, arrived{text: text})
	}
	var got []arrived
	for out.Len() > 0 {
		n, e := out.Send(fd, false)
		if e != 0 || n == 0 || n > BatchSize {
			t.Fatalf("Send: %d, %v", n, e)
		}
		if left := out.Len(); n < BatchSize && left > 0 {
			if n, e := out.Send(fd, false); n != 0 || e != unix.EAGAIN || out.Len() != left {
				t.Fatalf("with a full queue there: %d, %v, %d left of %d", n, e, out.Len(), left)
			}
		}
		got = append(got, take(t, in, receiver, n)...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
}

// A refusal by ICMP is told once, to whoever calls next, and costs a datagram
// no more than that call.
func TestBatchRefused(t *testing.T) {
	gone, addr := bound(t, "127.0.0.1")
	ok(t, Close(gone))
	fd, _ := bound(t, "127.0.0.1")
	ok(t, Connect(fd, addr))
	in, out := NewBatch(100), NewSendBatch(1000)
	refuse := func() {
		out.Add([]byte("knock"), netip.AddrPort{}, "")
		if n, e := out.Send(fd, false); n != 1 || e != 0 {
			t.Fatalf("Send: %d, %v", n, e)
		}
		await(t, fd)
	}
	refuse()
	if n, e := in.Recv(fd, BatchSize); n != 0 || e != unix.ECONNREFUSED {
		t.Errorf("Recv: %d, %v", n, e)
	}
	if n, e := in.Recv(fd, BatchSize); n != 0 || e != unix.EAGAIN {
		t.Errorf("the Recv after it: %d, %v", n, e)
	}
	refuse()
	out.Add([]byte("again"), netip.AddrPort{}, "")
	if n, e := out.Send(fd, false); n != 0 || e != unix.ECONNREFUSED || out.Len() != 1 {
		t.Errorf("Send: %d, %v, %d left", n, e, out.Len())
	}
	if n, e := out.Send(fd, false); n != 1 || e != 0 {
		t.Errorf("the Send after it: %d, %v", n, e)
	}
}

// A datagram too long for UDP fails alone.
func TestSendBatchTooLong(t *testing.T) {
	from, to := datagramPair(t, "127.0.0.1")
	addr, e := Getsockname(to)
	ok(t, e)
	out := NewSendBatch(1 << 20)
	for _, n := range []int{1, 65508, 1} {
		out.Add(make([]byte, n), addr, "")
	}
	for _, want := range []struct {
		sent int
		e    Errno
	}{{1, 0}, {0, unix.EMSGSIZE}} {
		if n, e := out.Send(from, false); n != want.sent || e != want.e {
			t.Errorf("Send: %d, %v, want %v", n, e, want)
		}
	}
	out.Drop()
	if n, e := out.Send(from, false); n != 1 || e != 0 {
		t.Errorf("Send: %d, %v", n, e)
	}
	// And the longest that goes arrives whole.
	take(t, NewBatch(10), to, 2)
	out.Add(make([]byte, 65507), addr, "")
	if n, e := out.Send(from, false); n != 1 || e != 0 {
		t.Errorf("Send: %d, %v", n, e)
	}
	if got := take(t, NewBatch(65535), to, 1); len(got[0].text) != 65507 || got[0].truncated {
		t.Errorf("%d bytes, truncated %v", len(got[0].text), got[0].truncated)
	}
}

// A socket of both families answers IPv4 at the address that it was told.
func TestBatchBothFamilies(t *testing.T) {
	both, addr := bound(t, "::")
	from, fromAddr := bound(t, "127.0.0.1")
	in, out := NewBatch(100), NewSendBatch(1000)
	out.Add([]byte("ask"), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), addr.Port()), "")
	if n, e := out.Send(from, false); n != 1 || e != 0 {
		t.Fatalf("Send: %d, %v", n, e)
	}
	got := take(t, in, both, 1)
	if got[0].from != fromAddr {
		t.Errorf("from %v, want %v", got[0].from, fromAddr)
	}
	out.Add([]byte("answer"), got[0].from, "")
	if n, e := out.Send(both, false); n != 1 || e != 0 {
		t.Fatalf("Send: %d, %v", n, e)
	}
	if got := take(t, in, from, 1); got[0].text != "answer" {
		t.Errorf("%q", got[0].text)
	}
}

// A packet longer than the buffer shows as such, and the next is whole.
func TestRecv(t *testing.T) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	check(t, err)
	defer unix.Close(fds[0])
	for _, p := range []string{"ab", "abcdef", "", "x"} {
		check(t, unix.Send(fds[1], []byte(p), 0))
	}
	ok(t, Close(fds[1]))
	p := make([]byte, 3)
	for i, want := range []int{2, 6, 0, 1, 0, 0} {
		if n, e := Recv(fds[0], p); n != want || e != 0 {
			t.Errorf("packet %d: %d, %v, want %d", i, n, e, want)
		}
		if i == 1 && string(p) != "abc" {
			t.Errorf("%q", p)
		}
	}
}

// Neither call ever waits, even on a socket that does.
func TestBatchNeverBlocks(t *testing.T) {
	to := fmt.Sprintf("@iomux blocks%d", time.Now().UnixNano())
	receiver, fd := boundUnix(t, to), boundUnix(t, "")
	for _, s := range []int{receiver, fd} {
		check(t, unix.SetNonblock(s, false))
	}
	in, out := NewBatch(100), NewSendBatch(1<<20)
	if n, e := in.Recv(receiver, BatchSize); n != 0 || e != unix.EAGAIN {
		t.Errorf("Recv: %d, %v", n, e)
	}
	for {
		for out.Len() < BatchSize {
			out.Add(nil, netip.AddrPort{}, to)
		}
		n, e := out.Send(fd, false)
		if e == unix.EAGAIN && n == 0 {
			break
		}
		ok(t, e)
	}
}

func TestBatchLengths(t *testing.T) {
	b := NewBatch(5)
	for i, n := range []uint32{0, 5, 5} {
		b.heads[i].length = n
	}
	b.heads[2].head.Flags = unix.MSG_TRUNC
	if got := b.lengths(3); got != "0 5 5+" {
		t.Errorf("%q", got)
	}
	if got := b.lengths(BatchSize); !strings.HasSuffix(got, " …") || strings.Count(got, " ") != 16 {
		t.Errorf("%q", got)
	}
	if got := b.lengths(-1); got != "" {
		t.Errorf("%q", got)
	}
}
