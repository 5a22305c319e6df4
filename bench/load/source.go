//go:build linux

package load

import (
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// perSource is how many connections share a source address: fewer than half of
// the ports that the kernel has for one, 28,232 by default. It takes one half
// before the other, and when the first is gone each connect looks through all of
// it in vain.
const perSource = 10_000

// source is one of the addresses of the loopback interface, which has a whole
// 127.0.0.0/8 of them: number 1 and up. 0 leaves the choice to the kernel.
type source int

// spread is the source of connection i of n; the kernel's choice where one is
// enough.
func spread(n, i int) source {
	if n <= perSource {
		return 0
	}
	return source(1 + i/perSource)
}

// perRoomSource is the same for the members of a room, who come from many addresses,
// as those of a chat do.
const perRoomSource = 1000

// sourceOf is the source of connection i of n of the traffic.
func (g *generator) sourceOf(n, i int) source {
	if g.Kind == Room {
		return source(1 + i/perRoomSource)
	}
	return spread(n, i)
}

func (s source) addr() [4]byte { return [4]byte{127, 64 + byte(s>>16), byte(s >> 8), byte(s)} }

// bind gives the socket its source address and leaves the port to connect,
// which knows the other end and may use one that is only taken towards another.
func (s source) bind(fd int) error {
	if s == 0 {
		return nil
	}
	if e := sys.SetsockoptInt(fd, unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1); e != 0 {
		return os.NewSyscallError("setsockopt", e)
	}
	a := netip.AddrFrom4(s.addr())
	if e := sys.Bind(fd, netip.AddrPortFrom(a, 0)); e != 0 {
		return fmt.Errorf("bind to %v: %w", a, e)
	}
	return nil
}

func target(addr netip.AddrPort) unix.SockaddrInet4 {
	return unix.SockaddrInet4{Addr: addr.Addr().As4(), Port: int(addr.Port())}
}

// startConnect makes a socket and begins to connect it. On the loopback
// interface the handshake is nearly always over when it returns, but a failure
// shows only later.
func (g *generator) startConnect(to *unix.SockaddrInet4, from source) (fd int, err error) {
	fd, e := sys.Socket(unix.AF_INET, unix.SOCK_STREAM)
	if e != 0 {
		return -1, os.NewSyscallError("socket", e)
	}
	if err = from.bind(fd); err == nil {
		err = unix.Connect(fd, to)
	}
	if err == nil || errors.Is(err, unix.EINPROGRESS) || errors.Is(err, unix.EINTR) {
		return fd, nil
	}
	sys.Close(fd)
	return -1, fmt.Errorf("connect to %v: %w", g.Addr, err)
}
