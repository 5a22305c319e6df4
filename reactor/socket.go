//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/socketfile"
	"example.com/iomux/internal/sys"
)

// sockets are those of one address, bound to be listened at or to take datagrams.
type sockets struct {
	address address
	inet    netip.AddrPort // of an internet address, with the port that it got
	fds     []int
	file    *socketfile.File // of a Unix address with one
	found   *socketfile.File // the same of adopted sockets: not ours to remove
	unlock  func()           // lets others start at the same path; nil: there is no lock
}

// bindSockets makes n sockets for an address and binds them. They do not listen
// yet.
func bindSockets(a address, inet netip.AddrPort, n int, o *ListenOptions) (s *sockets, err error) {
	s = &sockets{address: a, inet: inet}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	for i := range n {
		fd, errno := sys.Socket(a.family(s.inet), a.socketType())
		if errno != 0 {
			return s, fmt.Errorf("socket: %w", errno)
		}
		s.fds = append(s.fds, fd)
		if err := o.Socket.apply(fd, a.kind(s.inet, !a.packet())); err != nil {
			return s, err
		}
		if a.unix() {
			err = s.bindUnix(fd, o.Mode)
		} else {
			err = s.bindInet(fd, i == 0, n > 1)
		}
		if err != nil {
			return s, err
		}
	}
	return s, nil
}

