//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// DialOptions tune a Dial. The zero value is what most want.
type DialOptions struct {
	// Timeout is how long it may take, the look-up of a name included. Several
	// addresses of one name share it. Default: 30 s; the kernel alone would try
	// each for two minutes.
	Timeout time.Duration
	// Local is the address to connect from. Default: the kernel's choice.
	Local netip.AddrPort
	// TLS has the connection speak TLS, by crypto/tls: the handler is given it when
	// the handshake is over, for which Timeout and Timeouts.Handshake hold too. The
	// name that the server's certificate must have is that of the address, where
	// ServerName says none. See ListenOptions.TLS. Default: no TLS.
	TLS *tls.Config
	// Timeouts of the connection, in place of those of the group's Options if
	// there is one among them.
	Timeouts Timeouts
	// Socket are options of the connection's socket.
	Socket SocketOptions
}

// Dial is a connection in the making. Its method is for any goroutine.
type Dial struct {
	loop    *Loop
	address address
	options DialOptions
	service *service
	failed  func(error)

	// Of the loop's goroutine.
	cancel  context.CancelFunc // of the look-up; nil: there is none
	left    []netip.AddrPort   // addresses not tried yet; a Unix socket's is not here
	peer    netip.AddrPort     // the one that is tried
	fd      int                // of the attempt; -1: none
	watched bool               // fd is in the selector
	conn    *Conn              // the connection, while its TLS handshake is under way
	attempt *Timer             // ends the attempt, or begins it anew
	whole   *Timer             // ends the Dial
	end     time.Duration      // when whole rings
	first   error              // why the first address did not do
	over    bool
}

const (
	defaultDialTimeout = 30 * time.Second
	// minAttempt is the least time that one of several addresses gets, if there
	// is as much left, so that a distant one can answer.
	minAttempt = 2 * time.Second
	// busyRetry is how soon a Unix listener with a full queue is asked again: it
	// tells nobody when there is room.
	busyRetry = 5 * time.Millisecond
)

// Dial connects to tcp://HOST:PORT (tcp4, tcp6), unix:///PATH or
// unixpacket:///PATH, on this loop. Either h.Opened is called with the connection,
// or failed with the reason: the kernel's error, of a name with several addresses
// that of the first; ErrTimeout; ErrCanceled; ErrClosed, the loop is ending. Both
// come later, on the loop, also when Dial is called there. Names are looked up on
// a goroutine of their own. Any goroutine may call it. Errors, after which failed
// is not called: ErrAddress, ErrOption, ErrClosed.
func (l *Loop) Dial(address string, h Handler, o DialOptions, failed func(error)) (*Dial, error) {
	a, err := parseAddress(address)
	switch {
	case err != nil:
		return nil, err
	case a.packet():
		return nil, fmt.Errorf("reactor: %w %q: it is for datagrams, which DialPacket takes", ErrAddress, address)
	case h == nil || failed == nil:
		return nil, fmt.Errorf("reactor: dial %v: %w: the handler or what is to be called on failure is nil", a, ErrOption)
	case o.Timeout < 0:
		return nil, fmt.Errorf("reactor: dial %v: %w: Timeout is %v, want a positive duration or 0 for the default", a, ErrOption, o.Timeout)
	case o.Timeout == 0:
		o.Timeout = defaultDialTimeout
	}
	if err := o.Socket.check(); err != nil {
		return nil, fmt.Errorf("reactor: dial %v: %w", a, err)
	}
	if err := o.Timeouts.check(); err != nil {
		return nil, err
	}
	if err := o.checkTLS(a); err != nil {
		return nil, fmt.Errorf("reactor: dial %v: %w", a, err)
	}
	if !o.Timeouts.any() {
		o.Timeouts = l.options.Timeouts
	}
	d := &Dial{loop: l, address: a, options: o, failed: failed, fd: -1}
	d.service = newService(l, nil, h, o.Timeouts, a)
	d.service.config, d.service.dial = o.TLS, d
	if err := l.Post(d.start); err != nil {
		return nil, fmt.Errorf("reactor: dial %v: %w", a, ErrClosed)
	}
	return d, nil
}

// Dial is Loop.Dial on one loop after the other.
func (g *Group) Dial(address string, h Handler, o DialOptions, failed func(error)) (*Dial, error) {
	n := g.nextDial.Add(1)
	return g.loops[n%uint32(len(g.loops))].Dial(address, h, o, failed)
}

// Cancel gives up: failed is called with ErrCanceled, unless there is a connection
// already.
func (d *Dial) Cancel() {
	_ = d.loop.Post(func() { d.fail(ErrCanceled) }) // a loop that has ended has given up
}

