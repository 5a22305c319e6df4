package trace

import "golang.org/x/sys/unix"

// systemOptions are those that other systems have not.
var systemOptions = []option{
	{unix.SOL_SOCKET, unix.SO_DOMAIN, "SOL_SOCKET, SO_DOMAIN"},
	{unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, "IPPROTO_IP, IP_MULTICAST_ALL"},
	{unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, "IPPROTO_IPV6, IPV6_MULTICAST_ALL"},
	{unix.IPPROTO_UDP, unix.UDP_SEGMENT, "IPPROTO_UDP, UDP_SEGMENT"},
}
