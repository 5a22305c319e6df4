//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// DialPacket makes a socket that is connected to one peer: it receives from no
// other, and learns that the peer's port is closed (see PacketErrors). address is
// udp://HOST:PORT (udp4, udp6), HOST a number, for a name would have to be looked up
// and the loop is not to wait for that; or unixgram:///PATH, whose server has to be
// there already. On Linux a Unix socket gets an abstract name, so that it can be
// answered; elsewhere it has none and cannot be. Of o, Socket counts. Only on the
// loop's goroutine.
//
// Errors: ErrAddress; ErrOption (h is nil, or one of o's); ErrClosed, the loop ends;
// ECONNREFUSED and ENOENT, there is no such Unix socket; and the kernel's.
func (l *Loop) DialPacket(address string, h PacketHandler, o ListenOptions) (*PacketConn, error) {
	a, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	peer, err := dialTo(a)
	if err != nil {
		return nil, fmt.Errorf("reactor: %w %q: %w", ErrAddress, address, err)
	}
	s, err := l.connectPacket(a, peer, h, o)
	if err != nil {
		return nil, fmt.Errorf("reactor: dial %v: %w", a, err)
	}
	return s, nil
}

// dialTo is the peer that an address means.
func dialTo(a address) (Peer, error) {
	switch {
	case !a.packet():
		return Peer{}, errors.New("it is for connections, which Dial makes")
	case a.unix():
		return Peer{Name: a.name}, nil
	case a.port == 0:
		return Peer{}, errors.New("port 0 is nobody's")
	}
	if _, err := netip.ParseAddr(a.host); err != nil {
		return Peer{}, fmt.Errorf("host %q is not a number, and a loop does not wait for names to be looked up", a.host)
	}
	addrs, err := a.lookup(context.Background())
	if err != nil {
		return Peer{}, err
	}
	return Peer{Addr: addrs[0]}, nil
}

// connectPacket makes the socket for DialPacket.
func (l *Loop) connectPacket(a address, peer Peer, h PacketHandler, o ListenOptions) (*PacketConn, error) {
	switch {
	case h == nil:
		return nil, fmt.Errorf("%w: the handler is nil", ErrOption)
	case l.draining:
		return nil, ErrClosed
	}
	if err := o.withDefaults(l.options); err != nil {
		return nil, err
	}
	if err := o.checkTLS(a); err != nil {
		return nil, err
	}
	kind := a.kind(peer.Addr, false)
	fd, errno := sys.Socket(a.family(peer.Addr), unix.SOCK_DGRAM)
	if errno != 0 {
		return nil, fmt.Errorf("socket: %w", errno)
	}
	s := newPacketConn(l, fd, h)
	s.unix, s.v6, s.connected, s.remote = kind.unix, kind.v6, true, peer
	err := o.Socket.apply(fd, kind)
	if err == nil {
		err = s.connect()
	}
	if err == nil {
		s.gso = !s.unix && sys.CanGSO(fd)
		err = l.adoptPacket(s)
	}
	if err != nil {
		_ = sys.Close(fd) // nothing was sent or received
		return nil, err
	}
	return s, nil
}

// connect connects the socket to its peer and finds out what both are called now.
func (s *PacketConn) connect() error {
	if s.unix {
		return s.connectUnix()
	}
	errno := sys.Connect(s.fd, s.remote.Addr)
	if errno != 0 {
		return fmt.Errorf("connect: %w", errno)
	}
	if s.local.Addr, errno = sys.Getsockname(s.fd); errno != 0 {
		return fmt.Errorf("getsockname: %w", errno)
	}
	if s.remote.Addr, errno = sys.Getpeername(s.fd); errno != 0 { // 0.0.0.0 means this machine, and has become 127.0.0.1
		return fmt.Errorf("getpeername: %w", errno)
	}
	return nil
}

func (s *PacketConn) connectUnix() error {
	if errno := sys.ConnectUnix(s.fd, s.remote.Name); errno != 0 {
		return fmt.Errorf("connect: %w", errno)
	}
	if runtime.GOOS != "linux" && runtime.GOOS != "android" {
		return nil
	}
	// The name comes after the connection: who is connected gets nothing from
	// strangers who guess it.
	if errno := sys.BindUnix(s.fd, ""); errno != 0 {
		return fmt.Errorf("bind: %w", errno)
	}
	name, errno := sys.UnixName(s.fd)
	if errno != 0 {
		return fmt.Errorf("getsockname: %w", errno)
	}
	s.local.Name = name
	return nil
}
