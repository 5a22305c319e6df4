//go:build linux || darwin || freebsd

package sys

import "golang.org/x/sys/unix"

func setGroup4(fd, opt int, group [4]byte, ifindex int) error {
	return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, opt, &unix.IPMreqn{Multiaddr: group, Ifindex: int32(ifindex)})
}

func setInterface4(fd, ifindex int) error {
	return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &unix.IPMreqn{Ifindex: int32(ifindex)})
}