// bindInet binds a socket. The first of a port is bound without SO_REUSEPORT,
// which is switched on for it only then: bound with it, the port would also be
// shared with a stranger's socket, even with this very program started twice, and
// each would get some of the other's connections.
func (s *sockets) bindInet(fd int, first, share bool) (err error) {
	set := func(name string, level, opt, value int) {
		if err == nil {
			if errno := sys.SetsockoptInt(fd, level, opt, value); errno != 0 {
				err = fmt.Errorf("setsockopt %s: %w", name, errno)
			}
		}
	}
	if !s.address.packet() {
		set("SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) // restart while old connections linger
	}
	if s.inet.Addr().Is6() {
		only := 0
		if s.address.scheme == "tcp6" || s.address.scheme == "udp6" {
			only = 1
		}
		set("IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only)
		if only == 0 {
			err = nil // OpenBSD has no sockets for both
		}
	}
	if !first {
		set("SO_REUSEPORT", unix.SOL_SOCKET, reusePort, 1)
	}
	if err != nil {
		return err
	}
	if errno := sys.Bind(fd, s.inet); errno != 0 {
		return fmt.Errorf("bind: %w", errno)
	}
	if !first {
		return nil
	}
	if share {
		set("SO_REUSEPORT", unix.SOL_SOCKET, reusePort, 1)
	}
	if err != nil {
		return err
	}
	bound, errno := sys.Getsockname(fd)
	if errno != 0 {
		return fmt.Errorf("getsockname: %w", errno)
	}
	s.inet = bound
	return nil
}

// bindUnix binds a socket to a path, or to an abstract name.
func (s *sockets) bindUnix(fd int, mode fs.FileMode) (err error) {
	if s.address.name[0] == '@' {
		if errno := sys.BindUnix(fd, s.address.name); errno != 0 {
			return fmt.Errorf("bind: %w", errno)
		}
		return nil
	}
	s.file, s.unlock, err = socketfile.Bind(fd, s.address.name, uint32(mode.Perm()))
	return err
}

// listen has the sockets listen: all are bound before one listens, so that a
// connection is never sent to a port that is not spread over all loops yet.
func (s *sockets) listen(backlog int) error {
	for _, fd := range s.fds {
		if errno := sys.Listen(fd, backlog); errno != 0 {
			return fmt.Errorf("listen: %w", errno)
		}
	}
	s.ready()
	return nil
}

// ready says that a client that finds the file now is served.
func (s *sockets) ready() {
	if s.unlock != nil {
		s.unlock()
		s.unlock = nil
	}
}

// close gives up what has not been handed to a loop yet.
func (s *sockets) close() {
	if s.file != nil {
		s.ready() // remove takes the lock itself
		_ = s.file.Remove()
		s.file = nil
	}
	for _, fd := range s.fds {
		_ = sys.Close(fd) // nothing went through it yet
	}
	s.fds = nil
	s.ready()
}

// url is the address, with the port that it got.
func (s *sockets) url() string { return s.address.at(s.inet).String() }

// netAddr is the address in package net's form.
func (s *sockets) netAddr() net.Addr {
	switch {
	case s.address.unix():
		return &net.UnixAddr{Name: s.address.name, Net: s.address.scheme}
	case s.address.packet():
		return net.UDPAddrFromAddrPort(s.inet)
	}
	return net.TCPAddrFromAddrPort(s.inet)
}

// adoptSockets are sockets made elsewhere, of which it takes duplicates.
func adoptSockets(files []*os.File) (s *sockets, err error) {
	s = &sockets{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if len(files) == 0 {
		return s, fmt.Errorf("%w: there are no sockets to adopt", ErrOption)
	}
	for i, f := range files {
		fd, err := duplicate(f)
		if err != nil {
			return s, err
		}
		s.fds = append(s.fds, fd)
		a, inet, err := describe(fd)
		if err != nil {
			return s, fmt.Errorf("adopt %s: %w", f.Name(), err)
		}
		if i == 0 {
			s.address, s.inet = a, inet
		} else if a != s.address || inet != s.inet {
			return s, fmt.Errorf("adopt %s: %w: it is a socket of another address than the first", f.Name(), ErrOption)
		}
	}
	if name := s.address.name; name != "" && name[0] != '@' {
		s.found, _ = socketfile.Found(name) // none, and there is none to own
	}
	return s, nil
}

// duplicate makes another number for a file's description, which is made
// non-blocking: for all that share it, as they must expect.
func duplicate(f *os.File) (fd int, err error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return -1, err
	}
	var errno sys.Errno
	err = conn.Control(func(old uintptr) {
		if fd, errno = sys.Dup(int(old)); errno == 0 {
			if errno = sys.SetNonblock(fd); errno != 0 {
				_ = sys.Close(fd) // the error at hand says more
			}
		}
	})
	if err == nil && errno != 0 {
		err = fmt.Errorf("duplicate a socket: %w", errno)
	}
	return fd, err
}

// describe finds out what a socket that was made elsewhere is bound to.
func describe(fd int) (a address, inet netip.AddrPort, err error) {
	family, typ, listening, errno := sys.SocketKind(fd)
	if errno != 0 {
		return a, inet, errno
	}
	switch {
	case family == unix.AF_UNIX && typ == unix.SOCK_STREAM:
		a.scheme = "unix"
	case family == unix.AF_UNIX && typ == unix.SOCK_SEQPACKET:
		a.scheme = "unixpacket"
	case family == unix.AF_UNIX && typ == unix.SOCK_DGRAM:
		a.scheme = "unixgram"
	case family != unix.AF_INET && family != unix.AF_INET6:
		return a, inet, fmt.Errorf("%w: a socket of family %d", errors.ErrUnsupported, family)
	case typ == unix.SOCK_STREAM:
		a.scheme = "tcp"
	case typ == unix.SOCK_DGRAM:
		a.scheme = "udp"
	default:
		return a, inet, fmt.Errorf("%w: a socket of family %d and type %d", errors.ErrUnsupported, family, typ)
	}
	if !a.packet() && !listening {
		return a, inet, fmt.Errorf("%w: the socket does not listen", ErrOption)
	}
	if a.unix() {
		if a.name, errno = sys.UnixName(fd); errno != 0 {
			return a, inet, fmt.Errorf("getsockname: %w", errno)
		}
		return a, inet, nil
	}
	if inet, errno = sys.Getsockname(fd); errno != 0 {
		return a, inet, fmt.Errorf("getsockname: %w", errno)
	}
	a.host, a.port = inet.Addr().String(), inet.Port()
	return a, inet, nil
}

// toBind is the address that a listener of a binds: the first IPv4 address of a
// name, else the first. The zero value of a Unix address.
func (a address) toBind(ctx context.Context) (netip.AddrPort, error) {
	if a.unix() {
		return netip.AddrPort{}, nil
	}
	list, err := a.lookup(ctx)
	if err != nil {
		return netip.AddrPort{}, err
	}
	i := slices.IndexFunc(list, func(ip netip.AddrPort) bool { return ip.Addr().Is4() })
	return list[max(i, 0)], nil
}

// family is the address family of a's sockets.
func (a address) family(inet netip.AddrPort) int {
	if a.unix() {
		return unix.AF_UNIX
	}
	return sys.Family(inet)
}

// socketType is the type of a's sockets.
func (a address) socketType() int {
	switch {
	case a.packet():
		return unix.SOCK_DGRAM
	case a.scheme == "unixpacket":
		return unix.SOCK_SEQPACKET
	}
	return unix.SOCK_STREAM
}

// kind is what a's sockets are to SocketOptions.
func (a address) kind(inet netip.AddrPort, listener bool) socketKind {
	return socketKind{tcp: !a.unix() && !a.packet(), listener: listener, v6: !a.unix() && sys.Family(inet) == unix.AF_INET6, unix: a.unix()}
}
