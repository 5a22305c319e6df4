//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"example.com/iomux"
	"example.com/iomux/internal/sys"
)

// acceptor is a listening socket on a loop. Its fields are the loop's.
type acceptor struct {
	listener *Listener
	loop     *Loop
	fd       int           // -1 once closed; written under loop.mu
	paused   bool          // for want of descriptors or memory
	held     bool          // by Listener.Pause
	lost     bool          // somebody else has closed fd, which may be another's by now
	backoff  time.Duration // the last pause; 0 after a success
	pauseID  int           // tells the pause at hand from earlier ones
	logged   time.Time     // when trouble was last logged
	turn     uint32        // the loop that gets the next connection, where one accepts for all
}

// A pause in accepting begins short, since a descriptor may come free at any
// moment, and is at most a second, so that service is never away for longer.
const (
	minBackoff = 10 * time.Millisecond
	maxBackoff = time.Second
)

// ready accepts what waits, but not more than a few: those accepted want to be
// served too.
func (a *acceptor) ready(iomux.Events, iomux.Raw) {
	a.loop.current = nil
	group := a.listener.group
	var last sys.Errno // of the calls that failed
	accepted := false
	for range acceptBudget {
		if a.fd < 0 || a.paused || a.held {
			return
		}
		gate := a.listener.options.Gate
		if gate != nil && gate.Room() <= 0 {
			a.hold(true)
			return
		}
		fd, peer, errno := sys.Accept(a.fd)
		a.loop.counts.Accepts++
		switch {
		case errno == 0:
			accepted = true
			if group.reserve.claim(fd) {
				a.loop.counts.Refused++
				continue
			}
			a.backoff = 0
			a.take(fd, peer)
		case errno == unix.EAGAIN:
			a.loop.counts.Again++
			return
		case exhausted(errno):
			a.refuse(errno)
			return
		case errno == unix.EBADF || errno == unix.EINVAL || errno == unix.ENOTSOCK:
			a.loop.log.Error("cannot accept; the listener is closed", "listener", a.listener.URL(), "err", errno)
			a.lost = errno == unix.EBADF
			a.close()
			return
		default:
			// About one connection, which failed before it was accepted
			// (ECONNABORTED, and on Linux any error of the network,
			// accept(2)), or a signal: on to the next one.
			last = errno
		}
	}
	if !accepted { // it was not about one connection after all
		a.backOff("accepting fails; it pauses", last)
	}
}

// exhausted reports whether an errno of accept means that this process or the
// system has run out of something.
func exhausted(errno sys.Errno) bool {
	return errno == unix.EMFILE || errno == unix.ENFILE || errno == unix.ENOBUFS || errno == unix.ENOMEM
}

// take serves a connection, or closes it: also when AllowPeer, which is the user's,
// panics.
func (a *acceptor) take(fd int, peer netip.AddrPort) {
	admitted := false
	defer func() {
		if !admitted {
			a.loop.counts.Refused++
			_ = sys.Close(fd) // it was not served
		}
	}()
	a.loop.watched.step()
	if err := a.admit(fd, peer); err != nil {
		a.trouble("a connection was refused", err, "remote", a.listener.services[a.loop.number].name(peer))
		return
	}
	admitted = true
	a.hand(fd, peer)
}

// errPeer: AllowPeer has said no.
var errPeer = errors.New("its user is not allowed")

// admit decides whether a connection is served, and makes its socket ready for it.
func (a *acceptor) admit(fd int, peer netip.AddrPort) error {
	ln := a.listener
	if ln.sockets.address.unix() {
		if ln.options.AllowPeer != nil {
			cred, errno := sys.PeerCredentials(fd)
			if errno != 0 {
				return fmt.Errorf("credentials: %w", errno)
			}
			if !ln.options.AllowPeer(cred) {
				return fmt.Errorf("%w (user %d, process %d)", errPeer, cred.UID, cred.PID)
			}
		}
		// Unlike TCP's, these do not inherit the listener's buffers.
		if o := &ln.options.Socket; o.ReadBuffer > 0 || o.WriteBuffer > 0 {
			if err := o.apply(fd, socketKind{unix: true}); err != nil {
				return err
			}
		}
	}
	return ln.group.admission.enter(peer.Addr())
}

// hand gives the connection to its loop: this one where each loop has a socket
// of its own, else one of all.
func (a *acceptor) hand(fd int, peer netip.AddrPort) {
	ln := a.listener
	loops := ln.group.loops
	l := a.loop
	if len(ln.acceptors) < len(loops) {
		l = a.pick(loops)
	}
	s := ln.services[l.number]
	ln.took(1)
	if l == a.loop {
		l.open(fd, peer, s, false)
		return
	}
	// It counts from now, so that the next one is handed to another loop.
	l.load.Add(1)
	err := l.Post(func() {
		l.load.Add(-1)
		l.open(fd, peer, s, false)
	})
	if err != nil {
		_ = sys.Close(fd) // the group is shutting down
		ln.took(-1)
		ln.group.admission.exit(peer.Addr())
	}
}

