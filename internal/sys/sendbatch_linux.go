package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const opSendBatch = OpSendmmsg

// sender is what the kernel reads beside the datagrams.
type sender struct {
	heads     [BatchSize]mmsghdr
	pieces    [BatchSize]unix.Iovec
	receivers [BatchSize]unix.RawSockaddrAny
}

func newSender() *sender {
	s := new(sender)
	for i := range s.heads {
		head := &s.heads[i].head
		head.Name = (*byte)(unsafe.Pointer(&s.receivers[i]))
		head.Iov = &s.pieces[i]
		head.SetIovlen(1)
	}
	return s
}

func (b *SendBatch) send(fd, count int) (int, Errno) {
	at := b.begin
	for i, o := range b.queue[b.first:][:count] {
		size, e := putDestination(&b.receivers[i], o)
		if e != 0 {
			// As the kernel does it: those before go, and this one fails the
			// next call.
			if i == 0 {
				return -1, e
			}
			count = i
			break
		}
		b.heads[i].head.Namelen = size
		b.pieces[i].Base = unsafe.SliceData(b.bytes[at:])
		b.pieces[i].SetLen(o.size)
		at += o.size
	}
	return ret3(unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.heads)), uintptr(count),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0))
}

// putDestination writes where o goes as the kernel wants it and returns the
// size, 0 where the socket is connected.
func putDestination(sa *unix.RawSockaddrAny, o outgoing) (size uint32, errno Errno) {
	switch {
	case o.name != "":
		return putUnixName(sa, o.name)
	case o.to.IsValid():
		return putAddrPort(sa, o.to), 0
	}
	return 0, 0
}
