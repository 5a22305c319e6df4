//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
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
	fd       int           // -1 once closed
	paused   bool          // for want of descriptors or memory
	backoff  time.Duration // the last pause; 0 after a success
	pauseID  int           // tells the pause at hand from earlier ones
	logged   time.Time     // when trouble was last logged
	turn     int           // the loop that gets the next connection, where one accepts for all
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
	var last sys.Errno // of the calls that failed
	accepted := false
	for range acceptBudget {
		if a.fd < 0 || a.paused {
			return
		}
		fd, remote, errno := sys.Accept(a.fd)
		switch {
		case errno == 0:
			accepted = true
			if a.listener.group.reserve.claim(fd) {
				continue
			}
			a.backoff = 0
			a.hand(fd, remote)
		case errno == unix.EAGAIN:
			return
		case exhausted(errno):
			a.refuse(errno)
			return
		case errno == unix.EBADF || errno == unix.EINVAL || errno == unix.ENOTSOCK:
			a.trouble("cannot accept; the listener is closed", errno)
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

// hand gives the connection to its loop: this one where each loop has a socket
// of its own, else each in turn.
func (a *acceptor) hand(fd int, remote netip.AddrPort) {
	loops := a.listener.group.loops
	if len(a.listener.acceptors) > 1 || len(loops) == 1 {
		a.loop.open(fd, remote, a.listener.handler)
		return
	}
	l := loops[a.turn%len(loops)]
	a.turn++
	if err := l.Post(func() { l.open(fd, remote, a.listener.handler) }); err != nil {
		_ = sys.Close(fd) // the group is shutting down
	}
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
		if _, err := a.loop.sel.Unregister(a.fd); err != nil {
			a.trouble("cannot pause accepting", err) // yet the selector has forgotten it
		}
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
	if _, err := a.loop.sel.Register(a.fd, iomux.Readable, a); err != nil {
		a.trouble("cannot resume accepting", err)
		a.pause(maxBackoff)
		return
	}
	a.unpause()
}

func (a *acceptor) unpause() {
	a.paused = false
	a.pauseID++ // the timer has nothing more to do
	a.loop.pausedAcceptors--
}

// descriptorFreed is called when this process has a descriptor less: the reserve
// is restored first, and a loop that waits for one accepts again.
func (l *Loop) descriptorFreed() {
	l.reserve.restore()
	if l.pausedAcceptors == 0 || l.reserve.missing.Load() {
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
	if a.paused {
		a.unpause()
	} else if _, err := a.loop.sel.Unregister(a.fd); err != nil {
		a.trouble("cannot unregister a listener", err)
	}
	if errno := sys.Close(a.fd); errno != 0 {
		a.trouble("cannot close a listener", errno)
	}
	a.fd = -1
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
