package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// gsoSize is the longest datagram that is sent with others as one message: what an
	// Ethernet's packet has room for behind the headers of IPv6 and UDP. The kernel
	// refuses a message whose datagrams would have to be cut up.
	gsoSize = 1500 - gsoHeaders
	// gsoBytes is the most that such a message may have behind its headers.
	gsoBytes = 65535 - gsoHeaders
	// gsoHeaders count, before Linux 5.16, against the bytes of 64 datagrams that a
	// message may have.
	gsoHeaders = 40 + 8
)

// segment is the control message that says how long the datagrams of a message are:
// UDP_SEGMENT of udp(7).
type segment struct {
	head unix.Cmsghdr
	size uint16
	_    [6]byte // up to where a second one would begin
}

// put has a message be n datagrams of that size, the last one perhaps shorter.
func (s *segment) put(head *unix.Msghdr, n, size int) {
	if n == 1 {
		head.Control = nil
		head.SetControllen(0)
		return
	}
	s.head.Level, s.head.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	s.head.SetLen(unix.CmsgLen(2))
	s.size = uint16(size)
	head.Control = (*byte)(unsafe.Pointer(s))
	head.SetControllen(unix.CmsgSpace(2))
}

// alike is how many of the first datagrams can be one message, and their bytes: those
// to one address and of one length, but for the last one, which may be shorter.
func alike(list []outgoing) (n, bytes int) {
	first := &list[0]
	n, bytes = 1, first.size
	if first.size == 0 || first.size > gsoSize {
		return n, bytes
	}
	for n < len(list) {
		o := &list[n]
		if o.to != first.to || o.size == 0 || o.size > first.size || bytes+o.size > min(gsoBytes, BatchSize*first.size-gsoHeaders) {
			break
		}
		n++
		bytes += o.size
		if o.size < first.size {
			break
		}
	}
	return n, bytes
}

// CanGSO reports whether an internet socket for datagrams takes several in one message:
// Linux 4.18 and later.
func CanGSO(fd int) bool {
	_, e := GetsockoptInt(fd, unix.IPPROTO_UDP, unix.UDP_SEGMENT)
	return e == 0
}

// RefusedGSO reports whether the last Send may have failed because its first message is
// several datagrams: they are longer than the path allows (EINVAL, since Linux 6.14
// EMSGSIZE); the device cannot compute checksums (before 6.11), or there is IPsec (EIO);
// so much is not to be had in one piece (ENOBUFS, ENOMEM), or a rule of the firewall is
// against so much (EPERM).
func (b *SendBatch) RefusedGSO(e Errno) bool {
	if b.counts[0] == 1 {
		return false
	}
	switch e {
	case unix.EMSGSIZE, unix.EINVAL, unix.EIO, unix.ENOBUFS, unix.ENOMEM, unix.EPERM:
		return true
	}
	return false
}
