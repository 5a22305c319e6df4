//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"net/netip"

	"example.com/iomux/internal/sys"
)

// JoinGroup has the socket receive what is sent to a multicast group, ff02::1 or
// 239.1.2.3, on its own port (ip(7), ipv6(7)). ifi is the number of the network
// interface to listen on, as net.Interface.Index has it; 0: one of the kernel's
// choice. Each socket that joins gets a copy of each datagram: of those of a
// PacketListener, normally one is to join.
//
// ErrOption: group is no multicast address; EADDRINUSE: it has joined already;
// ErrClosed; errors.ErrUnsupported for a Unix socket; and the kernel's.
func (s *PacketConn) JoinGroup(group netip.Addr, ifi int) error {
	return s.multicast(fmt.Sprintf("join group %v", group), !group.IsMulticast(), func() sys.Errno {
		return sys.JoinGroup(s.fd, group, ifi)
	})
}

// LeaveGroup undoes JoinGroup with the same arguments. EADDRNOTAVAIL: it has not
// joined. Other errors as of JoinGroup.
func (s *PacketConn) LeaveGroup(group netip.Addr, ifi int) error {
	return s.multicast(fmt.Sprintf("leave group %v", group), !group.IsMulticast(), func() sys.Errno {
		return sys.LeaveGroup(s.fd, group, ifi)
	})
}

// SetMulticastInterface sets the network interface by which datagrams to multicast
// groups leave; 0: of the kernel's choice, which is the default. Errors: ErrClosed,
// errors.ErrUnsupported for a Unix socket, and the kernel's: ENODEV and others,
// there is no such interface.
func (s *PacketConn) SetMulticastInterface(ifi int) error {
	return s.multicast(fmt.Sprintf("multicast interface %d", ifi), ifi < 0, func() sys.Errno {
		return sys.SetMulticastInterface(s.fd, s.v6, ifi)
	})
}

// SetMulticastTTL sets how many networks datagrams to multicast groups may cross,
// 0 (none: they stay on this machine) to 255. The kernel's default is 1, the
// network at hand. ErrOption: ttl is something else. Other errors as of
// SetMulticastInterface.
func (s *PacketConn) SetMulticastTTL(ttl int) error {
	return s.multicast(fmt.Sprintf("multicast TTL %d", ttl), ttl < 0 || ttl > 255, func() sys.Errno {
		return sys.SetMulticastTTL(s.fd, s.v6, ttl)
	})
}

// SetMulticastLoopback says whether this machine's own sockets in the group get
// what this one sends to it, as they do by default. Errors as of
// SetMulticastInterface.
func (s *PacketConn) SetMulticastLoopback(on bool) error {
	return s.multicast(fmt.Sprintf("multicast loopback %v", on), false, func() sys.Errno {
		return sys.SetMulticastLoop(s.fd, s.v6, on)
	})
}

// multicast makes the call f for the method that what describes; bad says that its
// argument cannot be.
func (s *PacketConn) multicast(what string, bad bool, f func() sys.Errno) error {
	err := error(nil)
	switch {
	case s.fd < 0:
		err = ErrClosed
	case s.unix:
		err = errors.ErrUnsupported
	case bad:
		err = ErrOption
	default:
		if errno := f(); errno != 0 {
			err = errno
		}
	}
	if err != nil {
		return fmt.Errorf("reactor: %s on %s: %w", what, s.name(), err)
	}
	return nil
}
