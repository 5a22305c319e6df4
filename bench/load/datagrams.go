//go:build linux

package load

import (
	"unsafe"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// most is how many datagrams go through one system call at most.
const most = 64

// datagrams is room for some of one size, and what recvmmsg(2) and sendmmsg(2)
// want to know of it: both take a whole batch.
type datagrams struct {
	size    int
	bytes   []byte
	vectors []unix.Iovec
	headers []header
}

// header is struct mmsghdr.
type header struct {
	msg unix.Msghdr
	n   uint32
}

func newDatagrams(count, size int) *datagrams {
	d := &datagrams{
		size:    size,
		bytes:   make([]byte, count*size),
		vectors: make([]unix.Iovec, count),
		headers: make([]header, count),
	}
	for i := range d.headers {
		d.vectors[i].Base = &d.bytes[i*size]
		d.vectors[i].SetLen(size)
		d.headers[i].msg.Iov = &d.vectors[i]
		d.headers[i].msg.SetIovlen(1)
	}
	return d
}

func (d *datagrams) len() int { return len(d.headers) }

// whole is the room of datagram i.
func (d *datagrams) whole(i int) []byte { return d.bytes[i*d.size:][:d.size] }

// at is what was received as datagram i; what did not fit is cut off.
func (d *datagrams) at(i int) []byte { return d.whole(i)[:d.headers[i].n] }

// receive is recvmmsg(2) on a non-blocking socket.
func (d *datagrams) receive(fd int) (int, unix.Errno) {
	return d.call(unix.SYS_RECVMMSG, fd, d.len())
}

// send is sendmmsg(2), on a non-blocking socket that is connected, of the first
// n datagrams.
func (d *datagrams) send(fd, n int) (int, unix.Errno) {
	return d.call(unix.SYS_SENDMMSG, fd, n)
}

// sendSegments sends as many of the first n as one write may hold on a socket
// that [segment] was asked of. All of them go or none.
func (d *datagrams) sendSegments(fd, n int) (int, unix.Errno) {
	w, e := sys.Write(fd, d.bytes[:min(n, MaxDatagram/d.size)*d.size])
	return max(w, 0) / d.size, e
}

// segment has the kernel cut what is written to the socket into datagrams of so
// many bytes, on its way instead of before it (UDP_SEGMENT, Linux 4.18). With
// sixteen on their way that costs the generator a third less than sendmmsg, and
// makes it cheaper than a server that answers with sendmmsg: else the generator
// would be as much the limit. It reports whether the kernel does it.
func segment(fd, size int) bool {
	return sys.SetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT, size) == 0
}

func (d *datagrams) call(trap uintptr, fd, n int) (int, unix.Errno) {
	r, _, e := unix.RawSyscall6(trap, uintptr(fd), uintptr(unsafe.Pointer(&d.headers[0])), uintptr(n), 0, 0, 0)
	if e != 0 {
		return 0, e
	}
	return int(r), 0
}
