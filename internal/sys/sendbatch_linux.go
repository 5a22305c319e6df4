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
	segments  [BatchSize]segment
	counts    [BatchSize]uint8 // datagrams of each message that was laid out
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

// lay makes messages of the first count datagrams.
func (b *SendBatch) lay(count int, gso bool) (messages int, errno Errno) {
	at, list := b.begin, b.queue[b.first:][:count]
	for len(list) > 0 {
		size, e := putDestination(&b.receivers[messages], list[0])
		if e != 0 {
			// As the kernel does it: those before go, and this one fails the
			// next call.
			if messages == 0 {
				return 0, e
			}
			break
		}
		n, bytes := 1, list[0].size
		if gso {
			n, bytes = alike(list)
		}
		b.segments[messages].put(&b.heads[messages].head, n, list[0].size)
		b.heads[messages].head.Namelen = size
		b.pieces[messages].Base = unsafe.SliceData(b.bytes[at:])
		b.pieces[messages].SetLen(bytes)
		b.counts[messages] = uint8(n)
		at, list = at+bytes, list[n:]
		messages++
	}
	return messages, 0
}

// datagrams is how many there are in the first messages.
func (b *SendBatch) datagrams(messages int) (n int) {
	for _, count := range b.counts[:messages] {
		n += int(count)
	}
	return n
}

func (b *SendBatch) send(fd, messages int) (int, Errno) {
	return ret3(unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.heads)), uintptr(messages),
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
