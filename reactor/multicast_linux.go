package reactor

import (
	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// ownGroupsOnly has a socket receive what is sent to the multicast groups that it
// has joined itself. Linux gives it what is for groups that any socket of the
// machine has joined, if it is bound to all addresses (ip(7), IP_MULTICAST_ALL):
// with a socket a loop, each datagram would come as often as there are loops. Where
// the kernel does not know the option, it does.
func ownGroupsOnly(fd int, v6 bool) {
	_ = sys.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0)
	if v6 {
		_ = sys.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0)
	}
}
