//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package sys

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// The options of multicast, ip(7) and ipv6(7). An interface is given by its
// index, 0 for the kernel's choice. NetBSD, OpenBSD and DragonFly answer ENOTSUP
// where IPv4 is to use a chosen one: they want an address of it.

// JoinGroup makes a datagram socket receive what is sent to group, an address of
// either family, on an interface. EADDRINUSE: it does already. EINVAL: no
// multicast address. ENODEV: no such interface.
func JoinGroup(fd int, group netip.Addr, ifindex int) Errno {
	return membership(fd, group, ifindex, unix.IP_ADD_MEMBERSHIP, unix.IPV6_JOIN_GROUP)
}

// LeaveGroup takes back a [JoinGroup] with the same arguments. EADDRNOTAVAIL:
// there was none.
func LeaveGroup(fd int, group netip.Addr, ifindex int) Errno {
	return membership(fd, group, ifindex, unix.IP_DROP_MEMBERSHIP, unix.IPV6_LEAVE_GROUP)
}

func membership(fd int, group netip.Addr, ifindex, opt4, opt6 int) Errno {
	group = group.Unmap()
	text := func() string { return fmt.Sprintf("{%v, %d}", group, ifindex) }
	if group.Is4() {
		return setsockopt(fd, unix.IPPROTO_IP, opt4, text, func() error {
			return setGroup4(fd, opt4, group.As4(), ifindex)
		})
	}
	return setsockopt(fd, unix.IPPROTO_IPV6, opt6, text, func() error {
		return unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, opt6, &unix.IPv6Mreq{Multiaddr: group.As16(), Interface: uint32(ifindex)})
	})
}

// SetMulticastInterface chooses the interface that a socket sends multicasts to.
// ENODEV, ENXIO or EADDRNOTAVAIL: no such interface; which of them is the
// system's choice.
func SetMulticastInterface(fd int, v6 bool, ifindex int) Errno {
	if v6 {
		return SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, ifindex)
	}
	return setsockopt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF,
		func() string { return fmt.Sprintf("{%d}", ifindex) },
		func() error { return setInterface4(fd, ifindex) })
}

// SetMulticastTTL says how many routers a multicast may pass: 0 keeps it on this
// machine, 1 (the default) on the network, at most 255. EINVAL: not 0 to 255.
func SetMulticastTTL(fd int, v6 bool, ttl int) Errno {
	if v6 {
		return setMulticastValue(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, ttl)
	}
	return setMulticastValue(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, ttl)
}

// SetMulticastLoop says whether sockets on this machine, the sender's own among
// them, get what this one sends to groups they have joined. They do by default.
func SetMulticastLoop(fd int, v6, on bool) Errno {
	value := 0
	if on {
		value = 1
	}
	if v6 {
		return setMulticastValue(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, value)
	}
	return setMulticastValue(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, value)
}

// setMulticastValue sets a value of a byte's range. IPv4's options are bytes in
// BSD, which Linux takes as well; IPv6's are ints. A kernel reads -1 as its
// default, which nobody asked for here.
func setMulticastValue(fd, level, opt, value int) Errno {
	return setsockopt(fd, level, opt, func() string { return fmt.Sprint(value) }, func() error {
		switch {
		case value < 0 || value > 255:
			return unix.EINVAL
		case level == unix.IPPROTO_IP:
			return unix.SetsockoptByte(fd, level, opt, byte(value))
		}
		return unix.SetsockoptInt(fd, level, opt, value)
	})
}
