//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package socketserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"example.com/iomux/reactor"
)

// Server is a server of one address: BaseServer and the four made of it. Any goroutine
// may call its methods.
type Server struct {
	options Options
	handler Handler
	url     string
	group   *reactor.Group

	mu       sync.Mutex
	listener *reactor.Listener       // of connections; nil: not bound
	packets  *reactor.PacketListener // of datagrams
	socket   *os.File                // a duplicate, for Fd; nil: none
	closed   bool
	patience context.Context // of Close
	cut      func()          // ends patience
	drained  chan struct{}   // closed when Close need not wait any more
	serving  *serving        // nil: ServeForever does not run
	single   *single         // nil: HandleRequest does not run
	requests int             // that run
	number   int             // of the last one
	held     bool            // there was no room when the gate was asked
	idle     chan struct{}   // closed when no request runs; nil: nobody waits
	actions  chan struct{}   // holds one: ServiceActions is to be called
	children children
	child    *child // of which this is the server; nil: this is the parent
}

// New makes a server of a URL, as reactor.Group.Listen or ListenPacket take it:
// tcp://HOST:PORT, udp://HOST:PORT, unix:///PATH or unixgram:///PATH. Unless
// Options.NoBind is set it is bound, and clients can connect; they are served once
// ServeForever or HandleRequest is called. Errors: reactor.ErrAddress and ErrOption,
// those of the hooks ServerBind and ServerActivate, which are the kernel's.
func New(address string, h Handler, o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if h == nil {
		return nil, fmt.Errorf("socketserver: %s: %w: the handler is nil", address, reactor.ErrOption)
	}
	if _, _, err := reactor.SplitURL(address); err != nil {
		return nil, err
	}
	group, err := reactor.Open(o.Reactor)
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, handler: h, url: address, group: group, actions: make(chan struct{}, 1), drained: make(chan struct{})}
	s.patience, s.cut = context.WithCancel(context.Background())
	if o.NoBind {
		return s, nil
	}
	if err = s.Bind(); err == nil {
		err = s.Activate()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// NewTCP is New of a HOST:PORT: TCPServer. An empty host means 127.0.0.1; to serve
// every network, write 0.0.0.0 or [::].
func NewTCP(address string, h Handler, o Options) (*Server, error) {
	return New("tcp://"+host(address), h, o)
}

// NewUDP is the same of datagrams: UDPServer.
func NewUDP(address string, h Handler, o Options) (*Server, error) {
	return New("udp://"+host(address), h, o)
}

// NewUnixStream is New of the path of a Unix socket, or @ and an abstract name:
// UnixStreamServer.
func NewUnixStream(path string, h Handler, o Options) (*Server, error) {
	address, err := unixURL("unix", path)
	if err != nil {
		return nil, err
	}
	return New(address, h, o)
}

// NewUnixDatagram is the same of datagrams: UnixDatagramServer.
func NewUnixDatagram(path string, h Handler, o Options) (*Server, error) {
	address, err := unixURL("unixgram", path)
	if err != nil {
		return nil, err
	}
	return New(address, h, o)
}

// host adds the host that is meant where there is none.
func host(address string) string {
	if strings.HasPrefix(address, ":") {
		return "127.0.0.1" + address
	}
	return address
}

// unixURL is the URL of a path.
func unixURL(scheme, path string) (string, error) {
	if strings.HasPrefix(path, "@") {
		return scheme + ":" + escape(path), nil
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("socketserver: %s: %w", path, err)
	}
	return scheme + "://" + escape(abs), nil
}

// escape writes what a path may not have in a URL.
func escape(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// Bind binds and listens, for one that was made with Options.NoBind: server_bind. In
// Python clients are refused until Activate, here they wait from now on.
func (s *Server) Bind() error { return s.options.Hooks.ServerBind(s) }

// Activate is server_activate.
func (s *Server) Activate() error { return s.options.Hooks.ServerActivate(s) }

// listen is the default of ServerBind.
func (s *Server) listen() error {
	o := s.options.Listen
	o.Balance = reactor.RoundRobin
	o.Gate = gate{s}
	network, _, err := reactor.SplitURL(s.url)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("socketserver: bind %s: %w", s.url, reactor.ErrClosed)
	}
	if s.listener != nil || s.packets != nil {
		return fmt.Errorf("socketserver: bind %s: it is bound already", s.url)
	}
	var files []*os.File
	if strings.HasPrefix(network, "udp") || network == "unixgram" {
		if s.packets, err = s.group.ListenPacket(s.url, datagrams{s}, o); err == nil {
			files, err = s.packets.Files()
		}
	} else {
		if s.listener, err = s.group.Listen(s.url, s.streams(), o); err == nil {
			files, err = s.listener.Files()
		}
	}
	if err != nil {
		return err
	}
	s.socket = files[0] // there is one, for there is a Gate
	return nil
}

// Handler is what serves the requests: RequestHandlerClass.
func (s *Server) Handler() Handler { return s.handler }

// URL is the address that was bound, as New takes it; of one that is not, what New was
// given.
func (s *Server) URL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.listener != nil:
		return s.listener.URL()
	case s.packets != nil:
		return s.packets.URL()
	}
	return s.url
}

