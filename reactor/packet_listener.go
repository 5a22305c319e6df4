//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"

	"example.com/iomux/internal/sys"
)

// PacketListener receives datagrams for a Group on one address. Any goroutine may
// call its methods.
type PacketListener struct {
	group   *Group
	sockets *sockets // but for the descriptors: those are the conns'
	conns   []*PacketConn
	file    boundFile
}

// ListenPacket begins to receive datagrams on an address, for h: udp://HOST:PORT
// (udp4, udp6) or unixgram:///PATH. Host names, IPv6 and files are treated as by
// Listen. Where the kernel spreads peers over sockets of one port (UDP on Linux),
// each loop has a socket, and what a peer sends from one port comes to one of them,
// in the order in which it arrived; else there is one on one loop. A server of
// several addresses should listen on each: an answer from 0.0.0.0 or [::] leaves
// with the address that the way to the peer has, which the peer may not expect.
//
// Whoever may write to a Unix socket can keep it from answering anybody: answers
// that a client does not read stay in the server's send buffer until there is no
// room. So Mode should let in whom one trusts.
//
// Of o, Mode, Socket, Gate and Balance count: ReusePort is as above, anything else one
// socket. Errors: ErrAddress, ErrClosed, ErrOption (h is nil, or one of o's),
// errors.ErrUnsupported and the kernel's.
func (g *Group) ListenPacket(address string, h PacketHandler, o ListenOptions) (*PacketListener, error) {
	if h == nil {
		return nil, wrapListen(address, fmt.Errorf("%w: the handler is nil", ErrOption))
	}
	a, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	if !a.packet() {
		return nil, fmt.Errorf("reactor: %w %q: it is for connections, which Listen takes", ErrAddress, address)
	}
	inet, err := a.toBind(context.Background())
	if err != nil {
		return nil, err
	}
	if err := o.withDefaults(&g.options); err != nil {
		return nil, wrapListen(address, err)
	}
	if err := o.checkTLS(a); err != nil {
		return nil, wrapListen(address, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, wrapListen(address, ErrClosed)
	}
	n, err := o.spread(a, len(g.loops))
	if err != nil {
		return nil, wrapListen(address, err)
	}
	s, err := bindSockets(a, inet, n, &o)
	if err != nil {
		return nil, wrapListen(address, err)
	}
	s.ready()
	ln, err := g.receive(s, h, o.Gate)
	if err != nil {
		return nil, wrapListen(address, err)
	}
	return ln, nil
}

// AdoptPacket is Adopt for sockets that take datagrams; see PacketListener.Files.
func (g *Group) AdoptPacket(files []*os.File, h PacketHandler, o ListenOptions) (*PacketListener, error) {
	fail := func(err error) (*PacketListener, error) {
		return nil, fmt.Errorf("reactor: adopt sockets: %w", err)
	}
	if h == nil {
		return fail(fmt.Errorf("%w: the handler is nil", ErrOption))
	}
	if err := o.withDefaults(&g.options); err != nil {
		return fail(err)
	}
	s, err := adoptSockets(files)
	if err != nil {
		return fail(err)
	}
	if !s.address.packet() {
		s.close()
		return fail(fmt.Errorf("%w: they are for connections, which Adopt takes", ErrOption))
	}
	if err := o.checkTLS(s.address); err != nil {
		s.close()
		return fail(err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		s.close()
		return fail(ErrClosed)
	}
	ln, err := g.receive(s, h, o.Gate)
	if err != nil {
		return fail(err)
	}
	return ln, nil
}

// receive hands sockets to the loops; g.mu is held.
func (g *Group) receive(s *sockets, h PacketHandler, gate Gate) (*PacketListener, error) {
	ln := &PacketListener{group: g, sockets: s}
	kind := s.address.kind(s.inet, false)
	for i, fd := range s.fds {
		c := newPacketConn(g.loops[i%len(g.loops)], fd, h)
		c.gate = gate
		c.unix, c.v6, c.local = kind.unix, kind.v6, Peer{Addr: s.inet, Name: s.address.name}
		if !c.unix {
			c.gso = sys.CanGSO(fd)
			ownGroupsOnly(fd, c.v6)
		}
		ln.conns = append(ln.conns, c)
	}
	for i, c := range ln.conns {
		if err := c.loop.adoptPacket(c); err != nil {
			for _, done := range ln.conns[:i] {
				_ = done.Post(done.Close) // what a loop has, only the loop closes
			}
			s.fds = s.fds[i:] // the rest is ours to close
			s.close()
			return nil, err
		}
	}
	ln.file.set(s.file)
	s.file, s.fds = nil, nil
	g.listeners = append(g.listeners, ln)
	return ln, nil
}

// Addr is the address, a *net.UDPAddr or *net.UnixAddr, with the port the kernel
// chose if it was asked to.
func (ln *PacketListener) Addr() net.Addr { return ln.sockets.netAddr() }

// URL is Addr as ListenPacket takes it: udp://127.0.0.1:7000.
func (ln *PacketListener) URL() string { return ln.sockets.url() }

// Conns are the sockets, one a loop where the kernel spreads peers over them.
func (ln *PacketListener) Conns() []*PacketConn { return slices.Clone(ln.conns) }

// Close closes the sockets, see PacketConn.Close, and removes the file of a Unix
// socket. It returns before the loops have done it. Closing twice is fine.
func (ln *PacketListener) Close() {
	ln.removeFile()
	ln.Leave()
}

// Leave is Close where a successor has the sockets too, see Files: a Unix socket's
// file stays, and what has arrived and was not received yet is the successor's.
func (ln *PacketListener) Leave() {
	ln.file.forget()
	ln.group.forget(ln)
	for _, c := range ln.conns {
		_ = c.Post(c.Close) // a loop that has ended has closed it
	}
}

// Pause stops receiving until Resume. What arrives waits in the kernel, which drops
// what it has no room for.
func (ln *PacketListener) Pause() { ln.hold(true) }

// Resume undoes Pause.
func (ln *PacketListener) Resume() { ln.hold(false) }

func (ln *PacketListener) hold(on bool) {
	for _, c := range ln.conns {
		_ = c.Post(func() { c.hold(on) }) // a loop that has ended has closed it
	}
}

func (ln *PacketListener) removeFile() { ln.file.remove(ln.group.options.Logger, ln.URL()) }

// OwnFile makes the file of an adopted Unix socket this listener's, to be removed
// when it closes: for a successor, once its predecessor has left. The file is the
// one that was at the socket's path when it was adopted; what has come in its place
// since is not touched. Any other listener has nothing to own.
func (ln *PacketListener) OwnFile() {
	if ln.sockets.found != nil {
		ln.file.set(ln.sockets.found)
	}
}

// Files returns duplicates of the sockets, to be passed to a successor: all of
// them, for each has peers of its own. The caller closes them. Use them by
// SyscallConn: their method Fd would make the sockets block, here too. ErrClosed: a
// socket is closed.
func (ln *PacketListener) Files() ([]*os.File, error) {
	var files []*os.File
	for _, c := range ln.conns {
		f, err := c.file(ln.URL())
		if err != nil {
			for _, f := range files {
				_ = f.Close() // a duplicate
			}
			return nil, fmt.Errorf("reactor: files of %s: %w", ln.URL(), err)
		}
		files = append(files, f)
	}
	return files, nil
}

// file is a duplicate of the socket.
func (s *PacketConn) file(name string) (*os.File, error) {
	s.loop.packets.mu.Lock()
	defer s.loop.packets.mu.Unlock()
	if s.fd < 0 {
		return nil, ErrClosed
	}
	fd, errno := sys.Dup(s.fd)
	if errno != 0 {
		return nil, fmt.Errorf("duplicate a socket: %w", errno)
	}
	return os.NewFile(uintptr(fd), name), nil
}
