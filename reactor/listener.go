//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// Listener accepts connections for a Group on one address. Any goroutine may
// call its methods.
type Listener struct {
	group     *Group
	handler   Handler
	addr      netip.AddrPort
	acceptors []*acceptor
}

// Addr is the address listened on, with the port the kernel chose if it was
// asked to.
func (ln *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(ln.addr) }

// URL is Addr as Listen takes it: tcp://127.0.0.1:7000.
func (ln *Listener) URL() string { return "tcp://" + ln.addr.String() }

// Close stops accepting; the connections there are go on. Connections that the
// kernel has completed and nobody has accepted are reset. It returns before the
// loops have done it. Closing twice is fine.
func (ln *Listener) Close() {
	for _, a := range ln.acceptors {
		_ = a.loop.Post(a.close) // a loop that has ended has closed it
	}
}

// listen opens the sockets of ln: one a loop where the kernel spreads
// connections over sockets of one port, else one for all.
func (ln *Listener) listen(loops []*Loop, backlog int) (err error) {
	if reusePort == 0 {
		loops = loops[:1]
	}
	share := len(loops) > 1
	defer func() {
		if err != nil {
			for _, a := range ln.acceptors {
				_ = sys.Close(a.fd) // it has not accepted anything yet
			}
		}
	}()
	for i, l := range loops {
		fd, err := bindSocket(ln.addr, i == 0, share)
		if err != nil {
			return err
		}
		ln.acceptors = append(ln.acceptors, &acceptor{listener: ln, loop: l, fd: fd})
		if i == 0 {
			var errno sys.Errno
			if ln.addr, errno = sys.Getsockname(fd); errno != 0 {
				return fmt.Errorf("getsockname: %w", errno)
			}
		}
	}
	// All are bound before one listens, so that a connection is never sent to a
	// port that is not spread over all loops yet.
	for _, a := range ln.acceptors {
		if errno := sys.Listen(a.fd, backlog); errno != 0 {
			return fmt.Errorf("listen: %w", errno)
		}
	}
	for i, a := range ln.acceptors {
		if err := a.loop.adopt(a); err != nil {
			adopted := ln.acceptors[:i]
			ln.acceptors = ln.acceptors[i:] // the rest is ours to close
			for _, b := range adopted {
				_ = b.loop.Post(b.close) // what a loop has, only the loop closes
			}
			return err
		}
	}
	return nil
}

// bindSocket makes a socket and binds it. The first of a port is bound without
// SO_REUSEPORT, which is switched on for it only then: bound with it, the port
// would also be shared with a stranger's listener, even with this very program
// started twice, and each would get some of the other's connections.
func bindSocket(addr netip.AddrPort, first, share bool) (fd int, err error) {
	fd, errno := sys.Socket(sys.Family(addr))
	if errno != 0 {
		return -1, fmt.Errorf("socket: %w", errno)
	}
	set := func(name string, level, opt int) {
		if err == nil {
			if errno := sys.SetsockoptInt(fd, level, opt, 1); errno != 0 {
				err = fmt.Errorf("setsockopt %s: %w", name, errno)
			}
		}
	}
	set("SO_REUSEADDR", unix.SOL_SOCKET, unix.SO_REUSEADDR) // restart while old connections linger
	// Accepted sockets inherit it, which saves a call for each.
	set("TCP_NODELAY", unix.IPPROTO_TCP, unix.TCP_NODELAY)
	if !first {
		set("SO_REUSEPORT", unix.SOL_SOCKET, reusePort)
	}
	if err == nil {
		if errno := sys.Bind(fd, addr); errno != 0 {
			err = fmt.Errorf("bind: %w", errno)
		}
	}
	if first && share {
		set("SO_REUSEPORT", unix.SOL_SOCKET, reusePort)
	}
	if err != nil {
		_ = sys.Close(fd) // the error at hand says more
		return -1, err
	}
	return fd, nil
}

// adopt takes an acceptor in.
func (l *Loop) adopt(a *acceptor) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return ErrClosed
	}
	if _, err := l.sel.Register(a.fd, iomux.Readable, a); err != nil {
		return err
	}
	l.acceptors = append(l.acceptors, a)
	return nil
}

// takeAcceptors empties the loop's list and returns what was on it.
func (l *Loop) takeAcceptors() []*acceptor {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := l.acceptors
	l.acceptors = nil
	return list
}

// drop takes one acceptor off the list.
func (l *Loop) drop(a *acceptor) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acceptors = slices.DeleteFunc(l.acceptors, func(b *acceptor) bool { return a == b })
}

// wrapListen adds the address, and what one can do about it.
func wrapListen(address string, err error) error {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("reactor: listen %s: %w: something listens there already; choose another port, or 0", address, err)
	case errors.Is(err, unix.EACCES):
		return fmt.Errorf("reactor: listen %s: %w: ports below 1024 are for root; choose a higher one", address, err)
	case errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("reactor: listen %s: %w: no network interface here has it", address, err)
	}
	return fmt.Errorf("reactor: listen %s: %w", address, err)
}
