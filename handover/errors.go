//go:build linux || darwin || dragonfly || freebsd || netbsd || openbsd

package handover

import (
	"errors"
	"fmt"
	"net"
	"os"
)

// The errors of this package; they come wrapped with what was tried. Errors of
// the kernel are wrapped likewise, and errors.Is finds the errno.
var (
	// ErrNobody: there is no server to take sockets from.
	ErrNobody = errors.New("nobody to take over from")
	// ErrRefused: the server at the other end has ended the hand-over, and goes
	// on. What it said is quoted behind.
	ErrRefused = errors.New("hand-over refused")
	// ErrProtocol: the other end does not follow the protocol, or goes beyond its
	// bounds.
	ErrProtocol = errors.New("no proper hand-over")
	// ErrUser: the process at the other end is another user's. It is an
	// os.ErrPermission too.
	ErrUser = fmt.Errorf("other end belongs to another user: %w", os.ErrPermission)
	// ErrEnvironment: LISTEN_PID, LISTEN_FDS or LISTEN_FDNAMES has a value it
	// cannot have.
	ErrEnvironment = errors.New("bad environment for socket activation")
	// ErrSocket: a descriptor is not what a server can serve: a stream or seqpacket
	// socket that listens, or a datagram socket, with an internet address or a
	// Unix socket's name.
	ErrSocket = errors.New("not a socket to serve")
	// ErrClosed: the Server or Takeover was closed, or has done its work. It is a
	// net.ErrClosed too.
	ErrClosed = fmt.Errorf("closed: %w", net.ErrClosed)
)

// errGone: the other end has closed the connection, or its process has ended.
var errGone = errors.New("the other end has gone")
