package sys

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const opRecvBatch = OpRecvmmsg

func recvBatchArgs(most int) string { return fmt.Sprintf("%d, DONTWAIT", most) }

// mmsghdr is struct mmsghdr of recvmmsg(2) and sendmmsg(2). Go pads it as C
// does: to 64 bytes, on 32-bit machines to 32.
type mmsghdr struct {
	head   unix.Msghdr
	length uint32
}

// receiver is what the kernel reads and writes beside the datagrams.
type receiver struct {
	used    int // heads that the kernel has written
	heads   [BatchSize]mmsghdr
	pieces  [BatchSize]unix.Iovec
	senders [BatchSize]unix.RawSockaddrAny
}

func (b *Batch) prepare() {
	for i := range BatchSize {
		b.pieces[i].Base = unsafe.SliceData(b.place(i))
		b.pieces[i].SetLen(b.size)
		head := &b.heads[i].head
		head.Iov = &b.pieces[i]
		head.SetIovlen(1)
		head.Name = (*byte)(unsafe.Pointer(&b.senders[i]))
		head.Namelen = unix.SizeofSockaddrAny
	}
}

func (b *Batch) recv(fd, most int) (int, Errno) {
	for i := range b.used {
		b.heads[i].head.Namelen = unix.SizeofSockaddrAny // the kernel wrote what it used
	}
	n, e := ret3(unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.heads)), uintptr(most),
		unix.MSG_DONTWAIT, 0, 0))
	b.used = max(n, 0)
	return n, e
}

// length is how much of datagram i is there.
func (b *Batch) length(i int) (n int, truncated bool) {
	return int(b.heads[i].length), b.heads[i].head.Flags&unix.MSG_TRUNC != 0
}

// From is the internet address that datagram i of the last Recv came from, the
// zero AddrPort where there is none. It allocates nothing but for a zone.
func (b *Batch) From(i int) netip.AddrPort {
	if b.heads[i].head.Namelen == 0 {
		return netip.AddrPort{} // the place has an earlier datagram's
	}
	return rawAddrPort(&b.senders[i])
}

// FromUnix is the name of the Unix socket that datagram i of the last Recv came
// from, in the form of [BindUnix]: "" if it has none. It allocates the name.
func (b *Batch) FromUnix(i int) string {
	return rawUnixName(&b.senders[i], b.heads[i].head.Namelen)
}
