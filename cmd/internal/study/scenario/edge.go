//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package scenario

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
	"example.com/iomux/reactor"
	"example.com/iomux/selectors"

	"golang.org/x/sys/unix"
)

// edgeServer is a loop that is told of each change once. It must therefore read,
// accept and write until the kernel says EAGAIN. What it has asked for once it need
// never take back: nothing is reported again that does not change.
type edgeServer struct {
	sel      *selectors.Selector[func(iomux.Events)]
	app      app
	listener int                   // -1: none
	socket   reactor.SocketOptions // of those that are accepted, where they inherit none
	buf      []byte
	conns    map[int]*edgePeer
	closing  []*edgePeer // at the end of the turn
	alarms   []edgeAlarm
	over     bool
	err      error // of a call that cannot fail here
	done     chan struct{}

	mu     sync.Mutex
	posted []func()
}

type edgeAlarm struct {
	at time.Time
	f  func()
}

const edgeEvents = iomux.Readable | iomux.Edge

func newEdgeServer(b iomux.Backend) (*edgeServer, error) {
	sel, err := selectors.New[func(iomux.Events)](b)
	if err != nil {
		return nil, err
	}
	s := &edgeServer{sel: sel, listener: -1, buf: make([]byte, 64<<10), conns: map[int]*edgePeer{}, done: make(chan struct{})}
	go s.run()
	return s, nil
}

func (s *edgeServer) post(f func()) error {
	s.mu.Lock()
	s.posted = append(s.posted, f)
	s.mu.Unlock()
	s.sel.Wake()
	return nil
}

func (s *edgeServer) listen(url string, a app, o reactor.SocketOptions) (net.Addr, error) {
	fd, addr, errno := edgeListener(url, o)
	if errno != 0 {
		if fd >= 0 {
			_ = sys.Close(fd) // nobody has connected
		}
		return nil, errno
	}
	s.app = a
	if addr.Network() == "unix" {
		s.socket = o
	}
	if _, err := s.sel.Register(fd, edgeEvents, func(iomux.Events) { s.accept(fd) }); err != nil {
		_ = sys.Close(fd) // nobody has connected
		return nil, err
	}
	s.listener = fd
	return addr, nil
}

// edgeListener is a socket that listens at tcp://127.0.0.1:0, or at a Unix socket's
// abstract name.
func edgeListener(url string, o reactor.SocketOptions) (fd int, addr net.Addr, errno sys.Errno) {
	name, local := strings.CutPrefix(url, "unix:")
	family := unix.AF_INET
	if local {
		family = unix.AF_UNIX
	}
	if fd, errno = sys.Socket(family, unix.SOCK_STREAM); errno != 0 {
		return -1, nil, errno
	}
	if local {
		addr, errno = &net.UnixAddr{Name: name, Net: "unix"}, sys.BindUnix(fd, name)
	} else {
		if errno = setBuffers(fd, o); errno == 0 {
			errno = sys.Bind(fd, netip.MustParseAddrPort("127.0.0.1:0"))
		}
		if errno == 0 {
			var bound netip.AddrPort
			bound, errno = sys.Getsockname(fd)
			addr = net.TCPAddrFromAddrPort(bound)
		}
	}
	if errno == 0 {
		errno = sys.Listen(fd, 128)
	}
	return fd, addr, errno
}

// setBuffers sets the sizes of a socket's buffers, those that are said.
func setBuffers(fd int, o reactor.SocketOptions) (errno sys.Errno) {
	if o.ReadBuffer > 0 {
		errno = sys.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, o.ReadBuffer)
	}
	if o.WriteBuffer > 0 && errno == 0 {
		errno = sys.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, o.WriteBuffer)
	}
	return errno
}

func (s *edgeServer) run() {
	defer close(s.done)
	for !s.over {
		ready, err := s.sel.Select(s.timeout())
		if err != nil {
			s.err = errors.Join(s.err, err)
			break
		}
		for _, r := range ready {
			r.Key.Data(r.Events)
		}
		s.runPosted()
		s.fire()
		for _, p := range s.closing {
			_ = sys.Close(p.fd) // all there was to send is sent, or the peer is gone
		}
		s.closing = s.closing[:0]
	}
	s.err = errors.Join(s.err, s.sel.Close())
}

func (s *edgeServer) timeout() time.Duration {
	next := selectors.Forever
	for _, a := range s.alarms {
		next = min(next, max(0, time.Until(a.at)))
	}
	return next
}

func (s *edgeServer) runPosted() {
	s.mu.Lock()
	run := s.posted
	s.posted = nil
	s.mu.Unlock()
	for _, f := range run {
		f()
	}
}

func (s *edgeServer) fire() {
	now := time.Now()
	for i := 0; i < len(s.alarms); i++ {
		if a := s.alarms[i]; !a.at.After(now) {
			s.alarms = slices.Delete(s.alarms, i, i+1)
			i--
			a.f()
		}
	}
}

func (s *edgeServer) accept(listener int) {
	for {
		fd, _, errno := sys.Accept(listener)
		if errno == syscall.EINTR {
			continue
		}
		if errno != 0 {
			return // EAGAIN: until there is none left, for nobody will say so again
		}
		if errno := setBuffers(fd, s.socket); errno != 0 {
			s.err = errors.Join(s.err, errno)
		}
		p := &edgePeer{server: s, fd: fd}
		s.conns[fd] = p
		if _, err := s.sel.Register(fd, edgeEvents, p.ready); err != nil {
			s.err = errors.Join(s.err, err)
		}
	}
}

func (s *edgeServer) shutdown(ctx context.Context) error {
	_ = s.post(func() { // which never fails
		for _, p := range s.conns {
			p.end()
		}
		if s.listener >= 0 {
			_, err := s.sel.Unregister(s.listener)
			s.err = errors.Join(s.err, err)
			_ = sys.Close(s.listener) // nobody waits there
		}
		s.over = true
	})
	select {
	case <-s.done:
		return s.err
	case <-ctx.Done():
		return ctx.Err()
	}
}
