//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package reactor

import (
	"fmt"

	"golang.org/x/sys/unix"

	"example.com/iomux/internal/sys"
)

// receiveFailed deals with an error of the kernel, and reports whether it makes
// sense to ask again. Nearly all are about some datagram that was sent, have gone
// with this call, and the socket lives on.
func (s *PacketConn) receiveFailed(errno sys.Errno) (again bool) {
	switch {
	case broken(errno) || errno == unix.EINVAL || errno == unix.EFAULT:
		s.end("receive on", errno) // it would say the same for ever
		return false
	case s.connected:
		s.tell("receive from", s.remote, errno)
	default:
		s.tell("receive on", s.local, errno)
	}
	return true
}

// broken reports whether an errno means that the descriptor is no socket of ours
// any more.
func broken(errno sys.Errno) bool { return errno == unix.EBADF || errno == unix.ENOTSOCK }

// untoldLimit is how many errors of one socket wait to be told: whoever sends
// datagrams that cannot be answered must not fill the loop's list of functions.
const untoldLimit = 64

// tell counts an error and has the handler told of it, if it wants to be. Never
// from here: the handler may be in the middle of a call that led here.
func (s *PacketConn) tell(what string, peer Peer, err error) {
	s.loop.counts.PacketErrors++
	if s.errors == nil || s.untold >= untoldLimit {
		return
	}
	err = fmt.Errorf("reactor: %s %v: %w", what, peer, err)
	told := func() {
		s.untold--
		s.errors.PacketError(s, err)
	}
	if s.loop.post(posted{s, told}) == nil { // else the loop ends by force
		s.untold++
	}
}

// end is the end of a socket that does not work any more.
func (s *PacketConn) end(what string, err error) {
	if s.state >= packetDead {
		return
	}
	s.loop.log.Error("a socket for datagrams is closed", "socket", s.name(), "err", err)
	s.untold = 0 // this one is told in any case
	s.tell(what, s.local, fmt.Errorf("%w: %w", ErrClosed, err))
	s.finish()
}
