package sys

import (
	"net"
	"net/netip"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/leaktest"
)

// loopback is the index of the interface lo.
func loopback(t *testing.T) int {
	t.Helper()
	all, err := net.Interfaces()
	check(t, err)
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 && i.Flags&net.FlagUp != 0 {
			return i.Index
		}
	}
	t.Skip("no loopback interface is up")
	return 0
}

// value is the socket's, of an option that is an int.
func value(t *testing.T, fd, level, opt int) int {
	t.Helper()
	v, e := GetsockoptInt(fd, level, opt)
	ok(t, e)
	return v
}

// multicasting is the index of an interface by which a socket can send to an
// IPv6 group that stays on this machine. Linux gives lo no route for that.
func multicasting(t *testing.T) int {
	t.Helper()
	all, err := net.Interfaces()
	check(t, err)
	fd, e := Socket(unix.AF_INET6, unix.SOCK_DGRAM)
	if e != 0 {
		t.Skipf("no IPv6 on this system: %v", e)
	}
	defer Close(fd)
	out := NewSendBatch(1)
	for _, i := range all {
		out.Add(nil, netip.AddrPortFrom(netip.MustParseAddr("ff01::6784:9%"+strconv.Itoa(i.Index)), 9), "")
		if i.Flags&net.FlagUp != 0 && SetMulticastInterface(fd, true, i.Index) == 0 {
			if n, _ := out.Send(fd, false); n == 1 {
				return i.Index
			}
		}
		out.Drop()
	}
	t.Skip("no interface takes multicasts of IPv6")
	return 0
}

// What is sent to a group comes to those who are in it, and no longer when they
// have left: what is sent to themselves then comes first.
func TestMulticast(t *testing.T) {
	leaktest.Check(t)
	for _, c := range []struct {
		any, self, group, other string
		on                      func(*testing.T) int
	}{
		{"0.0.0.0", "127.0.0.1", "239.67.84.1", "239.67.84.2", loopback},
		{"::", "::1", "ff01::6784:1", "ff01::6784:2", multicasting},
	} {
		t.Run(c.group, func(t *testing.T) {
			group, other := netip.MustParseAddr(c.group), netip.MustParseAddr(c.other)
			v6, index := group.Is6(), c.on(t)
			if v6 {
				zone := strconv.Itoa(index)
				group, other = group.WithZone(zone), other.WithZone(zone)
			}
			to, addr := bound(t, c.any)
			from, _ := bound(t, c.any)
			ok(t, JoinGroup(to, group, index))
			if e := JoinGroup(to, group, index); e != unix.EADDRINUSE {
				t.Errorf("joined a second time: %v", e)
			}
			ok(t, SetMulticastInterface(from, v6, index))
			ok(t, SetMulticastTTL(from, v6, 1))

			in, out := NewBatch(100), NewSendBatch(1000)
			for _, text := range []string{"one", "two", "three"} {
				out.Add([]byte(text), netip.AddrPortFrom(group, addr.Port()), "")
			}
			out.Add([]byte("no"), netip.AddrPortFrom(other, addr.Port()), "")
			n, e := out.Send(from, false)
			if n != 4 || e != 0 {
				t.Fatalf("Send: %d, %v", n, e)
			}
			for i, got := range take(t, in, to, 3) {
				if want := []string{"one", "two", "three"}[i]; got.text != want || !got.from.IsValid() {
					t.Errorf("%q from %v, want %q", got.text, got.from, want)
				}
			}

			ok(t, LeaveGroup(to, group, index))
			if e := LeaveGroup(to, group, index); e != unix.EADDRNOTAVAIL {
				t.Errorf("left a second time: %v", e)
			}
			out.Add([]byte("late"), netip.AddrPortFrom(group, addr.Port()), "")
			out.Add([]byte("self"), netip.AddrPortFrom(netip.MustParseAddr(c.self), addr.Port()), "")
			if n, e := out.Send(from, false); n != 2 || e != 0 {
				t.Fatalf("Send: %d, %v", n, e)
			}
			if got := take(t, in, to, 1); got[0].text != "self" {
				t.Errorf("after leaving: %q", got[0].text)
			}
		})
	}
}

// The options are what the kernel says they are afterwards, and what is none of
// theirs is refused.
func TestMulticastOptions(t *testing.T) {
	lo := loopback(t)
	for _, c := range []struct {
		ip                     string
		v6                     bool
		level, ttl, loop, join int
		group                  string
	}{
		{"127.0.0.1", false, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, unix.IP_MULTICAST_LOOP, unix.IP_ADD_MEMBERSHIP, "239.67.84.3"},
		{"::1", true, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, unix.IPV6_MULTICAST_LOOP, unix.IPV6_JOIN_GROUP, "ff02::6784:3"},
	} {
		t.Run(c.ip, func(t *testing.T) {
			fd, _ := bound(t, c.ip)
			for _, ttl := range []int{0, 1, 2, 255} {
				ok(t, SetMulticastTTL(fd, c.v6, ttl))
				if got := value(t, fd, c.level, c.ttl); got != ttl {
					t.Errorf("a TTL of %d is %d", ttl, got)
				}
			}
			for _, ttl := range []int{-1, 256, 1 << 20} {
				if e := SetMulticastTTL(fd, c.v6, ttl); e != unix.EINVAL {
					t.Errorf("a TTL of %d: %v", ttl, e)
				}
			}
			for _, on := range []bool{false, true} {
				ok(t, SetMulticastLoop(fd, c.v6, on))
				if got := value(t, fd, c.level, c.loop); got != 0 != on {
					t.Errorf("loop %v is %d", on, got)
				}
			}
			ok(t, SetMulticastInterface(fd, c.v6, lo))
			if c.v6 {
				if got := value(t, fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF); got != lo {
					t.Errorf("interface %d is %d", lo, got)
				}
			}
			ok(t, SetMulticastInterface(fd, c.v6, 0))
			if e := SetMulticastInterface(fd, c.v6, 1<<20); e == 0 {
				t.Error("sends to an interface that is none")
			}
			group := netip.MustParseAddr(c.group)
			if e := JoinGroup(fd, group, 1<<20); e != unix.ENODEV {
				t.Errorf("on an interface that is none: %v", e)
			}
			for _, bad := range []netip.Addr{netip.MustParseAddr(c.ip), {}} {
				if e := JoinGroup(fd, bad, lo); e == 0 {
					t.Errorf("joined %v", bad)
				}
			}
		})
	}
}

// A group of IPv4 mapped into IPv6 is one of IPv4.
func TestMulticastMapped(t *testing.T) {
	lo := loopback(t)
	fd, _ := bound(t, "127.0.0.1")
	ok(t, JoinGroup(fd, netip.MustParseAddr("::ffff:239.67.84.4"), lo))
	ok(t, LeaveGroup(fd, netip.MustParseAddr("239.67.84.4"), lo))
}
