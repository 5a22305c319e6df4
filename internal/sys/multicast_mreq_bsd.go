//go:build dragonfly || netbsd || openbsd

package sys

import "golang.org/x/sys/unix"

// x/sys has no struct ip_mreqn for these systems, the one with an index.

func setGroup4(fd, opt int, group [4]byte, ifindex int) error {
	if ifindex != 0 {
		return unix.ENOTSUP
	}
	return unix.SetsockoptIPMreq(fd, unix.IPPROTO_IP, opt, &unix.IPMreq{Multiaddr: group})
}

func setInterface4(fd, ifindex int) error {
	if ifindex != 0 {
		return unix.ENOTSUP
	}
	return unix.SetsockoptInet4Addr(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, [4]byte{})
}