// start begins on the loop.
func (d *Dial) start() {
	l := d.loop
	l.dials = append(l.dials, d)
	if l.draining {
		d.fail(ErrClosed)
		return
	}
	d.end = l.later(d.options.Timeout)
	d.whole = l.After(d.options.Timeout, func() { d.fail(ErrTimeout) })
	if d.address.unix() {
		d.left = make([]netip.AddrPort, 1) // which says nothing, but that there is one
		d.try()
		return
	}
	if ip, err := netip.ParseAddr(d.address.host); err == nil && ip.Zone() == "" {
		d.resolved(d.address.lookup(context.Background())) // a number: it does not wait
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	go func() {
		list, err := d.address.lookup(ctx)
		_ = l.Post(func() { d.resolved(list, err) }) // a loop that has ended has given up
	}()
}

// resolved takes in what the name stands for.
func (d *Dial) resolved(list []netip.AddrPort, err error) {
	switch {
	case d.over:
	case err != nil:
		d.fail(err)
	default:
		d.left = list
		d.try()
	}
}

// try begins an attempt with the next address, or gives up.
func (d *Dial) try() {
	for !d.over {
		if len(d.left) == 0 {
			d.fail(d.first)
			return
		}
		d.peer = d.left[0]
		d.left = d.left[1:]
		if d.open() {
			d.connect()
			return
		}
	}
}

// open makes the socket of an attempt.
func (d *Dial) open() bool {
	var errno sys.Errno
	if d.fd, errno = sys.Socket(d.address.family(d.peer), d.address.socketType()); errno != 0 {
		return d.miss("socket", errno)
	}
	if err := d.options.Socket.apply(d.fd, d.address.kind(d.peer, false)); err != nil {
		d.miss("options", err)
		return false
	}
	if d.options.Local.IsValid() && !d.address.unix() {
		if errno := sys.Bind(d.fd, d.options.Local); errno != 0 {
			return d.miss("bind to "+d.options.Local.String(), errno)
		}
	}
	return true
}

// miss ends an attempt. It returns false, for open.
func (d *Dial) miss(what string, err error) bool {
	d.leave()
	if d.first == nil {
		where := d.address.String()
		if !d.address.unix() {
			where = d.peer.String()
		}
		d.first = fmt.Errorf("%s %s: %w", what, where, err)
	}
	return false
}

// leave gives up the attempt's socket.
func (d *Dial) leave() {
	if d.attempt != nil {
		d.attempt.Stop()
	}
	if d.fd < 0 {
		return
	}
	if d.watched {
		d.watched = false
		if _, err := d.loop.sel.Unregister(d.fd); err != nil {
			d.loop.log.Error("cannot unregister a socket that connects", "err", err)
		}
	}
	_ = sys.Close(d.fd) // nothing went through it
	d.fd = -1
}

// connect asks the kernel to connect.
func (d *Dial) connect() {
	var errno sys.Errno
	if d.address.unix() {
		errno = sys.ConnectUnix(d.fd, d.address.name)
	} else {
		errno = sys.Connect(d.fd, d.peer)
	}
	switch {
	case errno == 0:
		d.connected()
	case errno == unix.EAGAIN && d.address.unix(): // its queue is full
		d.again(busyRetry, d.connect)
	case errno == unix.EINPROGRESS || errno == unix.EINTR: // a signal does not end it, connect(2)
		d.loop.counts.Watches++
		if _, err := d.loop.sel.Register(d.fd, iomux.Writable, d); err != nil {
			d.miss("watch", err)
			d.try()
			return
		}
		d.watched = true
		if n := time.Duration(len(d.left)); n > 0 {
			left := d.end - d.loop.now()
			d.again(max(left/(n+1), min(minAttempt, left)), func() {
				d.miss("connect", ErrTimeout)
				d.try()
			})
		}
	default:
		d.miss("connect", errno)
		d.try()
	}
}

// again has f called in a while, unless the attempt is over by then.
func (d *Dial) again(in time.Duration, f func()) {
	fd := d.fd
	d.attempt = d.loop.After(in, func() {
		if !d.over && d.fd == fd {
			f()
		}
	})
}

// ready is called when the connect has ended, well or badly.
func (d *Dial) ready(iomux.Events, iomux.Raw) {
	if d.over || d.fd < 0 {
		return
	}
	d.loop.current = nil
	errno := sys.SocketError(d.fd)
	if errno == 0 && d.mirrored() {
		errno = unix.ECONNREFUSED
	}
	if errno != 0 {
		d.miss("connect", errno)
		d.try()
		return
	}
	d.connected()
}

// mirrored reports whether the socket has connected to itself: a port that nobody
// listens at may be the very one that the kernel has chosen for this end, and TCP
// lets two that connect to each other meet (RFC 9293, 3.5).
func (d *Dial) mirrored() bool {
	if d.address.unix() {
		return false
	}
	local, errno := sys.Getsockname(d.fd)
	if errno != 0 {
		return false
	}
	peer, errno := sys.Getpeername(d.fd) // which is not d.peer where that is 0.0.0.0
	return errno == 0 && local == peer
}

// connected hands the socket over to a Conn.
func (d *Dial) connected() {
	fd, known := d.fd, d.watched
	d.fd, d.watched = -1, false
	if d.options.TLS == nil {
		d.finish()
	}
	switch c := d.loop.open(fd, d.peer, d.service, known); {
	case c == nil:
		d.finish()
		d.failed(fmt.Errorf("reactor: dial %v: the selector does not take the socket", d.address))
	case !d.over:
		d.conn = c
	}
}

// fail gives up.
func (d *Dial) fail(err error) {
	if d.over {
		return
	}
	d.leave()
	d.finish()
	if d.conn != nil {
		d.conn.finish(err)
	}
	d.failed(fmt.Errorf("reactor: dial %v: %w", d.address, err))
}

// finish ends the Dial, whatever comes of it.
func (d *Dial) finish() {
	d.over = true
	for _, t := range []*Timer{d.attempt, d.whole} {
		if t != nil {
			t.Stop()
		}
	}
	if d.cancel != nil {
		d.cancel()
	}
	d.loop.dials = slices.DeleteFunc(d.loop.dials, func(e *Dial) bool { return e == d })
}