// took tells the gate, if there is one.
func (ln *Listener) took(n int) {
	if ln.options.Gate != nil {
		ln.options.Gate.Took(n)
	}
}

// pick chooses the loop for a connection.
func (a *acceptor) pick(loops []*Loop) *Loop {
	a.turn++
	next := loops[a.turn%uint32(len(loops))]
	if a.listener.options.Balance != LeastConnections {
		return next
	}
	best := next // so that equals take turns
	for _, l := range loops {
		if l.load.Load() < best.load.Load() {
			best = l
		}
	}
	return best
}

// refuse ends connections that cannot be served for want of descriptors. Then
// accepting pauses: the listener stays readable while others wait, and to ask
// again at once would spin.
func (a *acceptor) refuse(errno sys.Errno) {
	group := a.listener.group
	refused := 0
	// All loops together stay within one budget.
	for refused*len(group.loops) < acceptBudget && group.reserve.refuse(a.fd) {
		refused++
	}
	a.loop.counts.Refused += uint64(refused)
	a.backOff("out of resources; accepting pauses", errno, "refused", refused)
}

// backOff pauses for twice as long as last time.
func (a *acceptor) backOff(why string, errno sys.Errno, attrs ...any) {
	a.backoff = min(max(2*a.backoff, minBackoff), maxBackoff)
	a.trouble(why, errno, append(attrs, "pause", a.backoff)...)
	a.pause(a.backoff)
}

// pause stops accepting for d, or until a descriptor comes free.
func (a *acceptor) pause(d time.Duration) {
	if !a.paused {
		a.ignore()
		a.paused = true
		a.loop.pausedAcceptors++
	}
	a.pauseID++
	id := a.pauseID
	a.loop.After(d, func() {
		if a.pauseID == id {
			a.resume()
		}
	})
}

// resume accepts again, if that was paused.
func (a *acceptor) resume() {
	if !a.paused {
		return
	}
	if !a.held {
		if err := a.heed(); err != nil {
			a.trouble("cannot resume accepting", err)
			a.pause(maxBackoff)
			return
		}
	}
	a.unpause()
}

func (a *acceptor) unpause() {
	a.paused = false
	a.pauseID++ // the timer has nothing more to do
	a.loop.pausedAcceptors--
}

// hold stops accepting, or goes on, because Listener.Pause or Resume says so.
func (a *acceptor) hold(on bool) {
	if a.fd < 0 || a.held == on {
		return
	}
	a.held = on
	switch {
	case a.paused: // when that is over, it looks whether it is held
	case on:
		a.ignore()
	default:
		if err := a.heed(); err != nil {
			a.trouble("cannot resume accepting", err)
			a.held = false
			a.paused = true
			a.loop.pausedAcceptors++
			a.pause(maxBackoff)
		}
	}
}

// ignore takes the socket out of the selector.
func (a *acceptor) ignore() {
	a.loop.counts.Watches++
	if _, err := a.loop.sel.Unregister(a.fd); err != nil {
		a.trouble("cannot pause accepting", err) // yet the selector has forgotten it
	}
}

// heed puts it back.
func (a *acceptor) heed() error {
	a.loop.counts.Watches++
	_, err := a.loop.sel.Register(a.fd, iomux.Readable, a)
	return err
}

// descriptorFreed is called when this process has a descriptor less: the reserve
// is restored first, and a loop that waits for one accepts again.
func (l *Loop) descriptorFreed() {
	l.group.reserve.restore()
	if l.pausedAcceptors == 0 || l.group.reserve.missing.Load() {
		return
	}
	l.mu.Lock()
	list := slices.Clone(l.acceptors)
	l.mu.Unlock()
	for _, a := range list {
		a.resume()
	}
}

// close ends the listening socket.
func (a *acceptor) close() {
	if a.fd < 0 {
		return
	}
	switch {
	case a.paused:
		a.unpause()
	case !a.held:
		if _, err := a.loop.sel.Unregister(a.fd); err != nil {
			a.trouble("cannot unregister a listener", err)
		}
	}
	a.loop.mu.Lock()
	fd := a.fd
	a.fd = -1
	a.loop.mu.Unlock()
	if !a.lost {
		if errno := sys.Close(fd); errno != 0 {
			a.trouble("cannot close a listener", errno)
		}
	}
	a.loop.drop(a)
}

// trouble logs a failure, at most one a second.
func (a *acceptor) trouble(what string, err error, attrs ...any) {
	now := time.Now()
	if now.Sub(a.logged) < time.Second {
		return
	}
	a.logged = now
	a.loop.log.Warn(what, append(attrs, "listener", a.listener.URL(), "err", err)...)
}