// Addr is the address that was bound, with the port the kernel chose if it was asked
// to: server_address. Nil: it is not bound.
func (s *Server) Addr() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.listener != nil:
		return s.listener.Addr()
	case s.packets != nil:
		return s.packets.Addr()
	case s.child != nil:
		return s.child.addr
	}
	return nil
}

// Fd is a descriptor of the listening socket, -1 when there is none: fileno. While
// neither ServeForever nor HandleRequest runs, it is readable when a request waits: so
// several servers can be watched by one selector, and HandleRequest be called for
// each that is ready. It stays the server's.
func (s *Server) Fd() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	fd := -1
	if s.socket == nil {
		return fd
	}
	raw, err := s.socket.SyscallConn()
	if err != nil || raw.Control(func(n uintptr) { fd = int(n) }) != nil {
		return -1
	}
	return fd
}

// Stats are the counters of the server's loops.
func (s *Server) Stats() reactor.Stats {
	if s.child != nil {
		return reactor.Stats{} // it has no loops
	}
	return s.group.Stats()
}

// Close ends the server: server_close. ServeForever and HandleRequest return, the socket
// is closed, with the file of a Unix one, and Close waits until the requests that run have
// ended; those that wait for input from their client are closed, which in Python may keep
// the server for ever. With Options.DaemonThreads it does not wait. A handler must not
// call it, for it would wait for itself; it can have a goroutine do so. Closing twice is
// fine.
func (s *Server) Close() error { return s.options.Hooks.ServerClose(s) }

// CloseWithin is Close for as long as ctx lasts. Then the requests that are left are
// cut, also those that an earlier Close waits for, and the error is ctx's.
func (s *Server) CloseWithin(ctx context.Context) error {
	defer context.AfterFunc(ctx, s.cut)()
	err := s.Close()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return fmt.Errorf("%w (%w)", err, ctx.Err())
	}
	return err
}

// end is the default of ServerClose.
func (s *Server) end() error {
	s.mu.Lock()
	s.stop(nil)
	if one := s.single; one != nil && one.took == 0 {
		one.end(fmt.Errorf("socketserver: handle a request of %s: %w", s.url, reactor.ErrClosed))
	}
	first := !s.closed
	s.closed = true
	s.children.closing()
	listener, packets, socket := s.listener, s.packets, s.socket
	s.socket = nil
	s.mu.Unlock()
	if !first {
		<-s.drained
		return nil
	}
	var err error
	if socket != nil {
		err = socket.Close()
	}
	if listener != nil {
		listener.Close()
	}
	if s.options.DaemonThreads {
		close(s.drained)                     // as far as anybody waits for it
		go func() { _ = s.drain(packets) }() // as long as the process lasts
		return err
	}
	defer close(s.drained)
	return errors.Join(err, s.drain(packets))
}

// drain waits for the requests and ends the loops. Those of datagrams have to answer
// first, which needs the socket.
func (s *Server) drain(packets *reactor.PacketListener) error {
	var err error
	ctx := s.patience
	if packets != nil {
		packets.Pause()
		err = s.wait(ctx)
		packets.Close()
	}
	if down := s.group.Shutdown(ctx); err == nil {
		err = down
	}
	if err == nil {
		err = s.wait(ctx)
	}
	if ended := s.endChildren(ctx); err == nil {
		err = ended
	}
	s.options.Hooks.CollectChildren(s)
	return err
}

// wait waits until no request runs.
func (s *Server) wait(ctx context.Context) error {
	s.mu.Lock()
	if s.requests == 0 {
		s.mu.Unlock()
		return nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("socketserver: close %s: %w", s.url, ctx.Err())
	}
}
