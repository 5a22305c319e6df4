//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

const opSendBatch = OpSendto

// sender holds the address of one send, so that none is allocated.
type sender struct {
	v4   unix.SockaddrInet4
	v6   unix.SockaddrInet6
	unix unix.SockaddrUnix
}

func newSender() *sender { return new(sender) }

// lay is for what one call takes together: nothing here.
func (b *SendBatch) lay(count int, _ bool) (messages int, errno Errno) { return count, 0 }

func (b *SendBatch) datagrams(messages int) int { return messages }

func (b *SendBatch) send(fd, count int) (int, Errno) {
	at := b.begin
	for i, o := range b.queue[b.first:][:count] {
		if e := b.sendOne(fd, b.bytes[at:at+o.size], o); e != 0 {
			if i == 0 {
				return -1, e
			}
			return i, 0 // the next call says why
		}
		at += o.size
	}
	return count, 0
}

func (s *sender) sendOne(fd int, p []byte, o outgoing) Errno {
	if o.name != "" {
		if e := checkUnixName(o.name); e != 0 {
			return e
		}
		s.unix = unix.SockaddrUnix{Name: o.name} // whole: x/sys counts on zeros behind the name
		return sendTo(fd, p, &s.unix)
	}
	if !o.to.IsValid() {
		return sendTo(fd, p, nil)
	}
	ip := o.to.Addr().Unmap()
	if !ip.Is4() {
		return sendTo(fd, p, s.inet6(ip, o.to.Port()))
	}
	s.v4 = unix.SockaddrInet4{Port: int(o.to.Port()), Addr: ip.As4()}
	e := sendTo(fd, p, &s.v4)
	if e == unix.EAFNOSUPPORT || e == unix.EINVAL {
		// A socket of IPv6 that also has IPv4 wants its addresses mapped.
		if sendTo(fd, p, s.inet6(ip, o.to.Port())) == 0 {
			return 0
		}
	}
	return e
}

func (s *sender) inet6(ip netip.Addr, port uint16) *unix.SockaddrInet6 {
	s.v6 = unix.SockaddrInet6{Port: int(port), Addr: ip.As16(), ZoneId: zoneOf(ip)}
	return &s.v6
}

func sendTo(fd int, p []byte, to unix.Sockaddr) Errno {
	_, e := ret(0, unix.Sendto(fd, p, unix.MSG_DONTWAIT, to))
	return e
}
